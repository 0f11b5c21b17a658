import { WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { z } from 'zod';
import type { approveInput, setRateInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { SweepProgress } from 'temporal-http-tasks/internal/policy/sweep-result';
import { CommandFailure } from '../errors';
import type { ExitCode, Io } from '../io';
import { printJson, printable, say } from '../output';
import { requireWorker } from '../pollers';
import { withTemporal } from '../temporal-client';
import type { TemporalOptions } from '../temporal-options';
import { userName } from '../user-name';
import { printSweep, sayNextSteps, toDocument } from './sweep-report';
import { describeSweep, queryProgress, unknownSweep } from './sweep-run';
import { watchSweep } from './watch';

/** What is asked of a sweep that goes on. */
export type SweepUpdate =
  | { name: 'pause' | 'resume' }
  | { name: 'approve'; argument: z.input<typeof approveInput> }
  | { name: 'setRate'; argument: z.input<typeof setRateInput> };

const ANSWER_MS = 30_000;

/** Sends an update, and prints how the sweep stands then or follows it. */
export async function updateSweep(
  io: Io,
  sweepId: string,
  wanted: SweepUpdate,
  { json = false, watch = false, ...temporal }: TemporalOptions & { json?: boolean; watch?: boolean },
): Promise<ExitCode> {
  return withTemporal(io, temporal, async (client) => {
    const { taskQueue } = await requireUnderWay(client, sweepId);
    await requireWorker(client, taskQueue, { then: 'no worker can take this', by: 'any' });
    const progress = await sendUpdate(client, sweepId, wanted);
    if (watch) return watchSweep(io, { client, sweepId, json });
    if (json) printJson(io, toDocument(progress));
    else printSweep(io, progress);
    if (progress.status === 'running') say(io, `Watch it with: http-tasks sweep watch ${printable(sweepId)}`);
    else sayNextSteps(io, progress);
    return 0;
  });
}

/**
 * The run of a sweep that has not ended.
 *
 * @throws CommandFailure when there is none of that id, or it has ended.
 */
export async function requireUnderWay(client: Client, sweepId: string): Promise<WorkflowExecutionDescription> {
  const description = await describeSweep(client, sweepId);
  if (!description) throw unknownSweep(sweepId);
  if (description.status.name === 'RUNNING') return description;
  throw new CommandFailure(
    'Conflict',
    `The sweep ${sweepId} has ended, so nothing about it can be changed. See: http-tasks sweep status ${sweepId}`,
  );
}

/** Sends an update to a sweep. @throws CommandFailure `Refused` when the sweep does not take it. */
export async function sendUpdate(client: Client, sweepId: string, wanted: SweepUpdate): Promise<SweepProgress> {
  const handle = client.workflow.getHandle(sweepId);
  try {
    const answered = await client.withDeadline(Date.now() + ANSWER_MS, () => execute(handle, wanted));
    // The answer was given before the sweep had done anything about it.
    return await queryProgress(client, handle).catch(() => answered);
  } catch (error) {
    throw updateFailure(sweepId, error);
  }
}

function execute(handle: WorkflowHandle, wanted: SweepUpdate): Promise<SweepProgress> {
  switch (wanted.name) {
    case 'pause':
      return handle.executeUpdate<SweepProgress, []>(wanted.name);
    case 'resume':
      // Only an update with an argument can be encrypted.
      return handle.executeUpdate<SweepProgress, [{ by: string }]>(wanted.name, { args: [{ by: userName() }] });
    case 'approve':
      return handle.executeUpdate<SweepProgress, [typeof wanted.argument]>(wanted.name, { args: [wanted.argument] });
    case 'setRate':
      return handle.executeUpdate<SweepProgress, [typeof wanted.argument]>(wanted.name, { args: [wanted.argument] });
  }
}

function updateFailure(sweepId: string, error: unknown): unknown {
  if (error instanceof WorkflowUpdateFailedError) {
    const message = error.cause?.message ?? error.message;
    return new CommandFailure('Refused', /[.!?]$/.test(message) ? message : `${message}.`);
  }
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    return new CommandFailure(
      'Failed',
      `The sweep ${sweepId} has not answered within ${ANSWER_MS / 1_000} s. It may still take this; see: http-tasks sweep status ${sweepId}`,
    );
  }
  return error;
}
