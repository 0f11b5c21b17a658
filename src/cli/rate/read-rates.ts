import type { RateRow } from '../../ledger/sweeps/rate-ledger';
import type { OpenedLedger } from '../../ledger/open-ledger';
import type { Io } from '../io';
import { withWorkersLedger } from '../open-ledger';

/** The services that sweeps call. */
const OF_SWEEPS: readonly string[] = ['plaid', 'batch'];

/** Reads what limits sweeps, for a command that can do without it: nothing where there is no ledger, or it cannot be read. */
export async function ratesOfSweeps({ rates }: Pick<OpenedLedger, 'rates'>): Promise<RateRow[]> {
  try {
    return (await rates.readRates()).filter(({ service }) => OF_SWEEPS.includes(service));
  } catch {
    return [];
  }
}

/** Does something with the ledger of the settings here; with none where there is none, or it cannot be opened. */
export async function withLedgerIfThere<T>(io: Io, use: (ledger: OpenedLedger | undefined) => Promise<T>): Promise<T> {
  let used = false;
  try {
    return await withWorkersLedger(io, ({ ledger }) => {
      used = true;
      return use(ledger);
    });
  } catch (error) {
    if (used) throw error;
    return use(undefined);
  }
}
