import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { WORKFLOW_TYPES } from '../policy/example-inputs';
import type { ExampleInputs, WorkflowType } from '../policy/example-inputs';
import { readStartInput } from '../starts/payloads';

/** A run that exists only so that the Temporal UI can copy its input into the form of a link. */
export interface StartTemplate {
  workflowType: WorkflowType;
  runId: string;
  input: object;
}

/**
 * Delays the run so that no worker takes it, in case the process that created it dies before terminating it. Even if a
 * worker took it, the run would change nothing.
 */
const START_DELAY = '365 days';

/** Age, in milliseconds, up to which an existing template is reused, so that workers that start together share one. */
const FRESH_MS = 600_000;

const WHY = 'Example input for the Start Workflow page; not meant to run.';

/**
 * Creates one run with an example input for each workflow and terminates it before a worker takes it: two events, no
 * call. The Temporal UI does not take input from a link, but copies it from the run that the link names. Retention
 * removes templates like any run, so they are created again when needed.
 *
 * The client's converter encodes the input as for any run, so it is encrypted if others are.
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

/** Returns the workflow ID of the templates of one type. */
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
    // There is none, or this client lacks its key; a new one is created.
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
    // A template that another process left behind or is creating right now.
    workflowIdConflictPolicy: 'TERMINATE_EXISTING',
  });
  await end(client, workflowId, firstExecutionRunId);
  return firstExecutionRunId;
}

/** Terminates the template. Another process that creates one at the same time may have terminated it already. */
async function end(client: Client, workflowId: string, runId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId, runId).terminate(WHY);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
