import { proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { HttpTask, TaskInput, TaskOutput } from '../tasks/define';
import { TASK_ACTIVITY_OPTIONS } from './call-activity';
import { parseWorkflowInput } from './parse-workflow-input';

/** What a caller may set for a task's activity. Which failures are final is not among it: that is the activity's word. */
export type HttpTaskOptions = Pick<
  ActivityOptions,
  'taskQueue' | 'scheduleToCloseTimeout' | 'startToCloseTimeout' | 'summary' | 'activityId' | 'priority'
>;

/**
 * A typed function that runs a task from a workflow: one activity, retried by Temporal until it has an answer, a final
 * failure or no time left.
 *
 * The input is checked before anything is scheduled. An irreversible call whose answer was lost fails
 * `Task.OutcomeUnknown` and is never sent again blindly: look, then decide; `offboardUser` does that for you.
 *
 * @example
 * const { request_id } = await httpTask(plaid.userItemsRemove)({ user_id, item_ids });
 *
 * @throws ApplicationFailure `Task.InvalidInput` naming the field, before anything is scheduled.
 * @throws ActivityFailure whose cause has a `Task.*` type; see `taskFailureOf`.
 */
export function httpTask<T extends HttpTask>(
  task: T,
  options: HttpTaskOptions = {},
): (input: TaskInput<T>) => Promise<TaskOutput<T>> {
  return async (input) => {
    parseWorkflowInput(task.name, task.input, input);
    const activities =
      proxyActivities<Record<string, (input: TaskInput<T>) => Promise<TaskOutput<T>>>>(TASK_ACTIVITY_OPTIONS);
    const activity = activities[task.name];
    if (!activity) throw new Error(`No proxy for ${task.name}.`);
    return activity.executeWithOptions({ ...TASK_ACTIVITY_OPTIONS, summary: task.summary, ...options }, [input]);
  };
}
