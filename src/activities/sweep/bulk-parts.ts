import type { BulkUser } from '../../ledger/sweeps/sweep-types';

/**
 * The most bytes of a bulk call's body. Batch documents a number of ids and no size, and ids may have four kilobytes
 * each; a megabyte is what goes through a proxy whose limit nobody has set (nginx), and ten thousand usual ids are a third
 * of it.
 */
export const MOST_BULK_BYTES = 1_000_000;

/** The brackets around the list. */
const FRAME_BYTES = 2;

/** Users in their order, in as few calls as the bytes allow; each call has at least one. */
export function bulkParts(users: readonly BulkUser[], mostBytes = MOST_BULK_BYTES): BulkUser[][] {
  const parts: BulkUser[][] = [];
  let part: BulkUser[] = [];
  let bytes = FRAME_BYTES;
  for (const user of users) {
    // With the comma that may follow it.
    const more = Buffer.byteLength(JSON.stringify(batchIdOf(user))) + 1;
    if (part.length > 0 && bytes + more > mostBytes) {
      parts.push(part);
      part = [];
      bytes = FRAME_BYTES;
    }
    part.push(user);
    bytes += more;
  }
  return part.length > 0 ? [...parts, part] : parts;
}

/** A user who waits for a bulk call has an id at Batch; an empty one would be refused before it is sent. */
export function batchIdOf({ user }: Pick<BulkUser, 'user'>): string {
  return user.batchUserId ?? '';
}

/** Both halves of a call that was refused for one of its ids; the second may go through although the first does not. */
export function halvesOf(part: readonly BulkUser[]): BulkUser[][] {
  const middle = Math.ceil(part.length / 2);
  return [part.slice(0, middle), part.slice(middle)];
}
