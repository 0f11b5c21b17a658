import { ActivityCancellationType, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { StepContext, TaskEnvelope } from '../activities/contract';
import { callFailureOf } from './failure-of';
import type { CallAnswer } from '../policy/converge';
import { effectOf } from '../tasks/effect';
import type { HttpTask } from '../tasks/define';

/**
 * How every task's activity is run. Temporal is the only layer that retries; which failures are final is the
 * activity's word. The heartbeat makes a dead worker known within seconds and carries a cancellation to the call; the
 * workflow waits for a cancelled call to end, so that an irreversible one already sent is still recorded.
 */
export const TASK_ACTIVITY_OPTIONS = {
  // Longer than the longest total time-out that a worker may be configured with (240 s).
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
} satisfies ActivityOptions;

type TaskActivities = Record<string, (input: unknown, context?: StepContext) => Promise<unknown>>;

/** One run of a task's activity. */
export interface TaskCall {
  task: Pick<HttpTask, 'name' | 'generic' | 'effect'> & { service: { name: string } };
  input: unknown;
  context: StepContext;
  activityId: string;
  /** Shown in the Temporal UI; never an id of a user. */
  summary: string;
  /** Temporal gives up retrying after this long. */
  withinMs: number;
}

/**
 * Runs a task's activity and answers what became of it. A final failure is an answer; a cancellation is thrown.
 */
export async function callTask({ task, input, context, activityId, summary, withinMs }: TaskCall): Promise<CallAnswer> {
  const activity = proxyActivities<TaskActivities>(TASK_ACTIVITY_OPTIONS)[task.name];
  if (!activity) throw new Error(`No proxy for ${task.name}.`);
  try {
    const options = { ...TASK_ACTIVITY_OPTIONS, activityId, summary, scheduleToCloseTimeout: Math.max(1, withinMs) };
    const envelope = (await activity.executeWithOptions(options, [input, context])) as TaskEnvelope;
    const { output, attempt, requestId, token } = envelope;
    return { ok: true, output, attempt, requestId, token };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { ok: false, failure: callFailureOf(error, task, effectOf(task as HttpTask, input)) };
  }
}
