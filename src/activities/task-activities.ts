import { Context } from '@temporalio/activity';
import type { HttpTask } from '../tasks/define';
import type { StepContext, TaskEnvelope } from './contract';
import { runTask } from './run-task';
import type { TaskDependencies } from './run-task';

/** An activity that runs one task. Without a context it answers the task's output, as a caller of one's own wants it. */
export type TaskActivity = (input: unknown, context?: StepContext) => Promise<unknown>;

/** Long calls report that they live once a second, which also brings a cancellation to them. */
const HEARTBEAT_MS = 1_000;

/** One activity for each task, under the task's name. */
export function createTaskActivities(tasks: readonly HttpTask[], dependencies: TaskDependencies): Record<string, TaskActivity> {
  return Object.fromEntries(tasks.map((task) => [task.name, taskActivity(task, dependencies)]));
}

function taskActivity(task: HttpTask, dependencies: TaskDependencies): TaskActivity {
  return async (input, context) => {
    const activity = Context.current();
    const { workflowExecution, activityId, activityRunId, attempt } = activity.info;
    const heartbeat = setInterval(() => activity.heartbeat(), HEARTBEAT_MS);
    try {
      const answer = await runTask(dependencies, task, input, {
        workflowId: workflowExecution?.workflowId ?? '',
        runId: workflowExecution?.runId ?? activityRunId ?? '',
        activityId,
        attempt,
        step: context?.step ?? task.name,
        holdSubjects: context?.holdSubjects ?? [],
        inHistory: true,
        signal: activity.cancellationSignal,
      });
      if (!context) return answer.output;
      const { status, output, requestId, token } = answer;
      return { status, attempt, output, requestId, token } satisfies TaskEnvelope;
    } finally {
      clearInterval(heartbeat);
    }
  };
}
