import type { SettledOverTime } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import { html } from './markup';
import type { Markup } from './markup';
import { emptyFigure, plotFigure } from './plots/figure';
import { stepProgressPlot } from './plots/step-progress';
import { shareDonePlot, throughputPlot } from './plots/time-plots';
import type { ReportData } from './report-data';
import { overTime, stepsOverTime, timeOfShare } from './time-figures';
import type { OverTime, StepProgress } from './time-figures';
import { count, counted, duration, moment, percent } from './words';

const THROUGHPUT = { id: 'throughput', title: 'Users done over time' };
const SHARE_DONE = { id: 'share-done', title: 'How long users waited' };

const BEFORE_BULK = { id: 'throughput-before-bulk', title: 'Users done before the bulk calls' };

/** How far each step was, when users were done but for the bulk calls, when they ended, and after how long. */
export async function timePlots(data: ReportData): Promise<Markup> {
  const { sweep, summary } = data;
  const { settled, settledBeforeBulk } = summary;
  const beforeBulk = settledBeforeBulk && (await beforeBulkPlot(settledBeforeBulk));
  return html`${await stepProgressFigure(data)}${beforeBulk}${await endPlots(sweep, settled)}`;
}

/** Shows which step took the time, and how far each one is. */
async function stepProgressFigure({
  sweep,
  summary: { settled, steps = [] },
  planned,
}: ReportData): Promise<Markup | false> {
  if (!settled) return false;
  const begun = Date.parse(sweep.createdAt);
  const { start, ends, steps: found } = stepsOverTime(steps, settled.bucketMs);
  if (ends.length < 2) return false;
  const sorted = [...found].sort((a, b) => planned.compare(a.step, b.step) || (a.service < b.service ? -1 : 1));
  const rows = sorted.map((progress) => ({
    title: planned.labelOf(progress),
    note: `${count(progress.total)} · ${timesInWords(progress, begun)}`,
    shortNote: count(progress.total),
    total: progress.total,
    sofar: progress.sofar,
  }));
  const span = `${moment(isoOf(start))} to ${moment(isoOf(ends.at(-1)))}`;
  return plotFigure({
    id: 'step-progress',
    title: 'Progress of each step',
    note:
      `Share of the final outcomes of each step that were recorded, ${span}. “After” counts from the start of the ` +
      'sweep. The step whose curve starts late or rises slowly took the time.',
    description:
      `One curve for each of ${counted(rows.length, 'step')}, from ${span}: ` +
      `${sorted.map((progress) => `${planned.labelOf(progress)}: ${timesInWords(progress, begun)}`).join('; ')}.`,
    draw: (width) => stepProgressPlot({ rows, start, ends }, width),
    table: {
      head: ['Step', 'Outcomes', 'First (UTC)', 'Half (UTC)', 'Last (UTC)'],
      rows: sorted.map((progress) => [
        planned.labelOf(progress),
        progress.total,
        isoOf(progress.firstAt),
        isoOf(progress.halfAt),
        isoOf(progress.lastAt),
      ]),
    },
  });
}

/** Measured from the start of the sweep, in milliseconds. */
function timesInWords({ halfAt, lastAt, total }: StepProgress, begun: number): string {
  const half = duration(Math.max(0, halfAt - begun));
  const last = duration(Math.max(0, lastAt - begun));
  return total === 1 || half === last ? `after ${last}` : `half after ${half}, all after ${last}`;
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
    note: html`${what}, per ${duration(stretchMs)}, ${span}.${tail !== false && ` ${tail}`}`,
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
    : `Measured from the start of the sweep, half of the users were done after ${after(0.5)}, 95% after ` +
        `${after(0.95)}, and the last one after ${end}.`;
}

function isoOf(ms = 0): string {
  return new Date(ms).toISOString();
}
