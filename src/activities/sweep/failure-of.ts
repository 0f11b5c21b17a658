import { ApplicationFailure } from '@temporalio/common';
import type { HttpTask } from '../../tasks/define';
import { effectOf } from '../../tasks/effect';
import { isTaskFailureType } from '../../tasks/failure';
import type { TaskFailure } from '../../tasks/failure';

/** Returns the failure of a task's call; undefined for any other error. */
export function taskFailureIn(error: unknown, task: HttpTask): TaskFailure | undefined {
  if (!(error instanceof ApplicationFailure) || !isTaskFailureType(error.type)) return undefined;
  const detail = error.details?.[0] as Partial<TaskFailure> | undefined;
  return { service: task.service.name, ...detail, type: error.type, message: detail?.message ?? error.message };
}

/** Returns the task's own failure; after an unexpected error the call may have been sent. */
export function failureOf(error: unknown, task: HttpTask, input: unknown): TaskFailure {
  const failure = taskFailureIn(error, task);
  if (failure) return failure;
  return {
    type: effectOf(task, input) === 'irreversible' ? 'Task.OutcomeUnknown' : 'Task.UnexpectedResponse',
    service: task.service.name,
    task: task.name,
    message: `${task.name} failed outside its contract.`,
  };
}

/** Returns how long the provider asked to wait, in milliseconds. */
export function delayIn(error: unknown): number | undefined {
  const delayMs: unknown = error instanceof ApplicationFailure ? error.nextRetryDelay : undefined;
  return typeof delayMs === 'number' ? delayMs : undefined;
}
