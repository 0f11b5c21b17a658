import { WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { approveInput, setRateInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { SweepProgress } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { z } from 'zod';
import { withWorkersLedger } from '../ledger/open-ledger';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { requireWorker } from '../temporal/pollers';
import { agrees, isTerminal } from '../terminal/confirm';
import { print, printable, printJson, say } from '../terminal/output';
import { userName } from '../users/current-user';
import { counted } from '../terminal/words';
import { printSweep, sayNextSteps, toDocument } from './sweep-report';
import { describeSweep, queryProgress, runOfSweep, unknownSweep } from './sweep-run';
import { watchSweep } from './watch';

/** An update of a sweep in progress. */
export type SweepUpdate =
  | { name: 'pause' | 'resume' }
  | { name: 'approve'; argument: z.input<typeof approveInput>; key?: string; print?: boolean }
  | { name: 'setRate'; argument: z.input<typeof setRateInput> };

const RESPONSE_MS = 30_000;

/** Sends an update, and then prints the status of the sweep or follows it. */
export async function updateSweep(
  io: Io,
  sweepId: string,
  wanted: SweepUpdate,
  { json = false, watch = false, ...temporal }: TemporalOptions & { json?: boolean; watch?: boolean },
): Promise<ExitCode> {
  return withTemporal(io, temporal, async (client) => {
    const { taskQueue } = await requireInProgress(client, sweepId);
    await requireWorker(client, taskQueue, { then: 'no worker can take this', by: 'any' });
    const signed = await withSignature(io, client, sweepId, wanted);
    if (signed.name === 'approve' && signed.print) {
      printJson(io, signed.argument);
      return 0;
    }
    const progress = await sendUpdate(client, sweepId, signed);
    if (watch) return watchSweep(io, { client, sweepId, json });
    if (json) printJson(io, toDocument(progress));
    else printSweep(io, progress);
    if (progress.status === 'running') say(io, `Watch it with: http-tasks sweep watch ${printable(sweepId)}`);
    else sayNextSteps(io, progress);
    return 0;
  });
}

async function withSignature(io: Io, client: Client, sweepId: string, wanted: SweepUpdate): Promise<SweepUpdate> {
  if (wanted.name !== 'approve' || wanted.key === undefined) return wanted;
  const { signedApproval } = await import('./signed-approval.js');
  const { argument: approval, key: file } = wanted;
  return { ...wanted, argument: await signedApproval(io, { client, sweepId, approval, file }) };
}

/**
 * Returns the run of a sweep that has not ended.
 *
 * @throws CommandFailure when no sweep has the ID, or it has ended.
 */
export async function requireInProgress(client: Client, sweepId: string): Promise<WorkflowExecutionDescription> {
  const description = await describeSweep(client, sweepId);
  if (!description) throw unknownSweep(sweepId);
  if (description.status.name === 'RUNNING') return description;
  throw new CommandFailure(
    'Conflict',
    `The sweep ${sweepId} has ended and can no longer be changed. See: http-tasks sweep status ${sweepId}`,
  );
}

/** Sends an update to a sweep. @throws CommandFailure `Refused` when the sweep refuses it. */
export async function sendUpdate(client: Client, sweepId: string, wanted: SweepUpdate): Promise<SweepProgress> {
  const handle = client.workflow.getHandle(sweepId);
  try {
    const responded = await client.withDeadline(Date.now() + RESPONSE_MS, () => execute(handle, wanted));
    // The response was sent before the sweep had processed the update.
    return await queryProgress(client, handle).catch(() => responded);
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
      `The sweep ${sweepId} has not responded within ${RESPONSE_MS / 1_000} s. It may still accept this; see: ` +
        `http-tasks sweep status ${sweepId}`,
    );
  }
  return error;
}

/**
 * Requests the cancellation of a sweep from Temporal, and waits for its end if asked to. The request needs no worker;
 * the end does.
 */
export async function cancelSweep(
  io: Io,
  sweepId: string,
  { json = false, watch = false, ...temporal }: TemporalOptions & { json?: boolean; watch?: boolean },
): Promise<ExitCode> {
  return withTemporal(io, temporal, async (client) => {
    await requireInProgress(client, sweepId);
    await client.workflow.getHandle(sweepId).cancel();
    if (watch) {
      say(io, 'Cancelling: work in progress finishes and is recorded first.');
      return watchSweep(io, { client, sweepId, json });
    }
    if (json) printJson(io, { sweepId, cancelRequested: true });
    else
      print(io, `The sweep ${printable(sweepId)} is being cancelled: work in progress finishes and is recorded first.`);
    say(io, `Watch it with: http-tasks sweep watch ${printable(sweepId)}`);
    return 0;
  });
}

/** Destroys the key of a sweep, after a confirmation. */
export async function releaseSweep(
  io: Io,
  sweepId: string,
  options: TemporalOptions & { yes?: boolean; json?: boolean },
): Promise<ExitCode> {
  return withWorkersLedger<ExitCode>(io, async ({ ledger: { sweeps } }) => {
    const row = await sweeps.read(sweepId);
    if (!row) throw new UnknownSweepError(sweepId);
    if (row.readable) {
      await requireEnded(io, row, options);
      const failed = row.total === 0 ? 0 : await sweeps.countFailed(sweepId);
      if (!options.yes) await confirm(io, row, failed);
      await sweeps.release(sweepId);
    }
    if (options.json) printJson(io, { sweepId, released: true });
    else
      print(
        io,
        `The IDs of sweep ${printable(sweepId)} ${row.readable ? 'are released' : 'were released before'} and ` +
          'can no longer be read. Receipts, counts and the Merkle root stay.',
      );
    return 0;
  });
}

/** A sweep in progress needs its IDs. One that was never started, or whose run does not exist any more, does not. */
async function requireEnded(io: Io, row: SweepRow, options: TemporalOptions): Promise<void> {
  if (row.endedAt !== undefined) return;
  const run = await withTemporal(io, options, (client) => runOfSweep(client, row));
  if (run?.status.name !== 'RUNNING') return;
  const { sweepId, status } = row;
  throw new CommandFailure(
    'Conflict',
    `The sweep ${sweepId} has not ended (${status}), so its IDs are still needed. Cancel it first: http-tasks ` +
      `sweep cancel ${sweepId} --watch`,
  );
}

async function confirm(io: Io, { sweepId }: SweepRow, failed: number): Promise<void> {
  const loss =
    failed === 0
      ? 'It has no failed or unknown users.'
      : `${counted(failed, 'failed or unknown user', 'failed and unknown users')} can then never be redriven, only ` +
        'found in the source again.';
  const what = `Releasing the IDs of sweep ${printable(sweepId)} cannot be undone. ${loss}`;
  if (!isTerminal(io)) throw new Refusal('Usage', `${what} Give --yes to confirm. Nothing was changed.`, 'yes');
  if (await agrees(io, `${what} Release them? [y/N] `)) return;
  throw new CommandFailure('Interrupted', 'Not confirmed. Nothing was changed.');
}
