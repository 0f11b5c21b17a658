import type { OpenUser, StepReceipt } from '../../ledger/sweeps/sweep-types';
import { ITEMS_STEP } from '../../policy/steps/items';
import type { StepResult } from '../../policy/offboard-result';
import type { TaskFailure } from '../../tasks/failure';
import { plaid } from '../../tasks/catalogue';
import type { ChunkDependencies } from './chunk-types';
import { plaidEnvironment, subjectAt } from './plan-user';
import type { UserItems } from './user-items';

type Known = Pick<ChunkDependencies, 'hasher' | 'services'>;

/** The receipts of a user's steps. Of its Items they hold keyed hashes: removed ones first, the others where they stand. */
export function receiptsOf(user: OpenUser, results: readonly StepResult[], items: UserItems, known: Known): StepReceipt[] {
  let removed = items.removed;
  let others = items.seen.filter((id) => !removed.includes(id));
  return results.map((result) => {
    const receipt = receiptOf(user, result, known);
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
 * stood in the way. None of them is the last word on its step.
 */
export function deferredReceipts(
  user: OpenUser,
  done: readonly StepResult[],
  obstacle: { step: string; task: string; failure: TaskFailure } | undefined,
  items: UserItems,
  known: Known,
): StepReceipt[] {
  const receipts = receiptsOf(user, done, items, known);
  const itemsAreTold = done.some(({ step }) => step === ITEMS_STEP);
  const task = plaid.userItemsRemove.name;
  if (!itemsAreTold && items.removed.length > 0) {
    receipts.push(withItems(receiptOf(user, { step: ITEMS_STEP, task, outcome: 'removed' }, known), items.removed, known));
  } else if (!itemsAreTold && items.seen.length > 0) {
    const look = receiptOf(user, { step: ITEMS_STEP, task: plaid.userItemsGet.name, outcome: 'skipped' }, known);
    receipts.push(withItems({ ...look, outcome: 'read' }, items.seen, known));
  }
  if (obstacle) receipts.push(receiptOf(user, { ...obstacle, outcome: 'failed', requestId: obstacle.failure.requestId }, known));
  return receipts;
}

function receiptOf(user: OpenUser, result: StepResult, known: Known): StepReceipt {
  const { step, task, outcome, reason, requestId, token, failure } = result;
  const service = task.slice(0, task.indexOf('.'));
  return {
    step,
    task,
    subject: subjectAt(service, user),
    service,
    environment: service === 'plaid' ? plaidEnvironment(known.services) : (known.services.get(service)?.environment ?? 'default'),
    ...(step.startsWith('batch.') && { keySlot: step.slice('batch.'.length) }),
    outcome,
    reason,
    failureType: failure?.type,
    status: failure?.status,
    code: failure?.code,
    requestId,
    token,
  };
}

function withItems(receipt: StepReceipt, ids: readonly string[], { hasher, services }: Known): StepReceipt {
  if (ids.length === 0) return receipt;
  return { ...receipt, items: ids.map((id) => hasher.item('plaid', plaidEnvironment(services), id)) };
}
