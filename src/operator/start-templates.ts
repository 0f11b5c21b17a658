import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { WORKFLOW_TYPES } from '../policy/example-inputs';
import type { ExampleInputs, WorkflowType } from '../policy/example-inputs';
import { readStartInput } from '../starts/payloads';

/** A run that never worked: the Temporal UI copies its input into the form of a link that names it. */
export interface StartTemplate {
  workflowType: WorkflowType;
  runId: string;
  input: object;
}

/** Until then nobody takes it up, should the process that made it die before it ends it. Even then it changes nothing. */
const START_DELAY = '365 days';

/** Workers of a fleet that start together make one template, and not each its own. */
const FRESH_MS = 600_000;

const WHY = 'An example input for the Start Workflow page. It was never to run.';

/**
 * Makes one run for each workflow that holds an example input, and ends it before anybody takes it up: two events, no
 * call. The Temporal UI takes no input from a link, but copies that of the run which the link names. Retention removes
 * templates like any run, so that they are made again.
 *
 * The input goes through the client's converter like that of any run, and so is encrypted where others are.
 */
export async function makeStartTemplates(
  client: Client,
  { taskQueue, inputs }: { taskQueue: string; inputs: ExampleInputs },
): Promise<StartTemplate[]> {
  return Promise.all(
    WORKFLOW_TYPES.map(async (workflowType) => {
      const input = inputs[workflowType];
      const runId =
        (await freshTemplate(client, workflowType, input)) ??
        (await makeTemplate(client, { workflowType, taskQueue, input }));
      return { workflowType, runId, input };
    }),
  );
}

/** The workflow id of the templates of one type. */
export function templateId(workflowType: WorkflowType): string {
  return `http-tasks-example-${workflowType}`;
}

async function freshTemplate(client: Client, workflowType: WorkflowType, input: object): Promise<string | undefined> {
  const workflowId = templateId(workflowType);
  try {
    const { runId, status, type, startTime } = await client.workflow.getHandle(workflowId).describe();
    if (status.name !== 'TERMINATED' || type !== workflowType || startTime.getTime() < Date.now() - FRESH_MS)
      return undefined;
    return isDeepStrictEqual(await readStartInput(client, { workflowId, runId }), input) ? runId : undefined;
  } catch {
    // There is none, or one under a key that this client does not have: it is made anew.
    return undefined;
  }
}

async function makeTemplate(
  client: Client,
  template: { workflowType: WorkflowType; taskQueue: string; input: object },
): Promise<string> {
  const { workflowType, taskQueue, input } = template;
  const { workflowId, firstExecutionRunId } = await client.workflow.start(workflowType, {
    workflowId: templateId(workflowType),
    taskQueue,
    args: [input],
    startDelay: START_DELAY,
    // One that another process left behind, or makes at this very moment.
    workflowIdConflictPolicy: 'TERMINATE_EXISTING',
  });
  await end(client, workflowId, firstExecutionRunId);
  return firstExecutionRunId;
}

/** Another process that makes a template at this very moment may have ended it already. */
async function end(client: Client, workflowId: string, runId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId, runId).terminate(WHY);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
