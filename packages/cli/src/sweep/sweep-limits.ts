import type { RateRow, SweepRate } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import { DEFAULT_LEDGER_URL, readLedgerUrl } from 'temporal-http-tasks/internal/config/database-settings';
import { inOrder } from 'temporal-http-tasks/internal/policy/user-ids';
import type { Io } from '../program/io';
import {
  keyName,
  rateDocument,
  rateSentence,
  ownRateSentence,
} from '@temporal-http-tasks/evidence/internal/rate-words';
import type { RateDocument } from '@temporal-http-tasks/evidence/internal/rate-words';

/** The limits of a sweep's calls, as far as a readable ledger is configured here. */
export interface SweepLimits {
  /** The limit in force, for each key at the services of the sweep; in the order of the providers. */
  rates: readonly RateRow[];
  /** The rates of the sweep itself, or those it had until it ended. */
  own: readonly SweepRate[];
}

/** Reads them from the configured ledger without changing it; none without a ledger, or if it cannot be read. */
export async function readLimits(io: Io, sweepId: string): Promise<SweepLimits> {
  try {
    const { url = DEFAULT_LEDGER_URL, plaintextAllowed } = readLedgerUrl(io.env);
    // Only commands that need them load the databases' drivers.
    const { readLimitsOfLedger } = await import('temporal-http-tasks/internal/ledger/open-ledger');
    const { rates, own, services } = await readLimitsOfLedger({ url, plaintextAllowed }, sweepId);
    const order = inOrder(rates.map(({ service }) => service));
    return {
      rates: rates
        .filter(({ service }) => services.length === 0 || services.includes(service))
        .sort((one, other) => order.indexOf(one.service) - order.indexOf(other.service)),
      own,
    };
  } catch {
    return { rates: [], own: [] };
  }
}

/** Calls a minute that workers do not reach: a higher limit, such as that of `http-tasks dev`, limits nothing. */
const BEYOND_REACH = 1_000_000;

function limits(row: RateRow): boolean {
  return rateDocument(row).callsPerMinute < BEYOND_REACH;
}

/** Returns the limit that says most about how fast a sweep is: one of its own, else that of the first provider. */
export function mainLimit({ rates }: SweepLimits, sweepId: string): RateRow | undefined {
  const shown = rates.filter(limits);
  return shown.find(({ sweeps }) => sweeps.some((own) => own.sweepId === sweepId)) ?? shown[0];
}

/** Returns the limits in sentences: the one in force, and the sweep's own ones that are not. */
export function limitLines({ rates, own }: SweepLimits): string[] {
  const counting = new Set(rates.flatMap((row) => row.sweeps.map(({ sweepId }) => `${sweepId} ${keyName(row)}`)));
  const over = own.filter((rate) => !counting.has(`${rate.sweepId} ${keyName(rate)}`));
  return [...over.map((rate) => ownRateSentence(rate)), ...rates.filter(limits).map((row) => rateSentence(row))].map(
    (sentence) => `Rate: ${sentence}`,
  );
}

export function limitsDocument({ rates, own }: SweepLimits): { limits: RateDocument[]; ownRates: object[] } {
  return {
    limits: rates.map(rateDocument),
    ownRates: own.map(({ service, keySlot, limitPerMinute }) => ({
      service,
      ...(keySlot !== '' && { keySlot }),
      callsPerMinute: limitPerMinute,
    })),
  };
}
