import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { evidenceSection } from './evidence-section';
import { headSection } from './head-section';
import { page } from './page';
import { peopleSection } from './people-section';
import { codesPlot, stepsPlot, usersPlot } from './plot-sections';
import { readReportData } from './report-data';
import type { ReportLedger } from './report-data';
import { sealSection } from './seal-section';
import { timePlots } from './time-section';

/**
 * Returns a report on a sweep as one HTML page, for readers and for an auditor's files. It contains numbers and keyed
 * hashes, and never a user's ID.
 *
 * @param onProgress Called with the number of users that were read so far.
 */
export async function* reportOnSweep(
  ledger: ReportLedger,
  sweep: SweepRow,
  onProgress: (users: number) => void,
): AsyncGenerator<string> {
  const data = await readReportData(ledger, sweep, onProgress);
  yield page(`Sweep ${sweep.sweepId}`, [
    headSection(data),
    peopleSection(data),
    await usersPlot(data),
    await stepsPlot(data),
    await codesPlot(data),
    await timePlots(data),
    evidenceSection(data),
    sealSection(data),
  ]);
}
