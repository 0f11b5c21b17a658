import { isDeepStrictEqual } from 'node:util';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { OffboardUserInput } from '../policy/offboard-input';
import { CommandFailure } from './errors';
import { readStartInput } from './payloads';

/** Which run is wanted. */
export interface WantedRun {
  workflowId: string;
  taskQueue: string;
  input: OffboardUserInput;
}

/** How often a run may end between our attempt to start one and our look at it. */
const TRIES = 3;

/** A run that is being followed, and whether somebody else had started it. */
export interface FollowedRun {
  handle: WorkflowHandle;
  joined: boolean;
}

/**
 * Starts the run, or joins the one under way if it has the same input, whoever started it.
 *
 * @throws CommandFailure `Conflict` when the one under way was asked for something else: two different wishes for one
 * user are for a person to sort out.
 */
export async function startOrJoin(client: Client, wanted: WantedRun): Promise<FollowedRun> {
  for (let tries = 1; ; tries += 1) {
    const run = (await start(client, wanted)) ?? (await join(client, wanted));
    if (run) return run;
    if (tries === TRIES) throw new CommandFailure('Conflict', `${wanted.workflowId} is started and ended by somebody else again and again.`);
  }
}

/** Answers nothing when a run of this id is under way. */
async function start(client: Client, { workflowId, taskQueue, input }: WantedRun): Promise<FollowedRun | undefined> {
  try {
    const options = { workflowId, taskQueue, args: [input], workflowIdConflictPolicy: 'FAIL' as const };
    const { firstExecutionRunId } = await client.workflow.start('offboardUser', options);
    return { handle: client.workflow.getHandle(workflowId, firstExecutionRunId), joined: false };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** Answers nothing when the run has ended meanwhile. */
async function join(client: Client, { workflowId, input }: WantedRun): Promise<FollowedRun | undefined> {
  const { runId, status } = await client.workflow.getHandle(workflowId).describe();
  if (status.name !== 'RUNNING') return undefined;
  if (!isDeepStrictEqual(await readStartInput(client, { workflowId, runId }), input)) {
    throw new CommandFailure(
      'Conflict',
      `${workflowId} is under way for this user with another input, so nothing was started. Wait for its end (http-tasks receipts ${workflowId}) or cancel it, then run this again.`,
    );
  }
  return { handle: client.workflow.getHandle(workflowId, runId), joined: true };
}
