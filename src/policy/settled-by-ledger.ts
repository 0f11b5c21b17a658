import type { StepResult } from './offboard-result';
import type { Outcome } from './outcome';

/** A row of the ledger about one attempt at a call, in the order of writing. */
export interface CallRow {
  step: string;
  activityId: string;
  attempt: number;
  phase: 'intent' | 'outcome' | 'settled';
  /** `read` for a call that only read. */
  outcome?: Outcome | 'read';
  status?: number;
  requestId?: string;
  token?: string;
  /** Keyed hashes of the items that the call listed or removed. */
  items?: readonly string[];
}

/** What a run claims about its steps besides their outcomes. */
export interface RunClaims {
  /** The lists of which everything was to be removed; `any` if the run does not say which steps are lists. */
  wholeLists: readonly string[] | 'any';
  /** By step: number of good responses that the run received; absent in runs of earlier versions. */
  answers?: Readonly<Record<string, number>>;
}

/** The task of manual steps, which no call can confirm. */
const BY_PERSON = 'manual';

/**
 * Returns the positions of the steps that the calls of a run do not confirm. A workflow learns the result of a step
 * from its activities, and any client that may complete activities by their ID can report anything to it; the ledger
 * was written by the process that called the provider. A step counts as
 *
 * - `removed` or `accepted` by a call with that outcome, or by one whose response was lost and a later one with a
 *   response;
 * - `alreadyGone` or `notFound` by a call with a response from the same provider: that a user is deleted is read once;
 * - without items by a call with a response;
 * - any of these only if the ledger has as many good responses as the run received;
 * - complete only if the last list that was read names no item that the run has not removed. If only some items of the
 *   user were requested, or the step also has another outcome, others may remain.
 *
 * Other outcomes make no claim that needs proof, and manual steps have no calls.
 */
export function notBorneOut(
  steps: readonly StepResult[],
  rows: readonly CallRow[],
  { wholeLists, answers = {} }: RunClaims,
): number[] {
  return steps.flatMap((step, index) => {
    if (step.task === BY_PERSON) return [];
    const own = rows.filter((row) => row.step === step.step && row.phase !== 'settled');
    const atProvider = rows.filter((row) => providerOf(row) === providerOf(step) && row.phase !== 'settled');
    const others = steps.some((other) => other.step === step.step && LEAVES_ITEMS.includes(other.outcome));
    const isWhole = (wholeLists === 'any' || wholeLists.includes(step.step)) && !others && claimsAll(step);
    const isProven =
      isBorneOut(step, own, atProvider) && (!isClaim(step) || hasResponses(own, answers[step.step] ?? 0));
    return isProven && (!isWhole || leavesNone(own)) ? [] : [index];
  });
}

/** Outcomes that only responses of calls can have shown. */
function isClaim({ outcome, reason }: StepResult): boolean {
  return ['removed', 'accepted', 'alreadyGone', 'notFound'].includes(outcome) || reason === 'noItems';
}

/** A response without a row came from elsewhere. */
function hasResponses(rows: readonly CallRow[], count: number): boolean {
  const good = rows.filter(
    ({ phase, outcome, status = 0 }) =>
      phase === 'outcome' && outcome !== 'unknown' && (outcome !== 'failed' || (status >= 200 && status < 300)),
  );
  return new Set(good.map(({ activityId }) => activityId)).size >= count;
}

const LEAVES_ITEMS: readonly string[] = ['failed', 'unknown', 'held', 'notFound'];

function providerOf({ step }: { step: string }): string {
  return step.split('.', 1)[0] ?? '';
}

function isBorneOut(
  { outcome, reason }: StepResult,
  rows: readonly CallRow[],
  atProvider: readonly CallRow[],
): boolean {
  switch (outcome) {
    case 'removed':
    case 'accepted':
      return rows.some(isDone) || isSettledLater(rows);
    case 'alreadyGone':
    case 'notFound':
      return atProvider.some(hasResponse);
    case 'skipped':
      return reason !== 'noItems' || rows.some(hasResponse);
    default:
      return true;
  }
}

function isDone({ phase, outcome }: CallRow): boolean {
  return phase === 'outcome' && (outcome === 'removed' || outcome === 'accepted' || outcome === 'alreadyGone');
}

function hasResponse(row: CallRow): boolean {
  const { phase, outcome, status = 0 } = row;
  const isRead = outcome === 'read' || outcome === 'notFound';
  return phase === 'outcome' && (isDone(row) || isRead || (status >= 400 && status < 500));
}

/** A later call shows the outcome of a call whose response was lost. */
function isSettledLater(rows: readonly CallRow[]): boolean {
  const lost = rows.findIndex((row) => row.phase === 'intent' && !rows.some((other) => isResponseTo(row, other)));
  return lost >= 0 && rows.slice(lost + 1).some(hasResponse);
}

function isResponseTo({ activityId, attempt }: CallRow, row: CallRow): boolean {
  return (
    row.phase === 'outcome' && row.outcome !== 'unknown' && row.activityId === activityId && row.attempt === attempt
  );
}

function claimsAll({ outcome, reason }: StepResult): boolean {
  return outcome === 'removed' || outcome === 'alreadyGone' || (outcome === 'skipped' && reason === 'noItems');
}

function leavesNone(rows: readonly CallRow[]): boolean {
  const last = rows.filter(({ outcome, items }) => outcome === 'read' && items !== undefined).at(-1);
  if (!last?.items) return true;
  const removed = new Set(rows.filter(isDone).flatMap(({ items = [] }) => items));
  return last.items.every((item) => removed.has(item));
}

/**
 * Returns the step without a request ID or token that no response of the run's calls had. Evidence of manual steps
 * stays.
 */
export function withOwnEvidence(step: StepResult, rows: readonly CallRow[]): StepResult {
  if (step.task === BY_PERSON) return step;
  const { requestId, token, ...rest } = step;
  const own = rows.filter((row) => row.step === step.step);
  return {
    ...rest,
    ...(requestId !== undefined && own.some((row) => row.requestId === requestId) && { requestId }),
    ...(token !== undefined && own.some((row) => row.token === token) && { token }),
  };
}
