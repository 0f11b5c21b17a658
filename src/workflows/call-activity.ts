import {
  ActivityCancellationType,
  CancellationScope,
  isCancellation,
  patched,
  proxyActivities,
  sleep,
} from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { StepContext, TaskEnvelope } from '../activities/contract';
import { callFailureOf } from './failure-of';
import type { CallResponse } from '../policy/converge';
import { isSettledByLook, settleLostCall } from '../policy/settle-lost-call';
import { effectOf } from '../tasks/effect';
import type { Effect, HttpTask } from '../tasks/define';
import type { Settle } from '../tasks/settle';

/**
 * Options of every task's activity. Only Temporal retries; the activity decides which failures are final. The heartbeat
 * reveals a dead worker within seconds and delivers a cancellation to the call. The workflow waits for a cancelled call
 * to end, so that an irreversible call that was sent is still recorded.
 */
export const TASK_ACTIVITY_OPTIONS = {
  // Longer than the longest total timeout that a worker may be configured with (240 s).
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
  /** Shown in the Temporal UI; never contains a user's ID. */
  summary: string;
  /** How long Temporal retries, in milliseconds. */
  withinMs: number;
}

/** Runs a task's activity and returns its response or final failure. Throws only for a cancellation. */
export async function callTask({
  task,
  input,
  context,
  activityId,
  summary,
  withinMs,
}: TaskCall): Promise<CallResponse> {
  const activity = proxyActivities<TaskActivities>(TASK_ACTIVITY_OPTIONS)[task.name];
  if (!activity) throw new Error(`No proxy for ${task.name}.`);
  try {
    const options = { ...TASK_ACTIVITY_OPTIONS, activityId, summary, scheduleToCloseTimeout: Math.max(1, withinMs) };
    const envelope = (await activity.executeWithOptions(options, [input, context])) as TaskEnvelope;
    const { output, attempt, status, requestId, token, perhapsDone } = envelope;
    return { ok: true, output, attempt, status, requestId, token, perhapsDone };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { ok: false, failure: callFailureOf(error, task, effectOf(task as HttpTask, input)) };
  }
}

/** The patch since which a lost response is settled by the read that its task names. */
const SETTLES_BY_LOOK = 'lost-responses-are-settled-by-looking';

/** The patch since which the states of such a read are about all entries of lists. */
const LOOKS_AT_ALL_ENTRIES = 'states-are-about-all-entries-of-lists';

/** The part of a task that is needed to settle its calls. */
export interface CallableTask {
  name: string;
  service: { name: string };
  settle?: Settle | undefined;
  absentCodes: readonly string[];
  absentStatuses?: readonly number[];
}

/** Makes one call as an activity. */
export type ActivityCall<Good> = (task: string, input: unknown, options: ActivityOptions) => Promise<Good>;

/** A response; or, if it was lost and a read showed that the call was carried out, what that read shows. */
export type Settled<Good> = { response: Good } | { output: unknown; shownBy: CallResponse; look: string };

/**
 * Runs a task's activity. A lost response is resolved by the read that the task names, with durable timers in between.
 *
 * @throws the activity's failure; for a lost call that cannot be resolved, the failure of that call.
 */
export async function callAndSettle<Good>(
  task: CallableTask,
  input: unknown,
  options: ActivityOptions,
  { call, read }: { call: ActivityCall<Good>; read: (response: Good) => unknown },
): Promise<Settled<Good>> {
  try {
    return { response: await call(task.name, input, options) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { settle } = task;
    const failure = callFailureOf(error, task, 'irreversible');
    if (!isSettledByLook(settle, failure) || CancellationScope.current().consideredCancelled) throw error;
    if (!patched(SETTLES_BY_LOOK)) throw error;
    const hasStates = settle.absent.some((sign) => typeof sign === 'object');
    const entries = hasStates && !patched(LOOKS_AT_ALL_ENTRIES) ? 'first' : 'every';
    const { activityId } = options;
    const settling = settleLostCall<CallResponse & { response?: Good }>(
      { task, input, settle, failure, entries },
      {
        call: async ({ task: name, input: given, isLook }, number) => {
          const effect: Effect = isLook ? 'read' : 'irreversible';
          const own = {
            ...options,
            ...(activityId !== undefined && { activityId: `${activityId}-${number}` }),
            ...(isLook && { summary: `Check whether ${task.name} was carried out` }),
          };
          try {
            const response = await call(name, given, own);
            return { ok: true, output: read(response), attempt: 1, response };
          } catch (failed) {
            if (isCancellation(failed)) throw failed;
            const service = { name: name.split('.', 1)[0] ?? '' };
            return { ok: false, failure: callFailureOf(failed, { name, service }, effect) };
          }
        },
        wait: (delayMs) => sleep(delayMs, { summary: `Wait before checking whether ${task.name} was carried out` }),
        nowMs: () => Date.now(),
      },
    );
    const end = await settling.catch((stopped: unknown) => {
      // The cancellation does not change what is known of the call.
      throw isCancellation(stopped) ? error : stopped;
    });
    if (end.kind === 'unknown') throw error;
    if (end.kind === 'responded') return { response: end.result.response as Good };
    return { output: settle.output, shownBy: end.shownBy, look: settle.with };
  }
}
