import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { z } from 'zod';
import type { approveInput, completeUsersStepInput, setRateInput } from '../../policy/sweep-input';
import type { SweepProgress } from '../../policy/sweep-result';

/** How a sweep stands. It has the name of `offboardUser`'s query, so that both are asked in one way. */
export const sweepProgressQuery = defineQuery<SweepProgress>('progress');

/** Stops after the calls in flight; open chunks hand back what they have not begun. */
export const pauseUpdate = defineUpdate<SweepProgress>('pause');

/** Goes on after a pause, whatever it was for. It takes `{by}` too, since only an update with an argument can be encrypted. */
export const resumeUpdate = defineUpdate<SweepProgress>('resume');

/** Lets a sweep begin that waits for approval; `total` has to be the number of its users. */
export const approveUpdate = defineUpdate<SweepProgress, [z.input<typeof approveInput>]>('approve');

/** Reports what became of a step that people do, for the users who wait for it. */
export const completeStepUpdate = defineUpdate<SweepProgress, [z.input<typeof completeUsersStepInput>]>('completeStep');

/** Sets a limit in calls a minute, for everybody who uses the same ledger. */
export const setRateUpdate = defineUpdate<SweepProgress, [z.input<typeof setRateInput>]>('setRate');
