import type { CallRecord } from '../simulators/control-responses';

/** The state of one user at the providers after the run, and every call about this user since the run started. */
export interface Truth {
  itemsLeft: readonly string[];
  itemsRemoved: readonly string[];
  productsTerminated: boolean;
  userRemoved: boolean;
  /** Whether the data is deleted, by app name. */
  batchGone: Readonly<Record<string, boolean>>;
  calls: readonly CallRecord[];
  /** Number of refused connections, which no call log contains. */
  refusals: number;
  /** Number of irreversible effects executed more than once. */
  irreversibleRepeats: number;
  /** IDs of other users for whom something was done, although this run must not touch them. */
  othersTouched: readonly string[];
}

/** The reported outcome of one step. */
export interface ReportedStep {
  step: string;
  outcome: string;
  reason?: string | undefined;
}

/** The result of a run, as returned to its caller. */
export interface Report {
  status: string;
  steps: readonly ReportedStep[];
  /** Absent for a sweep, which has receipts instead. */
  compensations?: readonly { step: string; outcome: string }[];
}

/** A receipt in the ledger. */
export interface Recorded {
  phase: string;
  step: string;
  task: string;
  activityId: string;
  attempt: number;
  keySlot?: string | undefined;
  outcome?: string | undefined;
}

/** Everything observed about one user of the matrix. */
export interface Observed {
  /** Absent if the run did not end. */
  report?: Report;
  /** Why there is no report. */
  problem?: string;
  truth: Truth;
  receipts: readonly Recorded[];
}
