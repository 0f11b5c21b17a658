import type { SettledOverTime, StepOverTime } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';

/** Number of users who finished in an interval, and until its end. */
export interface TimeFigures {
  from: number;
  to: number;
  users: number;
  /** Total until the interval's end, including users before the first interval. */
  sofar: number;
}

/** When users finished, in few enough intervals for a plot. */
export interface OverTime {
  stretchMs: number;
  stretches: TimeFigures[];
  total: number;
  /** Number of users who finished after the last interval: few, and long after the others. */
  later: number;
  last: string;
}

const MOST_STRETCHES = 60;

const STRETCHES_MS = [
  100, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000,
  3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000, 2_592_000_000,
];

/** When the last per cent takes longer than this share of the whole time, the plot ends before it. */
const LONG_TAIL = 0.25;

/** Combines the ledger's intervals, including the empty ones between them. */
export function overTime({ bucketMs, buckets, last }: SettledOverTime): OverTime {
  const points = buckets.map(({ at, users }) => ({ from: Date.parse(at), users }));
  const { total, start, shownUntil, stretchMs } = rangeOf(points, bucketMs);
  const stretches: TimeFigures[] = [];
  let sofar = 0;
  let at = 0;
  for (let from = start; from < shownUntil; from += stretchMs) {
    let users = 0;
    for (let point = points[at]; point !== undefined && point.from < from + stretchMs; point = points[++at])
      users += point.users;
    sofar += users;
    stretches.push({ from, to: from + stretchMs, users, sofar });
  }
  return { stretchMs, stretches, total, later: total - sofar, last };
}

/** What of the whole time is shown, in which intervals. */
function rangeOf(points: readonly { from: number; users: number }[], bucketMs: number) {
  const total = points.reduce((sum, { users }) => sum + users, 0);
  const [start, end] = [points[0]?.from ?? 0, (points.at(-1)?.from ?? 0) + bucketMs];
  const nearlyAll = timeOfShare(points, total * 0.99) + bucketMs;
  const shownUntil = nearlyAll - start < (end - start) * LONG_TAIL ? nearlyAll : end;
  const stretchMs =
    STRETCHES_MS.find((ms) => ms % bucketMs === 0 && (shownUntil - start) / ms <= MOST_STRETCHES) ??
    bucketMs * Math.ceil((shownUntil - start) / bucketMs / MOST_STRETCHES);
  return { total, start: Math.floor(start / stretchMs) * stretchMs, shownUntil, stretchMs };
}

/** How far a step was at the end of each interval. */
export interface StepProgress {
  step: string;
  service: string;
  total: number;
  /** Number of its final outcomes until the end of each interval. */
  sofar: number[];
  /** When the first, half and all of them were recorded; at most one interval of the ledger too early. */
  firstAt: number;
  halfAt: number;
  lastAt: number;
}

/** The progress of all steps over the same intervals. */
export interface StepsOverTime {
  stretchMs: number;
  /** Ends of the intervals. */
  ends: number[];
  start: number;
  steps: StepProgress[];
}

/** Combines the ledger's intervals of all steps, from the first final outcome of any. */
export function stepsOverTime(steps: readonly StepOverTime[], bucketMs: number): StepsOverTime {
  const all = steps
    .flatMap(({ buckets }) => buckets.map(({ at, receipts }) => ({ from: Date.parse(at), users: receipts })))
    .sort((one, other) => one.from - other.from);
  const { start, shownUntil, stretchMs } = rangeOf(all, bucketMs);
  const ends: number[] = [];
  for (let from = start; from < shownUntil; from += stretchMs) ends.push(from + stretchMs);
  return {
    stretchMs,
    ends,
    start,
    steps: steps.map(({ step, service, buckets }) => {
      const points = buckets.map(({ at, receipts }) => ({ from: Date.parse(at), users: receipts }));
      const total = points.reduce((sum, { users }) => sum + users, 0);
      return {
        step,
        service,
        total,
        sofar: ends.map((end) => points.reduce((sum, { from, users }) => (from < end ? sum + users : sum), 0)),
        firstAt: points[0]?.from ?? start,
        halfAt: timeOfShare(points, total / 2),
        lastAt: points.at(-1)?.from ?? start,
      };
    }),
  };
}

/** Returns when this number of users had finished; at most one interval too early. */
export function timeOfShare(points: readonly { from: number; users: number }[], users: number): number {
  let sofar = 0;
  for (const point of points) {
    sofar += point.users;
    if (sofar >= users) return point.from;
  }
  return points.at(-1)?.from ?? 0;
}
