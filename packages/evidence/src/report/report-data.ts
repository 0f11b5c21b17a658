import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { RateLedger } from 'temporal-http-tasks/internal/ledger/sweeps/rate-ledger';
import type { SweepSummary, UsersWithOutcome } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import type { RowLabel, SweepCounts, SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { packageVersion } from 'temporal-http-tasks/internal/package-version';
import { readHeadFacts } from '../head-facts';
import type { HeadFacts, HeadLedger } from '../head-facts';
import { rateSentence, sweepRateSentence } from '../rate-words';
import { PlannedSteps } from './planned-steps';

/** Maximum number of users who need attention in the report; the CSV has all of them. */
export const MOST_USERS_NAMED = 1_000;

/** The data of a report. */
export interface ReportData {
  sweep: SweepRow;
  counts: SweepCounts;
  summary: SweepSummary;
  /** What its steps and providers are called. */
  planned: PlannedSteps;
  /** The outcomes that need attention. */
  needsPerson: readonly Outcome[];
  /** The users with such a step. */
  users: UsersWithOutcome;
  /** References and source lines of these users, by seq. */
  labels: ReadonlyMap<number, RowLabel>;
  /** The limits of its calls, now or at its end. */
  limits: readonly string[];
  /** What is sealed besides the receipts; absent until then. */
  head?: HeadFacts;
  /** ISO 8601, UTC. */
  madeAt: string;
  /** The package's. */
  version: string;
}

/** The source of a report. */
export type ReportLedger = HeadLedger & {
  readonly sweeps: SweepLedger;
  readonly rates: Pick<RateLedger, 'readRates' | 'readSweepRates'>;
};

/** Reads a report's data from the ledger; a million users take some seconds. */
export async function readReportData(
  ledger: ReportLedger,
  sweep: SweepRow,
  onProgress: (users: number) => void,
): Promise<ReportData> {
  const { sweeps, rates } = ledger;
  const { sweepId } = sweep;
  const head = await readHeadFacts(ledger, sweep);
  const counts = await sweeps.count(sweepId);
  const planned = new PlannedSteps(sweep.stepsPlan);
  const { isBulk } = planned;
  const summary = await sweeps.summarise({ sweepId, onProgress, isBulk });
  // A completed sweep with users who were not found was started with notFoundIsFine.
  const needsPerson: readonly Outcome[] =
    sweep.status === 'completed' ? ['failed', 'unknown'] : ['failed', 'unknown', 'notFound'];
  const users = await sweeps.readUsersWithOutcome({ sweepId, outcomes: needsPerson, limit: MOST_USERS_NAMED });
  const labels = await sweeps.readLabels({ sweepId, seqs: [...new Set(users.receipts.map(({ seq }) => seq))] });
  const limits = await limitsOf(rates, sweep, planned);
  return {
    sweep,
    counts,
    summary,
    planned,
    needsPerson,
    users,
    labels,
    limits,
    ...(head && { head }),
    madeAt: new Date().toISOString(),
    version: packageVersion(),
  };
}

/** Returns the limits; of a sweep that has ended only its own rates, since others may have changed. */
async function limitsOf(
  rates: ReportLedger['rates'],
  { sweepId, endedAt, environments }: SweepRow,
  { titleOf }: PlannedSteps,
): Promise<string[]> {
  if (endedAt !== undefined)
    return (await rates.readSweepRates(sweepId)).map((rate) => sweepRateSentence(rate, titleOf));
  return (await rates.readRates())
    .filter(({ service }) => Object.hasOwn(environments, service))
    .map((rate) => rateSentence(rate, titleOf));
}
