import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { z } from 'zod';
import type { approveInput, completeUsersStepInput, setRateInput } from '../../policy/sweep-input';
import type { SweepProgress } from '../../policy/sweep-result';

/**
 * Returns the progress of a sweep. It has the name of `offboardUser`'s query, so that both are queried in the same way.
 */
export const sweepProgressQuery = defineQuery<SweepProgress>('progress');

/** Stops when the calls in progress have finished; open chunks hand back the users they have not begun. */
export const pauseUpdate = defineUpdate<SweepProgress>('pause');

/**
 * Continues after a pause, whatever its reason. It takes `{by}` too, since only an update with an argument can be
 * encrypted.
 */
export const resumeUpdate = defineUpdate<SweepProgress>('resume');

/** Approves a sweep that waits for approval; `total` has to be the number of its users. */
export const approveUpdate = defineUpdate<SweepProgress, [z.input<typeof approveInput>]>('approve');

/** Reports the outcome of a manual step for the users who wait for it. */
export const completeStepUpdate = defineUpdate<SweepProgress, [z.input<typeof completeUsersStepInput>]>('completeStep');

/** Sets a limit in calls a minute, for all workers that use the same ledger. */
export const setRateUpdate = defineUpdate<SweepProgress, [z.input<typeof setRateInput>]>('setRate');
