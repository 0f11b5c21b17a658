import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { WorkflowType } from '../policy/example-inputs';
import { readStartInput, UnreadablePayloadError } from './payloads';
import { RunConflictError } from './run-conflict';
import { sameInput } from './same-input';

/** Which run is wanted. */
export interface WantedRun {
  workflowType: WorkflowType;
  /** Made of whom it is about, so that two callers with one wish meet; see `workflow-ids.ts`. */
  workflowId: string;
  taskQueue: string;
  input: object;
}

/** A run that is being followed, and whether somebody else had started it. */
export interface FollowedRun {
  workflowId: string;
  runId: string;
  joined: boolean;
}

/**
 * How a run is started at the server; answers its run id. A caller that is told of the end by the server itself, as over
 * Nexus, is attached to a run under way by `USE_EXISTING`.
 *
 * @throws WorkflowExecutionAlreadyStartedError under `FAIL`, when a run of this id is under way.
 */
export type StartRun = (wanted: WantedRun, policy: 'FAIL' | 'USE_EXISTING') => Promise<string>;

/** How often a run may end between our attempt to start one and our look at it. */
const TRIES = 3;

/**
 * Starts the run, or joins the one under way if it has the same input, whoever started it: command line, gateway or a
 * caller over Nexus. What the one under way was started with is read from its history and decoded by the client's
 * converter, so that with encryption nothing about it has to stand anywhere in plain text.
 *
 * @param attach Also tells the server that this caller waits for the run it joins; for callers over Nexus.
 * @throws RunConflictError when the one under way was asked for something else, say a dry run: two different wishes for
 * one user are for a person to sort out.
 */
export async function startOrJoin(
  client: Client,
  wanted: WantedRun,
  { start = startedBy(client), attach = false } = {},
): Promise<FollowedRun> {
  const { workflowId } = wanted;
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const started = await unlessUnderWay(() => start(wanted, 'FAIL'));
    if (started !== undefined) return { workflowId, runId: started, joined: false };
    const runId = await equalRun(client, wanted);
    if (runId === undefined) continue;
    if (!attach) return { workflowId, runId, joined: true };
    const attached = await start(wanted, 'USE_EXISTING');
    // Between look and attachment the run may have ended, and this call or somebody else begun the next.
    if (attached !== runId) await refuseOtherInput(client, wanted, attached);
    return { workflowId, runId: attached, joined: true };
  }
  throw new RunConflictError(`${workflowId} is started and ended by somebody else again and again.`);
}

function startedBy(client: Client): StartRun {
  return async ({ workflowType, workflowId, taskQueue, input }, workflowIdConflictPolicy) => {
    const options = { workflowId, taskQueue, args: [input], workflowIdConflictPolicy };
    const { firstExecutionRunId } = await client.workflow.start(workflowType, options);
    return firstExecutionRunId;
  };
}

async function unlessUnderWay(start: () => Promise<string>): Promise<string | undefined> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** The run under way; undefined when it has ended meanwhile. */
async function equalRun(client: Client, wanted: WantedRun): Promise<string | undefined> {
  const { runId, status, type } = await client.workflow.getHandle(wanted.workflowId).describe();
  if (status.name !== 'RUNNING') return undefined;
  if (type !== wanted.workflowType)
    throw new RunConflictError(`${wanted.workflowId} is under way as a run of ${type}, so nothing was started.`);
  await refuseOtherInput(client, wanted, runId);
  return runId;
}

async function refuseOtherInput(
  client: Client,
  { workflowType, workflowId, input }: WantedRun,
  runId: string,
): Promise<void> {
  if (sameInput(workflowType, await inputOf(client, workflowId, runId), input)) return;
  throw new RunConflictError(
    `${workflowId} is under way with another input, so nothing was started. Wait for its end (http-tasks receipts ${workflowId}) or cancel it, then try again.`,
  );
}

async function inputOf(client: Client, workflowId: string, runId: string): Promise<unknown> {
  try {
    return await readStartInput(client, { workflowId, runId });
  } catch (error) {
    if (!(error instanceof UnreadablePayloadError)) throw error;
    throw new RunConflictError(
      `${workflowId} is under way, and what it was started with cannot be read under the keys here, so nothing was started.`,
    );
  }
}
