import type { CompensationLine } from '../policy/offboard-result';
import type { Outcome } from '../policy/outcome';
import type { TaskFailureType } from '../tasks/failure';

/** Which call a receipt is about. Together with `attempt` and `phase` it identifies the receipt. */
export interface CallKey {
  /** Empty for a standalone activity. */
  workflowId: string;
  /** The workflow's run, or the activity's own run when it is standalone. */
  runId: string;
  activityId: string;
}

/** Recorded before anything is sent. */
export interface Intent extends CallKey {
  /** Temporal's attempt number of the activity, from 1. */
  attempt: number;
  /** The step that this call belongs to, for example `plaid.items`; the task's name for a single call. */
  step: string;
  task: string;
  service: string;
  /** For example `sandbox`. */
  environment: string;
  /** Which of several credentials is used, for example `ios`. */
  keySlot?: string;
  /** `true` refuses the intent unless every earlier attempt of this call certainly changed nothing: outcome `failed`. */
  refuseUnsettled: boolean;
  /** Keyed hashes of the users this call is about, one receipt each; a task without a subject has none. */
  subjects: readonly string[];
  /** Keyed hashes of all known IDs of those users: a hold on any of them refuses the intent. */
  holdSubjects: readonly string[];
  /** Counts the users of this call on their day. @default not counted */
  daily?: DailyLimit & {
    /** `run`: one user for all calls of the run; `ids`: each ID that the run has not called for, and one user without any. */
    counts: 'run' | 'ids';
  };
}

/** How many users may be begun on one day. */
export interface DailyLimit {
  /** In UTC: 2030-01-31. */
  day: string;
  mostUsers: number;
}

/** The result of recording an intent. Only `recorded` allows the call to be sent. */
export type IntentResult =
  | { kind: 'recorded' }
  /** A hold forbids the call; nothing was recorded. */
  | { kind: 'held' }
  /** Another attempt was or may have been sent; nothing was recorded. */
  | { kind: 'unsettled' }
  /** All calls that change something are stopped (`Ledger.stop`); nothing was recorded. */
  | { kind: 'stopped' }
  /** With its users, the day would have more than `daily.mostUsers`; nothing was recorded. */
  | { kind: 'dayIsFull' };

/** What a receipt says about a call: its outcome, or `read` for a read that succeeded. */
export type ReceiptOutcome = Outcome | 'read';

/** Recorded after the response arrived, or once it is certain that none will. */
export interface CallOutcome extends CallKey {
  attempt: number;
  step: string;
  task: string;
  service: string;
  environment: string;
  keySlot?: string;
  subjects: readonly string[];
  outcome: ReceiptOutcome;
  failureType?: TaskFailureType;
  status?: number;
  code?: string;
  requestId?: string;
  token?: string;
  /** Keyed hashes of the Items that this call listed or removed. */
  items?: readonly string[];
}

/** The final outcome of one step, recorded when a run ends. */
export interface SettledStep {
  step: string;
  task: string;
  /** For example `courier/acme`. @default that of the task's name */
  service?: string;
  outcome: Outcome;
  reason?: string;
  failureType?: TaskFailureType;
  status?: number;
  code?: string;
  requestId?: string;
  token?: string;
}

/** The end of a run: the final outcome of every step and the compensation log. Recording it is idempotent. */
export interface RunEnd {
  workflowId: string;
  runId: string;
  environment: string;
  subject: string;
  steps: readonly SettledStep[];
  compensations: readonly CompensationLine[];
}

/** A receipt as read from the ledger. */
export interface Receipt {
  /** The row's number in this ledger; verification refers to receipts by it. */
  id: number;
  /** The sweep's ID for a receipt of a sweep, which has neither run nor activity. */
  workflowId: string;
  runId: string;
  activityId: string;
  phase: 'intent' | 'outcome' | 'settled';
  /** How many times the user of a sweep had been deferred before. */
  round: number;
  attempt: number;
  /**
   * The user's number in its sweep; otherwise the position of the subject in its call, or of the step in its run's end.
   */
  seq: number;
  subject: string;
  step: string;
  task: string;
  service: string;
  environment: string;
  keySlot?: string;
  outcome?: ReceiptOutcome;
  reason?: string;
  failureType?: TaskFailureType;
  status?: number;
  code?: string;
  requestId?: string;
  token?: string;
  /** Keyed hashes of the Items that were listed or removed. */
  items?: readonly string[];
  /** ISO 8601, UTC. */
  at: string;
}

/** Which receipts to read. Subjects are keyed hashes. */
export type ReceiptFilter = { workflowId: string; runId?: string } | { subjects: readonly string[] };

/** What receipts of earlier runs say about a user. All IDs are keyed hashes. */
export interface SubjectHistory {
  /** Steps with a receipt `read`, `removed`, `alreadyGone` or `accepted` for this user. */
  steps: readonly string[];
  /** Items that were ever listed or removed. */
  items: readonly string[];
}

/** The environments that a hold covers, by service: `{ plaid: ['sandbox', 'production'], batch: ['default'] }`. */
export type HoldEnvironments = Readonly<Record<string, readonly string[]>>;

