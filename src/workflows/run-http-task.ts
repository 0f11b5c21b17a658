import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import { z } from 'zod';
import type { OffboardingActivities, StepContext, TaskEnvelope } from '../activities/contract';
import { runHttpTaskInput } from '../policy/run-http-task-input';
import type { RunHttpTaskInput } from '../policy/run-http-task-input';
import { Catalogue } from '../providers/catalogue';
import { callAndSettle, TASK_ACTIVITY_OPTIONS } from './call-activity';
import type { Settled } from './call-activity';
import { refusalOrError } from './failure-of';
import { parseWorkflowInput, refuseMoreInputs } from './parse-workflow-input';

export type { RunHttpTaskInput, TaskEnvelope };

const { 'httpTasks.checkTask': checkTask } = proxyLocalActivities<OffboardingActivities>({
  startToCloseTimeout: '10 seconds',
  summary: 'Check the name and input of the task',
});

/**
 * Runs one HTTP task durably and returns its status, output and request ID. A lost response is settled as by `httpTask`; then
 * `settledBy` names the read.
 *
 * Fails `Task.InvalidInput` within its first workflow task when the input is wrong; any other `Task.*` is the cause of
 * the activity's failure. A task that is not in the package's catalogue is checked by the worker.
 */
export async function runHttpTask(rawInput: RunHttpTaskInput): Promise<TaskEnvelope>;
export async function runHttpTask(rawInput: RunHttpTaskInput, ...more: unknown[]): Promise<TaskEnvelope> {
  refuseMoreInputs('runHttpTask', more);
  const { task: name, input, account } = parseWorkflowInput('runHttpTask', runHttpTaskInput, rawInput);
  try {
    return await run(name, input, account);
  } catch (error) {
    throw refusalOrError(error);
  }
}

async function run(name: string, input: unknown, account: string | undefined): Promise<TaskEnvelope> {
  const known = new Catalogue().find(name);
  if (known) parseWorkflowInput(name, z.strictObject({ input: known.input }), { input });
  // A task of the worker's own: without this check, a misspelt name would be retried forever as an unknown activity.
  const task = known ?? { ...(await checkTask({ task: name, input })), name, summary: name };
  const [service = ''] = name.split('.', 1);
  const ended = await callAndSettle<TaskEnvelope>(
    { absentCodes: [], ...task, service: { name: service } },
    input,
    { ...TASK_ACTIVITY_OPTIONS, summary: task.summary },
    {
      call: async (called, given, options) => {
        const activities =
          proxyActivities<Record<string, (value: unknown, context: StepContext) => Promise<TaskEnvelope>>>(
            TASK_ACTIVITY_OPTIONS,
          );
        const activity = activities[called];
        if (!activity) throw new Error(`No proxy for ${called}.`);
        return activity.executeWithOptions(options, [
          given,
          { step: called, holdSubjects: [], ...(account !== undefined && { account }) },
        ]);
      },
      read: ({ output }) => output,
    },
  );
  return 'response' in ended ? ended.response : settledEnvelope(ended);
}

/** Status and request ID are those of the read, since the call's own were lost. */
function settledEnvelope({
  output,
  shownBy,
  look,
}: Exclude<Settled<TaskEnvelope>, { response: unknown }>): TaskEnvelope {
  const { response } = shownBy as { response?: TaskEnvelope };
  const { status = 0, requestId } = response ?? (shownBy.ok ? {} : shownBy.failure);
  return { status, attempt: 1, output, settledBy: look, ...(requestId !== undefined && { requestId }) };
}
