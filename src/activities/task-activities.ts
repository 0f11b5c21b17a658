import { Context } from '@temporalio/activity';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import { fillPlaceholders } from '../policy/target-reference';
import type { TargetReference } from '../policy/target-reference';
import type { HttpTask } from '../tasks/define';
import type { StepContext, TaskEnvelope } from './contract';
import { findTarget } from './find-target';
import { runTask } from './run-task';
import type { TaskDependencies } from './run-task';

/** What it takes to run tasks from workflows. */
export interface TaskActivityDependencies extends TaskDependencies {
  /** Where the ids of sweeps' users are. */
  sweeps: Pick<SweepLedger, 'readUser'>;
}

/** An activity that runs one task. Without a context it answers the task's output, as a caller of one's own wants it. */
export type TaskActivity = (input: unknown, context?: StepContext) => Promise<unknown>;

/** Long calls report that they live once a second, which also brings a cancellation to them. */
const HEARTBEAT_MS = 1_000;

/** One activity for each task, under the task's name. */
export function createTaskActivities(tasks: readonly HttpTask[], dependencies: TaskActivityDependencies): Record<string, TaskActivity> {
  return Object.fromEntries(tasks.map((task) => [task.name, taskActivity(task, dependencies)]));
}

function taskActivity(task: HttpTask, dependencies: TaskActivityDependencies): TaskActivity {
  return async (given, context) => {
    const activity = Context.current();
    const { workflowExecution, activityId, activityRunId, attempt } = activity.info;
    const heartbeat = setInterval(() => activity.heartbeat(), HEARTBEAT_MS);
    try {
      const input = context?.target ? await filledIn(dependencies, given, context.target) : given;
      const answer = await runTask(dependencies, task, input, {
        workflowId: workflowExecution?.workflowId ?? '',
        runId: workflowExecution?.runId ?? activityRunId ?? '',
        activityId,
        attempt,
        step: context?.step ?? task.name,
        holdSubjects: context?.holdSubjects ?? [],
        inHistory: context?.target === undefined,
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

/** The input with the ids of a sweep's user, of which the workflow knows the places only. */
async function filledIn({ sweeps }: TaskActivityDependencies, input: unknown, target: TargetReference): Promise<unknown> {
  const { user } = await findTarget(sweeps, target);
  return fillPlaceholders(input, user);
}
