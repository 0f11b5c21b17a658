import type { TaskFailure } from '../tasks/failure';
import type { Outcome, RunStatus } from './outcome';

/** The result of one step. A step with different outcomes for different Items has one entry for each outcome. */
export interface StepResult {
  /** `plaid.items`, `plaid.products`, `plaid.user`, `batch.<app key's name>`, or a step of another provider. */
  step: string;
  /** The task that did it or would have done it. */
  task: string;
  outcome: Outcome;
  /** Why it was skipped or is unclear; for example `noItems`, `dryRun`, `needsUserId`, `stopped`. */
  reason?: string;
  /** Number of Items that this entry is about. */
  items?: number;
  /** The requested Items that Plaid does not list as the user's. In the run's own result only. */
  itemIds?: string[];
  requestId?: string;
  token?: string;
  failure?: TaskFailure;
}

/** One line of the compensation log: what cannot be undone, was not done, or is unknown, and what to do about it. */
export interface CompensationLine {
  step: string;
  outcome: Outcome;
  /** What can be done. */
  remedy: string;
  /** For example `request_id=…` or `token=…`; never a user's ID. */
  evidence: string;
}

/** The result of `offboardUser`. */
export interface OffboardResult {
  workflowId: string;
  runId: string;
  status: RunStatus;
  steps: StepResult[];
  /** Empty for a completed run. */
  compensations: CompensationLine[];
  /** The result of the compensation task, when the input named one and the run did not complete. */
  compensationTask?: { task: string; ok: boolean; requestId?: string; failure?: TaskFailure };
}

const GOOD: readonly Outcome[] = ['removed', 'alreadyGone', 'accepted'];
const BAD: readonly Outcome[] = ['failed', 'unknown', 'notFound'];

/** Returns whether the outcome counts as success. */
export function isGood(outcome: Outcome): boolean {
  return GOOD.includes(outcome);
}

/** Returns whether the outcome counts as failure of its run. */
export function isBad(outcome: Outcome, notFoundIsFine: boolean): boolean {
  return outcome === 'notFound' ? !notFoundIsFine : BAD.includes(outcome);
}

/** Returns the status of a run that ended by itself. `failed` requires a failed step and none that succeeded. */
export function statusOf(steps: readonly StepResult[], notFoundIsFine: boolean): RunStatus {
  if (steps.some(({ outcome }) => outcome === 'held')) return 'held';
  if (!steps.some(({ outcome }) => isBad(outcome, notFoundIsFine))) return 'completed';
  const failed = steps.some(({ outcome }) => outcome === 'failed');
  return failed && !steps.some(({ outcome }) => isGood(outcome)) ? 'failed' : 'partial';
}

/** The `type` of the failure that ends a run in which a step failed and none succeeded. */
export const OFFBOARDING_FAILED = 'Offboarding.Failed';

/** The `type` of the failure of a Nexus caller whose request differs from what the run in progress does. */
export const OFFBOARDING_CONFLICT = 'Offboarding.Conflict';
