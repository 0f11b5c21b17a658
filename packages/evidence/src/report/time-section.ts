import type { SettledOverTime } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import { html } from './markup';
import type { Markup } from './markup';
import { emptyFigure, plotFigure } from './plots/figure';
import { shareDonePlot, throughputPlot } from './plots/time-plots';
import type { ReportData } from './report-data';
import { overTime, timeOfShare } from './time-figures';
import type { OverTime } from './time-figures';
import { count, counted, duration, moment, percent } from './words';

const THROUGHPUT = { id: 'throughput', title: 'Users done over time' };
const SHARE_DONE = { id: 'share-done', title: 'How long users waited' };

const BEFORE_BULK = { id: 'throughput-before-bulk', title: 'Users done before the bulk calls' };

/** When users were done but for the bulk calls, when they came to their end, and after how long. */
export async function timePlots({ sweep, summary: { settled, settledBeforeBulk } }: ReportData): Promise<Markup> {
  return html`${settledBeforeBulk && (await beforeBulkPlot(settledBeforeBulk))}${await endPlots(sweep, settled)}`;
}

/** A bulk call is for thousands of users, so almost all of them finish at the same time. */
async function beforeBulkPlot(settled: SettledOverTime): Promise<Markup | false> {
  const figures = overTime(settled);
  if (figures.stretches.length < 2) return false;
  return throughputFigure(figures, BEFORE_BULK, 'Users whose last step before the bulk calls ended');
}

async function endPlots(sweep: ReportData['sweep'], settled: SettledOverTime | undefined): Promise<Markup> {
  if (settled === undefined) return emptyFigure(THROUGHPUT, 'No user is done yet.');
  const figures = overTime(settled);
  const waits = waitsInWords(Date.parse(sweep.createdAt), settled);
  if (figures.stretches.length < 2) {
    // The first receipts may be much older: a user is done with the last of its steps.
    return emptyFigure(THROUGHPUT, `${counted(figures.total, 'user')} finished at ${moment(settled.last)}. ${waits}`);
  }
  return html`${await throughputFigure(figures, THROUGHPUT, 'Users whose last step ended')}${await shareFigure(figures, waits)}`;
}

function throughputFigure(figures: OverTime, about: { id: string; title: string }, what: string): Promise<Markup> {
  const { stretchMs, stretches, later, last } = figures;
  const most = Math.max(...stretches.map(({ users }) => users));
  const span = `${moment(isoOf(stretches[0]?.from))} to ${moment(isoOf(stretches.at(-1)?.to))}`;
  const tail = later > 0 && `${counted(later, 'user')} finished later, the last at ${moment(last)}.`;
  return plotFigure({
    ...about,
    note: html`${what} within each ${duration(stretchMs)}, ${span}.${tail !== false && ` ${tail}`}`,
    description: `Bars of the users done in each ${duration(stretchMs)} from ${span}; at most ${count(most)}.`,
    draw: (width) => throughputPlot(figures, sizeFor(width)),
    table: { head: ['From (UTC)', 'Users'], rows: stretches.map(({ from, users }) => [isoOf(from), users]) },
  });
}

function shareFigure(figures: OverTime, waits: string): Promise<Markup> {
  const { stretches, total } = figures;
  return plotFigure({
    ...SHARE_DONE,
    note: waits,
    description: `Line of the share of users done, from 0% to ${percent(total - figures.later, total)}. ${waits}`,
    draw: (width) => shareDonePlot(figures, sizeFor(width)),
    table: {
      head: ['By (UTC)', 'Users done', 'Share'],
      rows: stretches.map(({ to, sofar }) => [isoOf(to), sofar, percent(sofar, total)]),
    },
  });
}

function sizeFor(width: number): { width: number; height: number } {
  return { width, height: width > 500 ? 200 : 160 };
}

/** Measured from the start of the sweep, including reading its source and waiting for an approval. */
function waitsInWords(
  startedAt: number,
  { bucketMs, buckets, last }: NonNullable<ReportData['summary']['settled']>,
): string {
  const points = buckets.map(({ at, users }) => ({ from: Date.parse(at), users }));
  const total = points.reduce((sum, { users }) => sum + users, 0);
  const after = (share: number): string =>
    duration(Math.max(0, Math.min(timeOfShare(points, total * share) + bucketMs, Date.parse(last)) - startedAt));
  const end = duration(Math.max(0, Date.parse(last) - startedAt));
  return total === 1
    ? `The user was done ${end} after the sweep was started.`
    : `Measured from the start of the sweep, half of the users were done after ${after(0.5)}, 95% after ${after(0.95)}, and the last one after ${end}.`;
}

function isoOf(ms = 0): string {
  return new Date(ms).toISOString();
}
