import { defineQuery } from '@temporalio/workflow';
import type { CompensationLine, OffboardResult, StepResult } from '../policy/offboard-result';
import type { RunStatus } from '../policy/outcome';

/** The progress of an offboarding, in the shape of its result, with the status `running` until it has ended. */
export type OffboardProgress = Omit<OffboardResult, 'status'> & {
  status: RunStatus | 'running';
  /** ISO 8601: when the request is due; absent without a date. */
  dueAt?: string;
  /** Manual steps to do now and to report with the update `completeStep`; absent where the run has no such step. */
  waiting?: { step: string; title: string; instructions: string }[];
};

/** Returns the progress of the offboarding. */
export const progressQuery = defineQuery<OffboardProgress>('progress');

/** The steps that have ended. */
export const receiptsQuery = defineQuery<StepResult[]>('receipts');

/** The compensation log; empty while the run is in progress, and for a completed run. */
export const compensationsQuery = defineQuery<CompensationLine[]>('compensations');
