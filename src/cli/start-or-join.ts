import { isDeepStrictEqual } from 'node:util';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Payload } from '@temporalio/common';
import type { OffboardUserInput } from '../policy/offboard-input';
import { CommandFailure } from './errors';

/** Which run is wanted. */
export interface WantedRun {
  workflowId: string;
  taskQueue: string;
  input: OffboardUserInput;
}

/**
 * Starts the run, or joins the one under way if it has the same input, whoever started it.
 *
 * @throws CommandFailure `Conflict` when the one under way was asked for something else: two different wishes for one
 * user are for a person to sort out.
 */
export async function startOrJoin(client: Client, wanted: WantedRun): Promise<{ handle: WorkflowHandle; joined: boolean }> {
  const { workflowId, taskQueue, input } = wanted;
  try {
    const handle = await client.workflow.start('offboardUser', { workflowId, taskQueue, args: [input], workflowIdConflictPolicy: 'FAIL' });
    return { handle: client.workflow.getHandle(workflowId, handle.firstExecutionRunId), joined: false };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return { handle: await join(client, wanted), joined: true };
  }
}

async function join(client: Client, { workflowId, input }: WantedRun): Promise<WorkflowHandle> {
  const { runId } = await client.workflow.getHandle(workflowId).describe();
  if (!isDeepStrictEqual(await inputOf(client, workflowId, runId), input)) {
    throw new CommandFailure(
      'Conflict',
      `${workflowId} is under way for this user with another input, so nothing was started. Wait for its end (http-tasks receipts ${workflowId}) or cancel it, then run this again.`,
    );
  }
  return client.workflow.getHandle(workflowId, runId);
}

/** What a run was started with: the first event of its history tells, so that no copy of the ids is kept elsewhere. */
async function inputOf(client: Client, workflowId: string, runId: string): Promise<unknown> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter;
  let decoded: Payload[] = [...payloads];
  for (const codec of [...payloadCodecs].reverse()) decoded = await codec.decode(decoded);
  const [first] = decoded;
  return first && (payloadConverter ?? defaultPayloadConverter).fromPayload(first);
}
