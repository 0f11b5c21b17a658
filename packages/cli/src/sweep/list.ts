import { inWords, localTime } from '../for-people';
import type { ExitCode, Io } from '../io';
import { withWorkersLedger } from '../open-ledger';
import { paint, printJson, say } from '../output';
import { printTable } from '../table';
import { count } from './reading-report';

/** Prints the latest sweeps of the ledger. */
export async function listSweeps(io: Io, { limit, json }: { limit: number; json: boolean }): Promise<ExitCode> {
  const sweeps = await withWorkersLedger(io, ({ ledger }) => ledger.sweeps.list({ limit }));
  if (json) printJson(io, sweeps);
  else if (sweeps.length === 0) say(io, 'The ledger has no sweep.');
  else {
    const rows = sweeps.map(({ sweepId, status, pausedBecause, total, createdAt, endedAt, readable }) => [
      sweepId,
      paint(
        io,
        status === 'completed' ? 'green' : 'yellow',
        inWords(pausedBecause === undefined ? status : `${status} (${pausedBecause})`),
      ),
      count(total),
      localTime(createdAt),
      endedAt === undefined ? '' : localTime(endedAt),
      readable ? 'yes' : 'no',
    ]);
    printTable(io, ['Sweep', 'Status', 'Users', 'Started', 'Ended', 'IDs readable'], rows);
  }
  return 0;
}
