import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { plaidEnvironment } from '../../config/plaid-environment';
import { readQueueSettings } from '../../config/settings';
import type { SnapshotState } from '../../ledger/sweeps/sweep-types';
import { DEFAULT_MAX_USERS } from '../../policy/sweep-input';
import type { OffboardUsersInput } from '../../policy/sweep-input';
import { noCounts } from '../../policy/sweep-result';
import { CommandFailure } from '../errors';
import { withInterruption } from '../interruption';
import type { ExitCode, Io } from '../io';
import { withWorkersLedger } from '../open-ledger';
import { print, printJson, printable, say } from '../output';
import { requireWorker } from '../pollers';
import { withTemporal } from '../temporal-client';
import { openSweepFile, takeLocalSnapshot } from './local-snapshot';
import type { LocalFile, SweepOptions, WantedSweep } from './sweep-options';
import { toDocument } from './sweep-report';
import { SWEEP_WORKFLOW, describeSweep } from './sweep-run';
import { watchSweep } from './watch';

/** Starts the sweep that was asked for, after its local file, if it has one, was read and checked; and follows it if wished. */
export async function startSweep(io: Io, wanted: WantedSweep, options: SweepOptions): Promise<ExitCode> {
  const { taskQueue } = readQueueSettings(io.env);
  const { sweepId, input, local, isOwnId } = wanted;
  // Whatever is wrong with the file itself is told before anybody is asked.
  if (local) await openSweepFile(local);
  return withTemporal(io, options, async (client) => {
    await requireWorker(client, taskQueue);
    if (isOwnId) await requireFreshId(client, sweepId);
    const snapshot = local && (await readLocalFile(io, { sweepId, local, maxUsers: input.maxUsers ?? DEFAULT_MAX_USERS }));
    await startRun(client, { sweepId, taskQueue, input }).catch((error: unknown) => {
      if (local) say(io, `The users of the sweep stand in the ledger: run the same command with --id ${printable(sweepId)} to start it.`);
      throw error;
    });
    return begun(io, client, { sweepId, snapshot, approval: input.approval ?? false }, options);
  });
}

async function requireFreshId(client: Client, sweepId: string): Promise<void> {
  if (await describeSweep(client, sweepId)) throw takenId(sweepId);
}

function takenId(sweepId: string): CommandFailure {
  return new CommandFailure('Conflict', `There is a sweep ${sweepId} already, so nothing was started. Choose another --id, or look at it with: http-tasks sweep status ${sweepId}`);
}

async function readLocalFile(io: Io, snapshot: { sweepId: string; local: LocalFile; maxUsers: number }): Promise<SnapshotState> {
  const source = await openSweepFile(snapshot.local);
  say(io, `Sweep ${printable(snapshot.sweepId)}: reading ${printable(snapshot.local.file)} for Plaid's ${plaidEnvironment(io.env)}.`);
  return withWorkersLedger(io, (opened) =>
    withInterruption(({ signal }) => takeLocalSnapshot(io, opened, { snapshot, source, signal })),
  );
}

/** Starts the workflow of a sweep, whose id names one sweep for ever. */
export async function startRun(client: Client, run: { sweepId: string; taskQueue: string; input: OffboardUsersInput }): Promise<void> {
  const { sweepId: workflowId, taskQueue, input } = run;
  try {
    await client.workflow.start(SWEEP_WORKFLOW, {
      workflowId,
      taskQueue,
      args: [input],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) throw takenId(workflowId);
    throw error;
  }
}

/** Tells that a sweep was started, and follows it if wished. */
export async function begun(
  io: Io,
  client: Client,
  { sweepId, snapshot, approval }: { sweepId: string; snapshot?: SnapshotState | undefined; approval: boolean },
  { watch = false, json = false }: Pick<SweepOptions, 'watch' | 'json'>,
): Promise<ExitCode> {
  const id = printable(sweepId);
  if (watch) {
    say(io, `Started ${id}.`);
    return watchSweep(io, { client, sweepId, json });
  }
  if (json) printJson(io, { sweepId, status: 'running', ...(snapshot && countsOf(sweepId, snapshot)) });
  else print(io, `Started ${id}.`);
  say(io, `Watch it with: http-tasks sweep watch ${id}`);
  if (approval) say(io, `It begins after: http-tasks sweep approve ${id} --total ${snapshot?.total ?? 'N'} --by YOUR_NAME`);
  return 0;
}

function countsOf(sweepId: string, { total, duplicates, rejected }: SnapshotState): object {
  const { counts } = toDocument({ sweepId, status: 'running', counts: { ...noCounts(), total, pending: total }, duplicates, rejected });
  return { counts, duplicates, rejected };
}
