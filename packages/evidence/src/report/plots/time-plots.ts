import type { Axis, Spec } from 'vega';
import type { OverTime } from '../time-figures';

/** Formats of times, in 24-hour notation; the page says that times are in UTC. */
const CLOCK = {
  milliseconds: '%H:%M:%S.%L',
  seconds: '%H:%M:%S',
  minutes: '%H:%M',
  hours: '%H:%M',
  date: '%d %b',
  week: '%d %b',
  month: '%b %Y',
  quarter: '%b %Y',
  year: '%Y',
};

/** Approximate width of a label, in pixels. */
const LABEL_ROOM = 90;

/** Returns the time axis of a plot of this width, for a scale `x`. */
export function timeAxis(width: number): Axis {
  return {
    orient: 'bottom',
    scale: 'x',
    format: CLOCK,
    tickCount: Math.max(2, Math.floor(width / LABEL_ROOM)),
    labelOverlap: true,
    labelFlush: true,
  };
}

interface Point {
  from: number;
  to: number;
  value: number;
}

/** Plots how many users finished in each interval. */
export function throughputPlot({ stretches }: OverTime, size: { width: number; height: number }): Spec {
  const points = stretches.map(({ from, to, users }) => ({ from, to, value: users }));
  return timePlot(points, size, {
    top: Math.max(2, ...points.map(({ value }) => value)),
    format: '~s',
    marks: [
      {
        type: 'rect',
        from: { data: 'points' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'from', offset: 0.5 },
            x2: { scale: 'x', field: 'to', offset: -0.5 },
            y: { scale: 'y', field: 'value' },
            y2: { scale: 'y', value: 0 },
            fill: { value: 'var(--accent)' },
          },
        },
      },
    ],
  });
}

/** Plots the share of users who had finished at each time. */
export function shareDonePlot({ stretches, total }: OverTime, size: { width: number; height: number }): Spec {
  const points = stretches.map(({ from, to, sofar }) => ({ from, to, value: sofar / total }));
  const place = { x: { scale: 'x', field: 'to' }, y: { scale: 'y', field: 'value' } };
  return timePlot([{ from: stretches[0]?.from ?? 0, to: stretches[0]?.from ?? 0, value: 0 }, ...points], size, {
    top: 1,
    format: '.0%',
    marks: [
      {
        type: 'area',
        from: { data: 'points' },
        encode: {
          enter: {
            ...place,
            y2: { scale: 'y', value: 0 },
            fill: { value: 'var(--accent)' },
            fillOpacity: { value: 0.25 },
          },
        },
      },
      {
        type: 'line',
        from: { data: 'points' },
        encode: { enter: { ...place, stroke: { value: 'var(--accent)' }, strokeWidth: { value: 2 } } },
      },
    ],
  });
}

interface TimePlot {
  /** The largest value. */
  top: number;
  /** Of values. */
  format: string;
  marks: Spec['marks'];
}

function timePlot(
  points: readonly Point[],
  { width, height }: { width: number; height: number },
  { top, format, marks }: TimePlot,
): Spec {
  // Users are whole numbers.
  const tickCount = top === 1 ? 4 : Math.min(4, top);
  const left: Axis = {
    orient: 'left',
    scale: 'y',
    format,
    tickCount,
    grid: true,
    domain: false,
    ticks: false,
    labelPadding: 6,
  };
  return {
    width,
    height,
    padding: { left: 0, top: 8, right: 2, bottom: 0 },
    autosize: { type: 'fit', contains: 'padding' },
    data: [{ name: 'points', values: [...points] }],
    scales: [
      {
        name: 'x',
        type: 'utc',
        domain: {
          fields: [
            { data: 'points', field: 'from' },
            { data: 'points', field: 'to' },
          ],
        },
        range: 'width',
      },
      { name: 'y', type: 'linear', domain: [0, top], nice: top > 1, range: 'height' },
    ],
    axes: [left, timeAxis(width)],
    marks,
  };
}
