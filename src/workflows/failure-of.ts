import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { isTaskFailureType, PLAINTEXT_REFUSED } from '../tasks/failure';
import type { TaskFailure } from '../tasks/failure';
import type { Effect } from '../tasks/define';

/** The task's own failure behind an error that a task's activity brought; `undefined` for anything else. */
export function taskFailureOf(error: unknown): TaskFailure | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure) || !isTaskFailureType(cause.type)) return undefined;
  const detail = cause.details?.[0] as Partial<TaskFailure> | undefined;
  return { service: '', ...detail, type: cause.type, message: detail?.message ?? cause.message };
}

/** The refusal of an input behind an activity's failure: the run's own failure then says what was wrong. Else the error. */
export function refusalOrError(error: unknown): unknown {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof ApplicationFailure)) return error;
  const { type } = error.cause;
  const isRefusal = type === 'Task.InvalidInput' || type === 'Task.NotAllowed' || type === PLAINTEXT_REFUSED;
  return isRefusal ? error.cause : error;
}

/**
 * What an error of a task's activity means for its caller. Anything but an activity's failure is thrown on.
 *
 * A failure without a `Task.*` type means that a worker fell silent (a time-out) or broke its contract. Whether the
 * request went out is then not known: for an irreversible task that has to be settled by looking; for a repeat-safe one
 * the time to retry has run out, and the call that was under way may have been carried out.
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
