import type { SubjectHistory } from '../../ledger/ledger';
import type { OpenUser } from '../../ledger/sweeps/sweep-types';
import { USER_STEP } from '../../policy/converge';
import type { ConvergePlan } from '../../policy/converge';
import type { ChunkDependencies, ChunkPlan } from './chunk-types';

/** What the machine has to know about one user of a chunk before its first move. */
export function planFor(
  { user, unsettled }: OpenUser,
  history: SubjectHistory,
  plan: ChunkPlan,
  { hasher, services }: Pick<ChunkDependencies, 'hasher' | 'services'>,
): ConvergePlan {
  const { plaidUserId, plaidUserToken, batchUserId, itemIds } = user;
  const environment = plaidEnvironment(services);
  const seen = new Set(history.items);
  return {
    ...plan,
    plaidUser: plaidUserId !== undefined ? { user_id: plaidUserId } : plaidUserToken !== undefined ? { user_token: plaidUserToken } : undefined,
    batchUserId,
    itemIds: itemIds && [...new Set(itemIds)],
    batchApps: services.get('batch')?.keySlots ?? [],
    known: {
      // Absent after our own intent is gone: an earlier attempt may have done it and died before it could say so.
      steps: unsettled && plan.removeUser ? [...history.steps, USER_STEP] : history.steps,
      hadItems: unsettled || history.items.length > 0,
      itemIds: (itemIds ?? []).filter((id) => seen.has(hasher.item('plaid', environment, id))),
    },
  };
}

/** The environment under which Plaid's ids are hashed. */
export function plaidEnvironment(services: ChunkDependencies['services']): string {
  return services.get('plaid')?.environment ?? 'default';
}

/** The keyed hash that receipts of calls to a service carry for this user; empty when the user has no id there. */
export function subjectAt(service: string, { user, subjects }: OpenUser): string {
  // Hashed when the snapshot was taken: first the id at Plaid, last the one at Batch.
  if (service === 'batch') return user.batchUserId === undefined ? '' : (subjects.at(-1) ?? '');
  return user.plaidUserId === undefined && user.plaidUserToken === undefined ? '' : (subjects[0] ?? '');
}
