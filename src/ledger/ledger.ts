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

/** Written before anything is sent. */
export interface Intent extends CallKey {
  /** Temporal's attempt number of the activity, from 1. */
  attempt: number;
  /** The step of the off-boarding this call belongs to, for example `plaid.items`; the task's name for a lone call. */
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
  /** Keyed hashes of all known ids of those users: a hold on any of them refuses the intent. */
  holdSubjects: readonly string[];
}

/** What the ledger answers to an intent. Only `recorded` allows the call to be sent. */
export type IntentAnswer =
  | { kind: 'recorded' }
  /** A hold forbids the call; nothing was written. */
  | { kind: 'held' }
  /** Another attempt was sent, or perhaps was; nothing was written. */
  | { kind: 'unsettled' }
  /** Everything is stopped (`Ledger.stop`); nothing was written. */
  | { kind: 'stopped' };

/** What a receipt says became of a call: an outcome, or `read` for a call that only looked (and got its answer). */
export type ReceiptOutcome = Outcome | 'read';

/** Written after the answer, or after it was clear that none will come. */
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
  /** Keyed hashes of the items this call saw or removed. */
  items?: readonly string[];
}

/** The last word on one step, written when a run ends. */
export interface SettledStep {
  step: string;
  task: string;
  outcome: Outcome;
  reason?: string;
  failureType?: TaskFailureType;
  status?: number;
  code?: string;
  requestId?: string;
  token?: string;
}

/** The end of a run: the last word on every step and the compensation log. Repeating it changes nothing. */
export interface RunEnd {
  workflowId: string;
  runId: string;
  environment: string;
  subject: string;
  steps: readonly SettledStep[];
  compensations: readonly CompensationLine[];
}

/** One receipt as it is read back. */
export interface Receipt {
  /** The row's number in this ledger, by which a verification names it. */
  id: number;
  /** The sweep's id for a receipt of a sweep, which has neither run nor activity. */
  workflowId: string;
  runId: string;
  activityId: string;
  phase: 'intent' | 'outcome' | 'settled';
  /** How often the user of a sweep was deferred before, from 0. */
  round: number;
  attempt: number;
  /** The user's number in its sweep; else the place of the subject in its call, or of the step in its run's end. */
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
  /** Keyed hashes of the Items that were seen or removed. */
  items?: readonly string[];
  /** ISO 8601, UTC. */
  at: string;
}

/** Which receipts are wanted. Subjects are keyed hashes. */
export type ReceiptFilter = { workflowId: string; runId?: string } | { subjects: readonly string[] };

/** What earlier runs left behind about a user; all ids are keyed hashes. */
export interface SubjectHistory {
  /** Steps of which a receipt says `read`, `removed`, `alreadyGone` or `accepted` about this user. */
  steps: readonly string[];
  /** Items that were once seen or removed. */
  items: readonly string[];
}

/** The environments that a hold covers, by service: `{ plaid: ['sandbox', 'production'], batch: ['default'] }`. */
export type HoldEnvironments = Readonly<Record<string, readonly string[]>>;

/** A legal hold on one user that is to be set. */
export interface NewHold {
  holdId: string;
  /** Keyed hashes of the user's IDs, one for each ID and environment. */
  subjects: readonly string[];
  /** Why, in the words of the person who sets it; no personal data. */
  reason?: string;
  /** What the hashes cover. A hold without it is listed as one of an unknown environment. */
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
  /** Absent for a hold of 0.1.0, which covers one environment that the ledger does not know. */
  environments?: HoldEnvironments;
  /** Who set it, as that process claimed. */
  setBy?: string;
}

/** A time during which every call that changes something was stopped. */
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

/**
 * The store of what was meant, done and found. Receipts are only ever appended; writing one twice leaves one.
 * Every method rejects with {@link LedgerUnavailableError} when the database cannot be reached or is locked for too
 * long, and says so without the database's own message, which could hold data.
 */
export interface Ledger {
  /**
   * Checks the holds and earlier intents and writes the intent, in one statement, so that no hold can slip in between.
   * Repeating it with the same key and attempt answers `recorded` again, but `unsettled` for a call that
   * `refuseUnsettled`: whoever repeats it may be another process.
   */
  recordIntent(intent: Intent): Promise<IntentAnswer>;
  /** Writes the outcome of a call; the first one written for a key and attempt stays. */
  recordOutcome(outcome: CallOutcome): Promise<void>;
  recordEnd(end: RunEnd): Promise<void>;
  /**
   * Receipts of one workflow (all its runs, or one), or of every run, lone call and user of a sweep that was about any
   * of these subjects, in the order in which they were written. Those of a whole sweep may be millions and are read in
   * pages: see `SweepLedger.readReceipts`.
   */
  readReceipts(filter: ReceiptFilter): Promise<Receipt[]>;
  readCompensations(filter: { workflowId: string; runId?: string }): Promise<CompensationLine[]>;
  /** What earlier receipts (outcome or settled) tell about any of these subjects. */
  readHistory(subjects: readonly string[]): Promise<SubjectHistory>;
  /** Sets or extends one hold; see `HoldLedger.set`. */
  addHold(hold: NewHold): Promise<void>;
  /** Whether any of these subjects is held. */
  isHeld(subjects: readonly string[]): Promise<boolean>;
  /** What keeps a call that changes something from being sent about these subjects now, if anything does. */
  forbids(subjects: readonly string[]): Promise<'held' | 'stopped' | undefined>;
  /**
   * Stops every call that changes something, of all processes that use this ledger: once it has returned, no intent is
   * recorded any more. An intent that was recorded before is sent within five seconds or never.
   * @returns The stop in force: an earlier one, if there was one.
   */
  stop(stop: { reason: string; by: string }): Promise<Stop>;
  /** Lifts the stop in force. Returns false when there was none. */
  start(start: { by: string }): Promise<boolean>;
  /** Every stop there has been, newest first; the one in force has no `liftedAt`. */
  listStops(): Promise<Stop[]>;
  listHolds(): Promise<Hold[]>;
  /** Lifts every hold that names any of these subjects, or the hold with this id; answers how many were lifted. */
  removeHolds(which: { holdId: string } | { subjects: readonly string[] }): Promise<number>;
  close(): Promise<void>;
}

/** The ledger cannot be written or read right now. When an intent met it, nothing was sent. */
export class LedgerUnavailableError extends Error {
  override readonly name = 'LedgerUnavailableError';
}
