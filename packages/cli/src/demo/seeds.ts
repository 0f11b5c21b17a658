import type { BatchSeedInput, PlaidSeedInput } from '@temporal-http-tasks/testing/internal/simulators/control-api';
import { BYSTANDER } from './cast';
import type { CastMember } from './cast';

/** How many people are known to both providers and are none of the run's business. */
export const BYSTANDERS = 1_000;

/** Who is known where before the run: the users of the file, and everybody who must not be touched. */
export interface Seeds {
  plaid: PlaidSeedInput;
  batch: BatchSeedInput;
  /** How many people must not be touched. */
  bystanders: number;
}

/**
 * The users as the simulators are to know them, a thousand bystanders, and for every Batch id those ids that a careless
 * client could turn it into (trimmed, re-encoded, cut at a slash), so that such a mistake deletes somebody who counts.
 */
export function seedsFor(cast: readonly CastMember[]): Seeds {
  const batchIds = cast.flatMap(({ batchUserId }) => batchUserId ?? []);
  const neighbours = [...new Set(batchIds.flatMap(lookalikes))].filter((id) => !batchIds.includes(id));
  const plaidUsers = cast.flatMap(({ plaid }) => (plaid ? [plaidUser(plaid)] : []));
  return {
    plaid: { users: plaidUsers, generate: { count: BYSTANDERS, prefix: BYSTANDER, itemsPerUser: 2 } },
    batch: { users: [...batchIds, ...neighbours], generate: { count: BYSTANDERS, prefix: BYSTANDER } },
    bystanders: BYSTANDERS + neighbours.length,
  };
}

type PlaidUserSeed = NonNullable<PlaidSeedInput['users']>[number];

function plaidUser({ userId, userToken, items }: NonNullable<CastMember['plaid']>): PlaidUserSeed {
  return { userId, ...(userToken !== undefined && { userToken, tokenOnly: true }), items: [...items] };
}

function lookalikes(id: string): string[] {
  const parts = id.split(/[/?#]/);
  const variants = [
    id.trim(),
    id.toLowerCase(),
    id.toUpperCase(),
    id.normalize('NFD'),
    encodeURIComponent(id),
    decoded(id),
    ...parts,
  ];
  return variants.filter((variant) => variant !== id && variant !== '');
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
