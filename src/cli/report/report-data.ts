import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { SweepSummary, UsersWithOutcome } from '../../ledger/sweeps/summary-types';
import type { SweepCounts, SweepRow } from '../../ledger/sweeps/sweep-types';
import type { Outcome } from '../../policy/outcome';
import { packageVersion } from '../package-version';

/** Users who need a person in the report, at most; all of them stand in the CSV. */
export const MOST_USERS_NAMED = 1_000;

/** All that a report is made of. */
export interface ReportData {
  sweep: SweepRow;
  counts: SweepCounts;
  summary: SweepSummary;
  /** The outcomes of a step that a person has to look at. */
  needsPerson: readonly Outcome[];
  /** The users with such a step. */
  users: UsersWithOutcome;
  /** ISO 8601, UTC. */
  madeAt: string;
  /** The package's. */
  version: string;
}

/** Reads a report's data out of the ledger; a million users take some seconds. */
export async function readReportData(sweeps: SweepLedger, sweep: SweepRow, onProgress: (users: number) => void): Promise<ReportData> {
  const { sweepId } = sweep;
  const counts = await sweeps.count(sweepId);
  const summary = await sweeps.summarise({ sweepId, onProgress });
  // A sweep that has found nobody and still completed was told that this is fine.
  const needsPerson: readonly Outcome[] = sweep.status === 'completed' ? ['failed', 'unknown'] : ['failed', 'unknown', 'notFound'];
  const users = await sweeps.readUsersWithOutcome({ sweepId, outcomes: needsPerson, limit: MOST_USERS_NAMED });
  return { sweep, counts, summary, needsPerson, users, madeAt: new Date().toISOString(), version: packageVersion() };
}
