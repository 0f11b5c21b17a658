import { defineQuery } from '@temporalio/workflow';
import type { CompensationLine, OffboardResult, StepResult } from '../policy/offboard-result';
import type { RunStatus } from '../policy/outcome';

/** How an off-boarding stands; the same shape as its result, with `running` until it has ended. */
export type OffboardProgress = Omit<OffboardResult, 'status'> & {
  status: RunStatus | 'running';
  /** What a person has to do now, to be reported by the update `completeStep`; absent where the run has no such step. */
  waiting?: { step: string; title: string; instructions: string }[];
};

/** How the off-boarding stands. */
export const progressQuery = defineQuery<OffboardProgress>('progress');

/** The steps that have ended. */
export const receiptsQuery = defineQuery<StepResult[]>('receipts');

/** The compensation log; empty while the run goes on and for a completed run. */
export const compensationsQuery = defineQuery<CompensationLine[]>('compensations');
