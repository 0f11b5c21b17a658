import type { OpenUser, StepReceipt } from '../../ledger/sweeps/sweep-types';
import type { StepResult } from '../../policy/offboard-result';
import { PLAID_STEPS } from '../../providers/plaid';
import { plaid } from '../../tasks/catalogue';
import type { TaskFailure } from '../../tasks/failure';
import type { ChunkDependencies } from './chunk-dependencies';
import { plaidEnvironment } from './plan-user';
import { receiptOfStep } from './receipt-of-step';
import type { UserItems } from './user-items';

const ITEMS_STEP = PLAID_STEPS.items;

type Known = Pick<ChunkDependencies, 'hasher' | 'services'>;

/** What keeps a user from going on now. */
export interface Obstacle {
  step: string;
  task: string;
  failure: TaskFailure;
}

/** The receipts of a user's steps. Of its Items they hold keyed hashes: removed ones first, the others where they stand. */
export function receiptsOf(
  user: OpenUser,
  results: readonly StepResult[],
  items: UserItems,
  known: Known,
): StepReceipt[] {
  let removed = items.removed;
  let others = notIn(items.seen, removed);
  return results.map((result) => {
    const receipt = receiptOfStep(result, user, known.services);
    if (result.step !== ITEMS_STEP || result.itemIds !== undefined) return receipt;
    if (result.outcome === 'removed') {
      const own = removed;
      removed = [];
      return withItems(receipt, own, known);
    }
    const rest = [...removed, ...others];
    [removed, others] = [[], []];
    return withItems(receipt, rest, known);
  });
}

/**
 * The receipts of a user who is tried again later: the steps that have ended, what is known of the Items, and what
 * stood in the way. None of them is the last word on its step. The next round, which begins anew, learns from them which
 * Items must not be sent again.
 */
export function deferredReceipts(
  user: OpenUser,
  done: readonly StepResult[],
  obstacle: Obstacle | undefined,
  items: UserItems,
  known: Known,
): StepReceipt[] {
  const { removed, requestId } = items;
  const ended = receiptsOf(user, done, items, known);
  const itemsEnded = done.some(({ step }) => step === ITEMS_STEP);
  const looked: StepReceipt[] = [];
  if (removed.length > 0 && !done.some(({ step, outcome }) => step === ITEMS_STEP && outcome === 'removed')) {
    const result = { step: ITEMS_STEP, task: plaid.userItemsRemove.name, outcome: 'removed', requestId } as const;
    looked.push(withItems(receiptOfStep(result, user, known.services), removed, known));
  }
  const others = notIn(items.seen, removed);
  if (others.length > 0 && !itemsEnded) {
    const look = receiptOfStep(
      { step: ITEMS_STEP, task: plaid.userItemsGet.name, outcome: 'skipped' },
      user,
      known.services,
    );
    looked.push(withItems({ ...look, outcome: 'read' }, others, known));
  }
  return [...ended, ...looked, ...(obstacle ? [obstacleReceipt(user, obstacle, known)] : [])];
}

/** The outcome of a call whose answer was lost is unknown, whatever becomes of the next one (see docs/decisions/0013). */
function obstacleReceipt(user: OpenUser, obstacle: Obstacle, known: Known): StepReceipt {
  const { perhapsDone, requestId } = obstacle.failure;
  return receiptOfStep({ ...obstacle, outcome: perhapsDone ? 'unknown' : 'failed', requestId }, user, known.services);
}

function withItems(receipt: StepReceipt, ids: readonly string[], { hasher, services }: Known): StepReceipt {
  if (ids.length === 0) return receipt;
  const environment = plaidEnvironment(services);
  return { ...receipt, items: ids.map((id) => hasher.item('plaid', environment, id)) };
}

function notIn(ids: readonly string[], others: readonly string[]): string[] {
  if (others.length === 0) return [...ids];
  const known = new Set(others);
  return ids.filter((id) => !known.has(id));
}
