import { proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { HttpTask, TaskInput, TaskOutput } from '../tasks/define';
import { callAndSettle, TASK_ACTIVITY_OPTIONS } from './call-activity';
import { parseWorkflowInput } from './parse-workflow-input';

/**
 * Options that a caller may set for a task's activity. Which failures are final is not among them: the activity decides
 * it.
 */
export type HttpTaskOptions = Pick<
  ActivityOptions,
  'taskQueue' | 'scheduleToCloseTimeout' | 'startToCloseTimeout' | 'summary' | 'activityId' | 'priority'
>;

/**
 * Returns a typed function that runs a task from a workflow: one activity, retried by Temporal until it has a response, a
 * final failure or no time left.
 *
 * The input is checked before anything is scheduled. A lost response of an irreversible call is settled by the read that
 * the task's `settle` names (`by: 'look'`): absent means that the call was carried out, and the function returns
 * `settle.output`; present means that it was not, and it is sent again, at most four times. Without such a read, or when
 * the read cannot be used, the call fails `Task.OutcomeUnknown`; it is never sent again blindly.
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
    const ended = await callAndSettle<TaskOutput<T>>(
      task,
      input,
      { ...TASK_ACTIVITY_OPTIONS, summary: task.summary, ...options },
      {
        call: async (name, given, activityOptions) => {
          const activities =
            proxyActivities<Record<string, (value: unknown) => Promise<TaskOutput<T>>>>(TASK_ACTIVITY_OPTIONS);
          const activity = activities[name];
          if (!activity) throw new Error(`No proxy for ${name}.`);
          return activity.executeWithOptions(activityOptions, [given]);
        },
        read: (output) => output,
      },
    );
    return 'response' in ended ? ended.response : (ended.output as TaskOutput<T>);
  };
}
