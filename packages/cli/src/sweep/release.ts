import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import { agrees, isTerminal } from '../confirm';
import { CommandFailure, Refusal } from '../errors';
import type { ExitCode, Io } from '../io';
import { withWorkersLedger } from '../open-ledger';
import { print, printJson, printable } from '../output';
import { withTemporal } from '../temporal-client';
import type { TemporalOptions } from '../temporal-options';
import { counted } from './reading-report';
import { runOfSweep } from './sweep-run';

/** Destroys the key of a sweep, once that was confirmed. */
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
        `The ids of sweep ${printable(sweepId)} ${row.readable ? 'are released' : 'were released before'}: nobody can read them any more. Receipts, counts and the Merkle root stay.`,
      );
    return 0;
  });
}

/** A sweep that goes on needs its ids. One that was never started, or whose run is gone, does not. */
async function requireEnded(io: Io, row: SweepRow, options: TemporalOptions): Promise<void> {
  if (row.endedAt !== undefined) return;
  const run = await withTemporal(io, options, (client) => runOfSweep(client, row));
  if (run?.status.name !== 'RUNNING') return;
  const { sweepId, status } = row;
  throw new CommandFailure(
    'Conflict',
    `The sweep ${sweepId} has not ended (${status}), so its ids are still needed. Cancel it first: http-tasks sweep cancel ${sweepId} --watch`,
  );
}

async function confirm(io: Io, { sweepId }: SweepRow, failed: number): Promise<void> {
  const loss =
    failed === 0
      ? 'It has no failed or unknown users.'
      : `${counted(failed, 'failed or unknown user', 'failed and unknown users')} can then never be redriven, only found in the source again.`;
  const what = `Releasing the ids of sweep ${printable(sweepId)} cannot be undone. ${loss}`;
  if (!isTerminal(io))
    throw new Refusal('Usage', `${what} Give --yes to do it without being asked. Nothing was changed.`, 'yes');
  if (await agrees(io, `${what} Release them? [y/N] `)) return;
  throw new CommandFailure('Interrupted', 'Not confirmed. Nothing was changed.');
}
