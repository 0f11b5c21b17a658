import type { OpenUser, StepReceipt } from '../../ledger/sweeps/sweep-types';
import type { StepResult } from '../../policy/offboard-result';
import type { EndedEntry } from '../../policy/steps/step';
import type { TaskFailure } from '../../tasks/failure';
import { environmentOf } from './plan-user';
import type { UserDependencies } from './plan-user';
import { receiptOfStep } from './receipt-of-step';
import type { SweepSteps } from './sweep-steps';
import type { UserItems } from './user-items';

export type Known = UserDependencies & { steps: SweepSteps };

/** What the calls of a user's steps have met. */
export interface Met {
  /** By list step. */
  items: ReadonlyMap<string, UserItems>;
  /** By step that makes its calls for each ID of a list. */
  entries: ReadonlyMap<string, readonly EndedEntry[]>;
}

/** Why the user was deferred. */
export interface Obstacle {
  step: string;
  task: string;
  failure: TaskFailure;
}

/**
 * Returns the receipts of a user's steps. They contain keyed hashes of its items: of removed ones first, then of the
 * others. A step that made its calls for each ID of a list has a receipt under the hash of each.
 */
export function receiptsOf(
  user: OpenUser,
  results: readonly StepResult[],
  { items, entries }: Met,
  known: Known,
): StepReceipt[] {
  const left = new Map(
    [...items].map(([step, own]) => [step, { removed: own.removed, others: notIn(own.seen, own.removed) }]),
  );
  return results.flatMap((result) => {
    const ended = entries.get(result.step);
    if (ended) return entryReceipts(result, ended, user, known);
    const receipt = receiptOfStep(result, user, known);
    const own = left.get(result.step);
    if (!own || result.itemIds !== undefined) return [receipt];
    if (result.outcome === 'removed') {
      const { removed } = own;
      own.removed = [];
      return [withItems(receipt, removed, known)];
    }
    const rest = [...own.removed, ...own.others];
    [own.removed, own.others] = [[], []];
    return [withItems(receipt, rest, known)];
  });
}

/** The first receipt is the row of the result; the others say the same of the other IDs, each of which is known by them. */
function entryReceipts(result: StepResult, ended: readonly EndedEntry[], user: OpenUser, known: Known): StepReceipt[] {
  const own = ended.filter((entry) => entry.result.outcome === result.outcome && entry.result.reason === result.reason);
  const [first, ...others] = own;
  if (!first) return [receiptOfStep(result, user, known)];
  return [
    receiptOfStep(result, user, known, first.value),
    ...others.map((entry) => ({ ...receiptOfStep(entry.result, user, known, entry.value), isRow: false })),
  ];
}

/**
 * Returns the receipts of a user who is tried again later: the steps that have ended, what is known of the items, and
 * the reason of the deferral. None of them is the final outcome of its step. A next round that starts over learns from
 * them which items must not be sent again.
 */
export function deferredReceipts(
  user: OpenUser,
  done: readonly StepResult[],
  obstacle: Obstacle | undefined,
  met: Met,
  known: Known,
): StepReceipt[] {
  const ended = receiptsOf(user, done, met, known);
  const looked = [...met.items].flatMap(([step, own]) => itemsSoFar(user, done, step, own, known));
  return [...ended, ...looked, ...(obstacle ? [obstacleReceipt(user, obstacle, known)] : [])];
}

function itemsSoFar(
  user: OpenUser,
  done: readonly StepResult[],
  step: string,
  { removed, requestId, seen }: UserItems,
  known: Known,
): StepReceipt[] {
  const planned = known.steps.find(step);
  if (planned?.kind !== 'list') return [];
  const results = done.filter((result) => result.step === step);
  const receipts: StepReceipt[] = [];
  if (removed.length > 0 && !results.some(({ outcome }) => outcome === 'removed')) {
    const result = { step, task: planned.act.name, outcome: 'removed', requestId } as const;
    receipts.push(withItems(receiptOfStep(result, user, known), removed, known));
  }
  const others = notIn(seen, removed);
  if (others.length > 0 && results.length === 0) {
    const look = receiptOfStep({ step, task: planned.look.name, outcome: 'skipped' }, user, known);
    receipts.push(withItems({ ...look, outcome: 'read' }, others, known));
  }
  return receipts;
}

/**
 * The outcome of a call whose response was lost is unknown, whatever the outcome of the next one (see
 * docs/decisions/0013).
 */
function obstacleReceipt(user: OpenUser, obstacle: Obstacle, known: Known): StepReceipt {
  const { perhapsDone, requestId } = obstacle.failure;
  return receiptOfStep({ ...obstacle, outcome: perhapsDone ? 'unknown' : 'failed', requestId }, user, known);
}

function withItems(receipt: StepReceipt, ids: readonly string[], { hasher, services }: Known): StepReceipt {
  if (ids.length === 0) return receipt;
  const { service } = receipt;
  const environment = environmentOf(services, service);
  return { ...receipt, items: ids.map((id) => hasher.item(service, environment, id)) };
}

function notIn(ids: readonly string[], others: readonly string[]): string[] {
  if (others.length === 0) return [...ids];
  const known = new Set(others);
  return ids.filter((id) => !known.has(id));
}
