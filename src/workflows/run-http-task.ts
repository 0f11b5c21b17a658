import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import { z } from 'zod';
import type { OffboardingActivities, StepContext, TaskEnvelope } from '../activities/contract';
import { runHttpTaskInput } from '../policy/run-http-task-input';
import type { RunHttpTaskInput } from '../policy/run-http-task-input';
import { Catalogue } from '../tasks/catalogue';
import { TASK_ACTIVITY_OPTIONS } from './call-activity';
import { refusalOrError } from './failure-of';
import { parseWorkflowInput, refuseMoreInputs } from './parse-workflow-input';

export type { RunHttpTaskInput, TaskEnvelope };

const { 'httpTasks.checkTask': checkTask } = proxyLocalActivities<OffboardingActivities>({
  startToCloseTimeout: '10 seconds',
  summary: 'See whether this worker has the task, and whether the input fits it',
});

/**
 * Runs one HTTP task durably and answers its status, output and request id.
 *
 * Fails `Task.InvalidInput` within its first workflow task when the input is wrong; any other `Task.*` comes as the
 * cause of the activity's failure. A task that is not in the package's catalogue is left for the worker to know.
 */
export async function runHttpTask(rawInput: RunHttpTaskInput): Promise<TaskEnvelope>;
export async function runHttpTask(rawInput: RunHttpTaskInput, ...more: unknown[]): Promise<TaskEnvelope> {
  refuseMoreInputs('runHttpTask', more);
  const { task: name, input } = parseWorkflowInput('runHttpTask', runHttpTaskInput, rawInput);
  try {
    return await run(name, input);
  } catch (error) {
    throw refusalOrError(error);
  }
}

async function run(name: string, input: unknown): Promise<TaskEnvelope> {
  const task = new Catalogue().find(name);
  if (task) parseWorkflowInput(name, z.strictObject({ input: task.input }), { input });
  // A task of the worker's own: without this look, a misspelt name would be retried for ever as an unknown activity.
  else await checkTask({ task: name, input });
  const activities =
    proxyActivities<Record<string, (input: unknown, context: StepContext) => Promise<TaskEnvelope>>>(
      TASK_ACTIVITY_OPTIONS,
    );
  const activity = activities[name];
  if (!activity) throw new Error(`No proxy for ${name}.`);
  const summary = task?.summary ?? name;
  return activity.executeWithOptions({ ...TASK_ACTIVITY_OPTIONS, summary }, [input, { step: name, holdSubjects: [] }]);
}