/** A legal hold on one user, to be set. */
export interface NewHold {
  holdId: string;
  /** Keyed hashes of the user's IDs, one for each ID and environment. */
  subjects: readonly string[];
  /** Why, in the words of the person who sets it; no personal data. */
  reason?: string;
  /** The environments that the hashes cover. A hold without them is listed with an unknown environment. */
  environments?: HoldEnvironments;
  /** Who sets it; a claim. */
  by?: string;
}

/** A legal hold. */
export interface Hold {
  holdId: string;
  /** Keyed hashes. */
  subjects: readonly string[];
  /** Why, in the words of the person who set it; no personal data. */
  reason?: string;
  /** ISO 8601, UTC. */
  at: string;
  /** Absent for a hold of 0.1.0, which covers one environment that was not recorded. */
  environments?: HoldEnvironments;
  /** Who set it, as claimed by the calling process. */
  setBy?: string;
}

/** A period during which all calls that change something are stopped. */
export interface Stop {
  /** In the words of the person who set it; no personal data. */
  reason: string;
  /** Who set it: a claim. */
  by: string;
  /** ISO 8601, UTC, like `liftedAt`. */
  at: string;
  liftedBy?: string;
  liftedAt?: string;
}

/** The policy with which a worker starts. */
export interface WorkersPolicy {
  namespace: string;
  taskQueue: string;
  /** The worker's identity. */
  worker: string;
  /** SHA-256 of the policy file, in hex; absent without a policy. */
  digest?: string | undefined;
  /** The rules as JSON; absent without a policy. */
  rules?: string | undefined;
}

/** When workers of a task queue began to obey another policy. */
export interface PolicyChange extends WorkersPolicy {
  /** ISO 8601, UTC. */
  at: string;
}

/**
 * Stores intents, outcomes and holds. Receipts are append-only, and recording one is idempotent. Every method rejects
 * with {@link LedgerUnavailableError} when the database cannot be reached or stays locked for too long; the error omits
 * the database's own message, which could contain data.
 */
export interface Ledger {
  /**
   * Checks the holds and earlier intents and records the intent in one statement, so that no hold can be set in
   * between. Repeating it with the same key and attempt returns `recorded` again, but `unsettled` with
   * `refuseUnsettled`, because the caller may be another process.
   */
  recordIntent(intent: Intent): Promise<IntentResult>;
  /** Records the outcome of a call. The first outcome for a key and attempt is kept. */
  recordOutcome(outcome: CallOutcome): Promise<void>;
  recordEnd(end: RunEnd): Promise<void>;
  /**
   * Returns the receipts of one workflow (of all runs or one), or of every run, single call and user of a sweep that
   * concerned any of these subjects, in the order in which they were recorded. A whole sweep can have millions, which
   * `SweepLedger.readReceipts` reads in pages.
   */
  readReceipts(filter: ReceiptFilter): Promise<Receipt[]>;
  readCompensations(filter: { workflowId: string; runId?: string }): Promise<CompensationLine[]>;
  /** Returns what earlier receipts (outcome or settled) say about any of these subjects. */
  readHistory(subjects: readonly string[]): Promise<SubjectHistory>;
  /** Sets or extends one hold; see `HoldLedger.set`. */
  addHold(hold: NewHold): Promise<void>;
  /** Returns whether any of these subjects is held. */
  isHeld(subjects: readonly string[]): Promise<boolean>;
  /** Returns what currently forbids calls that change something for these subjects, or undefined. */
  forbids(subjects: readonly string[]): Promise<'held' | 'stopped' | undefined>;
  /**
   * Stops all calls that change something in all processes that use this ledger: after it has returned, no intent is
   * recorded. An intent that was recorded before is sent within five seconds or never.
   * @returns The stop in force, which is an earlier one if there was one.
   */
  stop(stop: { reason: string; by: string }): Promise<Stop>;
  /** Lifts the stop in force. Returns false when there was none. */
  start(start: { by: string }): Promise<boolean>;
  /** Returns all stops, newest first. The one in force has no `liftedAt`. */
  listStops(): Promise<Stop[]>;
  /** Returns how many users were begun on a day, such as 2030-01-31, by processes that count them. */
  countUsersOfDay(day: string): Promise<number>;
  /**
   * Records the policy of a worker that starts, unless the last worker of its task queue had the same one; one without a
   * policy is recorded only after one with a policy.
   * @returns Whether it was recorded.
   */
  recordPolicy(policy: WorkersPolicy): Promise<boolean>;
  /** Returns the policies that workers have started with, newest first. */
  listPolicies(filter: { limit: number }): Promise<PolicyChange[]>;
  listHolds(): Promise<Hold[]>;
  /** Lifts every hold that names any of these subjects, or the hold with this ID. Returns how many were lifted. */
  removeHolds(which: { holdId: string } | { subjects: readonly string[] }): Promise<number>;
  close(): Promise<void>;
}

/** The ledger cannot be read or written at the moment. If recording an intent failed with it, nothing was sent. */
export class LedgerUnavailableError extends Error {
  override readonly name = 'LedgerUnavailableError';
}
