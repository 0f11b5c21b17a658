import type { ProductsTerminateReasonCode } from '../../tasks/plaid/reason-codes';
import type { TaskFailure } from '../../tasks/failure';
import type { StepResult } from '../offboard-result';

/** How Plaid is told whom a call is about. */
export type PlaidUser = { user_id: string } | { user_token: string };

/** Items that earlier rounds of the same off-boarding removed. The ledger knows them by keyed hashes only, so it is asked. */
export interface RemovedItems {
  has(itemId: string): boolean;
  readonly size: number;
}

/** Everything that is decided before the first call for one user. */
export interface ConvergePlan {
  plaidUser?: PlaidUser;
  batchUserId?: string;
  /** Only these Items; all when absent. */
  itemIds?: readonly string[];
  reason: { code: ProductsTerminateReasonCode; note?: string };
  removeUser: boolean;
  /** Steps that are left out on request. */
  exclude?: readonly string[];
  batchMode: 'customData' | 'gdpr' | 'skip';
  /** The names of the configured Batch app keys. */
  batchApps: readonly string[];
  dryRun: boolean;
  onFailure: 'continue' | 'stop';
  notFoundIsFine: boolean;
  /** What the ledger knows from earlier runs. */
  known: {
    /** Steps of which a receipt says that they saw, removed or had accepted this user. */
    steps: readonly string[];
    /** A receipt saw or removed at least one Item of this user. */
    hadItems: boolean;
    /** Those of the asked Items that a receipt saw or removed. */
    itemIds: readonly string[];
    /** What earlier rounds of a sweep, which begin anew each time, were answered is removed: never to be sent again. */
    removedBefore?: RemovedItems;
    /** Steps other than the Items' that such a round has done. They are not done again. */
    doneBefore?: readonly StepResult[];
  };
}

/** A call to make now. */
export interface CallMove {
  kind: 'call';
  step: string;
  task: string;
  input: Record<string, unknown>;
}

/** What to do next for a step: call, look again later, or nothing more. */
export type StepMove = CallMove | { kind: 'wait'; untilMs: number } | { kind: 'done'; results: StepResult[] };

/** What became of a call: an answer, with the attempt (from 1) that brought it, or a failure that Temporal will not retry any more. */
export type CallAnswer =
  | { ok: true; output: unknown; attempt: number; requestId?: string; token?: string }
  | { ok: false; failure: TaskFailure };

/**
 * One step for one user as a value: `next` says what to do, `answered` what an answer changes. Both are pure; time
 * comes in as milliseconds since 1970.
 */
export interface Step {
  readonly name: string;
  /** The task whose effect this step is for. */
  readonly task: string;
  next(nowMs: number): StepMove;
  answered(call: CallMove, answer: CallAnswer, nowMs: number): Step;
  /** How the step stands if it has to end now, because of `reason`. */
  ended(reason: string): StepResult[];
}

/** A read that may lag behind is polled for this long, then believed. */
export const LAG_MS = 60_000;

/** After a lost answer the provider may still be at work: nothing is sent again before it had this long. */
export const SETTLE_MS = 5_000;

/** The pause before look number `looks` (from 0) of a polling that starts with one second and doubles up to ten. */
export function pauseMs(looks: number): number {
  return Math.min(1_000 * 2 ** looks, 10_000);
}

/** What a step is that ends before anything of it was sent: a cancelled one is left out, any other has failed. */
export function outcomeWhenEnded(reason: string): 'skipped' | 'failed' {
  return reason === 'cancelled' ? 'skipped' : 'failed';
}

/** Failures of a call that was perhaps carried out. */
export function maybeDone(failure: TaskFailure): boolean {
  return failure.type === 'Task.OutcomeUnknown' || failure.type === 'Task.UnexpectedResponse';
}
