import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { WorkflowType } from '../policy/example-inputs';
import { readStartInput, UnreadablePayloadError } from './payloads';
import { RunConflictError } from './run-conflict';
import { sameInput } from './same-input';

/** The run to start or join. */
export interface WantedRun {
  workflowType: WorkflowType;
  /**
   * Derived from the user or sweep, so that two callers with the same request get the same run; see `workflow-ids.ts`.
   */
  workflowId: string;
  taskQueue: string;
  input: object;
}

/** A run to follow; `joined` if another caller had started it. */
export interface FollowedRun {
  workflowId: string;
  runId: string;
  joined: boolean;
}

/**
 * Starts a run on the server and returns its run ID. A caller that the server notifies of the end, as over Nexus, is
 * attached to a run in progress with `USE_EXISTING`.
 *
 * @throws WorkflowExecutionAlreadyStartedError with `FAIL`, if a run with this ID is in progress.
 */
export type StartRun = (wanted: WantedRun, policy: 'FAIL' | 'USE_EXISTING') => Promise<string>;

/** Maximum attempts: the run in progress may end between an attempt to start one and reading it. */
const TRIES = 3;

/**
 * Starts the run, or joins the run in progress if it has the same input, no matter whether the command line, the
 * gateway or a Nexus caller started it. The input of the run in progress is read from its history and decoded by the
 * client's converter, so that it does not have to be stored anywhere in plain text.
 *
 * @param attach Also registers this caller with the server as waiting for the run it joins; for Nexus callers.
 * @throws RunConflictError if the run in progress has a different input, for example a dry run: a person has to resolve
 * two different requests for the same user.
 */
export async function startOrJoin(
  client: Client,
  wanted: WantedRun,
  { start = startedBy(client), attach = false } = {},
): Promise<FollowedRun> {
  const { workflowId } = wanted;
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const started = await unlessRunning(() => start(wanted, 'FAIL'));
    if (started !== undefined) return { workflowId, runId: started, joined: false };
    const runId = await equalRun(client, wanted);
    if (runId === undefined) continue;
    if (!attach) return { workflowId, runId, joined: true };
    const attached = await start(wanted, 'USE_EXISTING');
    // The run may have ended since it was read, so that this call or another caller started a new one.
    if (attached !== runId) await refuseOtherInput(client, wanted, attached);
    return { workflowId, runId: attached, joined: true };
  }
  throw new RunConflictError(`${workflowId} is repeatedly started and ended by another caller.`);
}

function startedBy(client: Client): StartRun {
  return async ({ workflowType, workflowId, taskQueue, input }, workflowIdConflictPolicy) => {
    const options = { workflowId, taskQueue, args: [input], workflowIdConflictPolicy };
    const { firstExecutionRunId } = await client.workflow.start(workflowType, options);
    return firstExecutionRunId;
  };
}

async function unlessRunning(start: () => Promise<string>): Promise<string | undefined> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** Returns the run in progress; undefined if it has ended in the meantime. */
async function equalRun(client: Client, wanted: WantedRun): Promise<string | undefined> {
  const { runId, status, type } = await client.workflow.getHandle(wanted.workflowId).describe();
  if (status.name !== 'RUNNING') return undefined;
  if (type !== wanted.workflowType)
    throw new RunConflictError(`${wanted.workflowId} is in progress as a run of ${type}, so nothing was started.`);
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
    `${workflowId} is in progress with another input, so nothing was started. Wait until it ends (http-tasks receipts ${workflowId}) or cancel it, then try again.`,
  );
}

async function inputOf(client: Client, workflowId: string, runId: string): Promise<unknown> {
  try {
    return await readStartInput(client, { workflowId, runId });
  } catch (error) {
    if (!(error instanceof UnreadablePayloadError)) throw error;
    throw new RunConflictError(
      `${workflowId} is in progress, but its input cannot be decrypted with the keys configured here, so nothing was started.`,
    );
  }
}
