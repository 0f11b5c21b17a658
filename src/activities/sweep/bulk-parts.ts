import type { BulkUser } from '../../ledger/sweeps/sweep-types';
import { idAt, idsOf } from '../../policy/user-ids';
import type { BulkStep } from './sweep-steps';

/** Returns the ID of a user that the call of a bulk step lists; an empty one would be refused before it is sent. */
export function bulkIdOf({ provider, bulk }: BulkStep['plan'], { user }: Pick<BulkUser, 'user'>): string {
  const id = idAt(idsOf(user), provider, bulk.id);
  return typeof id === 'string' ? id : '';
}

/** The limits of one bulk call. */
export interface BulkLimits {
  /** Maximum number of IDs. */
  most: number;
  /** Maximum size of the body, in bytes. */
  mostBytes: number;
  /** Size of the body without any ID, and what each ID adds to its own, in bytes. */
  frameBytes: number;
  bytesPerId: number;
}

/** Returns the users in their order, in as few calls as the limits allow; each call has at least one. */
export function bulkParts(
  users: readonly BulkUser[],
  idOf: (user: BulkUser) => string,
  { most, mostBytes, frameBytes, bytesPerId }: BulkLimits,
): BulkUser[][] {
  const parts: BulkUser[][] = [];
  let part: BulkUser[] = [];
  let bytes = frameBytes;
  for (const user of users) {
    const more = Buffer.byteLength(JSON.stringify(idOf(user))) + bytesPerId;
    if (part.length > 0 && (part.length >= most || bytes + more > mostBytes)) {
      parts.push(part);
      part = [];
      bytes = frameBytes;
    }
    part.push(user);
    bytes += more;
  }
  return part.length > 0 ? [...parts, part] : parts;
}

/**
 * Returns both halves of a call that was refused for one of its IDs; the second may succeed although the first does
 * not.
 */
export function halvesOf(part: readonly BulkUser[]): BulkUser[][] {
  const middle = Math.ceil(part.length / 2);
  return [part.slice(0, middle), part.slice(middle)];
}
