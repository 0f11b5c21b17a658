import type { SubjectHistory } from '../../ledger/ledger';
import type { OpenUser, Removal } from '../../ledger/sweeps/sweep-types';
import type { ConvergePlan } from '../../policy/converge';
import type { CompiledPlan } from '../../policy/providers/compiled-plan';
import { builtInRun } from '../../providers/built-in';
import { PLAID_STEPS } from '../../providers/plaid';
import type { ChunkDependencies } from './chunk-dependencies';
import type { ChunkPlan } from './contract';

/** What the ledger knows of a user from before. */
export interface UserHistory {
  /** What receipts of any run or sweep tell about the user's id at Plaid. */
  atPlaid: SubjectHistory;
  /** What earlier rounds of this sweep removed; absent for nothing. */
  removals?: readonly Removal[];
}

/** What the machine has to know about one user of a chunk before its first move. */
export function planFor(
  { user, unsettled }: OpenUser,
  { atPlaid, removals = [] }: UserHistory,
  { plan, steps }: { plan: ChunkPlan; steps: CompiledPlan },
  { hasher, services }: Pick<ChunkDependencies, 'hasher' | 'services'>,
): ConvergePlan {
  const { plaidUserId, plaidUserToken, batchUserId, itemIds } = user;
  const environment = plaidEnvironment(services);
  const isAmong = (hashes: ReadonlySet<string>) => (id: string) => hashes.has(hasher.item('plaid', environment, id));
  const asked = itemIds && [...new Set(itemIds)];
  const removedItems = new Set(removals.flatMap(({ items }) => items));
  const run = {
    ...plan,
    plaidUser:
      plaidUserId !== undefined
        ? { user_id: plaidUserId }
        : plaidUserToken !== undefined
          ? { user_token: plaidUserToken }
          : undefined,
    batchUserId,
    itemIds: asked,
    batchApps: services.get('batch')?.keySlots ?? [],
    // What is gone after an intent of our own was there: an earlier attempt may have removed it, and died before it could say so.
    known: {
      steps: unsettled && plan.removeUser ? [...atPlaid.steps, PLAID_STEPS.user] : atPlaid.steps,
      hadItems: unsettled || atPlaid.items.length > 0,
      itemIds: asked === undefined ? [] : unsettled ? asked : asked.filter(isAmong(new Set(atPlaid.items))),
      ...(removals.length > 0 && {
        removedBefore: { has: isAmong(removedItems), size: removedItems.size },
        doneBefore: removals
          .filter(({ step }) => step !== PLAID_STEPS.items)
          .map(({ step, task, requestId }) => ({ step, task, outcome: 'removed' as const, requestId })),
      }),
    },
  };
  return builtInRun(run, steps);
}

/** The environment under which Plaid's ids are hashed. */
export function plaidEnvironment(services: ChunkDependencies['services']): string {
  return services.get('plaid')?.environment ?? 'default';
}
