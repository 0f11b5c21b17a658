import type { RateRow, SweepRate } from '../../ledger/sweeps/rate-ledger';
import type { Io } from '../io';
import { ratesOfSweeps, withLedgerIfThere } from '../rate/read-rates';
import { keyName, rateDocument, rateSentence, ownRateSentence } from '../rate/rate-words';
import type { RateDocument } from '../rate/rate-words';

/** What limits a sweep's calls, as far as a ledger is set here that can be read. */
export interface SweepLimits {
  /** What counts now, for each key that sweeps use. */
  rates: readonly RateRow[];
  /** The rates that the sweep has, or had until it ended. */
  own: readonly SweepRate[];
}

export async function readLimits(io: Io, sweepId: string): Promise<SweepLimits> {
  return withLedgerIfThere(io, async (ledger) => {
    if (!ledger) return { rates: [], own: [] };
    return { rates: await ratesOfSweeps(ledger), own: await ledger.rates.readSweepRates(sweepId).catch(() => []) };
  });
}

/** The limits in sentences: which one counts, and which of the sweep's own do not. */
export function limitLines({ rates, own }: SweepLimits): string[] {
  const counting = new Set(rates.flatMap((row) => row.sweeps.map(({ sweepId }) => `${sweepId} ${keyName(row)}`)));
  const over = own.filter((rate) => !counting.has(`${rate.sweepId} ${keyName(rate)}`));
  return [...over.map(ownRateSentence), ...rates.map(rateSentence)].map((sentence) => `Rate: ${sentence}`);
}

export function limitsDocument({ rates, own }: SweepLimits): { limits: RateDocument[]; ownRates: object[] } {
  return {
    limits: rates.map(rateDocument),
    ownRates: own.map(({ service, keySlot, limitPerMinute }) => ({ service, ...(keySlot !== '' && { keySlot }), callsPerMinute: limitPerMinute })),
  };
}
