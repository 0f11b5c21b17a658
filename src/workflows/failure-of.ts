import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { isTaskFailureType, PLAINTEXT_REFUSED } from '../tasks/failure';
import type { TaskFailure } from '../tasks/failure';
import type { Effect } from '../tasks/define';

/** Returns the task's own failure behind an error of its activity; `undefined` for any other error. */
export function taskFailureOf(error: unknown): TaskFailure | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure) || !isTaskFailureType(cause.type)) return undefined;
  const detail = cause.details?.[0] as Partial<TaskFailure> | undefined;
  return { service: '', ...detail, type: cause.type, message: detail?.message ?? cause.message };
}

/**
 * Returns the refusal of an input behind an activity's failure, so that the run's own failure names the mistake;
 * otherwise the error.
 */
export function refusalOrError(error: unknown): unknown {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return error;
  const { type } = error.cause;
  const isRefusal = type === 'Task.InvalidInput' || type === 'Task.NotAllowed' || type === PLAINTEXT_REFUSED;
  return isRefusal ? error.cause : error;
}

/**
 * Returns what an error of a task's activity means for its caller. Rethrows any error that is not an activity's
 * failure.
 *
 * A failure without a `Task.*` type means that a worker stopped reporting (a timeout) or broke its contract, so it is
 * not known whether the request was sent. An irreversible call then has to be resolved by a read. For a repeat-safe
 * call the time to retry is over, and the last attempt may have been carried out.
 */
export function callFailureOf(
  error: unknown,
  task: { name: string; service: { name: string } },
  effect: Effect,
): TaskFailure {
  const failure = taskFailureOf(error);
  if (failure) return failure;
  if (!(error instanceof ActivityFailure)) throw error;
  const silent = error.cause instanceof TimeoutFailure;
  return {
    type: effect === 'irreversible' ? 'Task.OutcomeUnknown' : 'Task.Unavailable',
    service: task.service.name,
    task: task.name,
    ...(effect === 'repeatSafe' && { perhapsDone: true as const }),
    message: silent
      ? `No worker reported the end of ${task.name} in time.`
      : `${task.name} failed outside its contract; see the worker's log.`,
  };
}
