import type { CallRecord } from '../simulators/control-answers';

/** How one user stands at the providers when all is over, and every call about this user since the run began. */
export interface Truth {
  itemsLeft: readonly string[];
  itemsRemoved: readonly string[];
  productsTerminated: boolean;
  userRemoved: boolean;
  /** By the app's name: whether the data there is gone. */
  batchGone: Readonly<Record<string, boolean>>;
  calls: readonly CallRecord[];
  /** How often nobody listened, of which no call log can know. */
  refusals: number;
  /** Irreversible effects that were carried out a second time. */
  irreversibleRepeats: number;
  /** Ids of others for whom this run may not have done anything, and something was done. */
  othersTouched: readonly string[];
}

/** What the off-boarding said of one step. */
export interface ReportedStep {
  step: string;
  outcome: string;
  reason?: string | undefined;
}

/** What came out of a run, as whoever started it sees it. */
export interface Report {
  status: string;
  steps: readonly ReportedStep[];
  /** Absent where there is none: a sweep has receipts in its place. */
  compensations?: readonly { step: string; outcome: string }[];
}

/** One receipt of the ledger. */
export interface Recorded {
  phase: string;
  step: string;
  task: string;
  activityId: string;
  attempt: number;
  keySlot?: string | undefined;
  outcome?: string | undefined;
}

/** All that is known of one user of the matrix. */
export interface Observed {
  /** Absent when the run did not come to its end. */
  report?: Report;
  /** Why there is no report. */
  problem?: string;
  truth: Truth;
  receipts: readonly Recorded[];
}
