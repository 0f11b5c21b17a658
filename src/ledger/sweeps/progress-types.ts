import type { ChunkFence } from './sweep-types';

/** How far some users of a wave have come, to be recorded before their next calls. */
export interface SaveProgress extends ChunkFence {
  /** At most `MOST_USERS_IN_A_WAVE`. */
  users: readonly { seq: number; round: number; progress: unknown; waitsFor?: string | undefined }[];
}

/** What a person reports about a step that users wait for. */
export interface StepReport {
  outcome: 'removed' | 'skipped' | 'failed';
  /** For example the number of a ticket; no personal data. */
  evidence?: string;
}

/** How far a user had come. */
export interface RecordedProgress {
  progress: unknown;
  /** What a person has reported about the step that the user waited for. */
  report?: StepReport & { step: string };
}

/** A report about the users who wait for a step now. */
export interface ReportStep {
  sweepId: string;
  step: string;
  report: StepReport;
  /** Only these users; all who wait when absent. */
  seqs?: readonly number[];
}
