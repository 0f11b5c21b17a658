import type { Spec } from 'vega';
import { fitted, widthOf } from './bar-rows';
import { timeAxis } from './time-plots';

/** A step with the number of its final outcomes over time. */
export interface ProgressRow {
  title: string;
  note: string;
  /** For narrow plots. */
  shortNote: string;
  total: number;
  /** Number of outcomes until the end of each interval. */
  sofar: readonly number[];
}

const ROW_HEIGHT = 62;
const CURVE = { top: 22, height: 34 };
const LINE = 14;
const FONT = 13;
const GAP = 12;
const AXIS_HEIGHT = 26;

/** Below this width notes are short, in pixels. */
const LITTLE_ROOM = 600;

/** Returns curves of the share of each step, one below the other over one axis of time, which needs no colours. */
export function stepProgressPlot(
  { rows, start, ends }: { rows: readonly ProgressRow[]; start: number; ends: readonly number[] },
  width: number,
): Spec {
  const lines = rows.map(({ title, note, shortNote }, row) => {
    const shown = width < LITTLE_ROOM ? shortNote : note;
    return { title: fitted(title, width - widthOf(shown) - GAP), note: shown, row };
  });
  const points = rows.flatMap(({ sofar, total }, row) => [
    { row, at: start, share: 0 },
    ...ends.map((at, index) => ({ row, at, share: (sofar[index] ?? 0) / Math.max(1, total) })),
  ]);
  const top = `datum.row * ${ROW_HEIGHT} + ${CURVE.top}`;
  const place = {
    x: { scale: 'x', field: 'at' },
    y: { signal: `${top} + ${CURVE.height} * (1 - datum.share)` },
    y2: { signal: `${top} + ${CURVE.height}` },
  };
  const text = (field: string, look: object): NonNullable<Spec['marks']>[number] => ({
    type: 'text',
    from: { data: 'lines' },
    encode: {
      enter: {
        text: { field },
        y: { signal: `datum.row * ${ROW_HEIGHT} + ${LINE}` },
        fontSize: { value: FONT },
        ...look,
      },
    },
  });
  const height = rows.length * ROW_HEIGHT;
  return {
    width,
    height: height + AXIS_HEIGHT,
    padding: 0,
    autosize: 'none',
    data: [
      { name: 'points', values: points },
      { name: 'lines', values: lines },
    ],
    scales: [{ name: 'x', type: 'utc', domain: [start, ends.at(-1) ?? start], range: [0, width] }],
    axes: [{ ...timeAxis(width), offset: -AXIS_HEIGHT }],
    marks: [
      {
        type: 'rule',
        from: { data: 'lines' },
        encode: {
          enter: {
            x: { value: 0 },
            x2: { value: width },
            y: { signal: `${top} + ${CURVE.height}` },
            stroke: { value: 'var(--line)' },
          },
        },
      },
      {
        type: 'group',
        from: { facet: { name: 'curve', data: 'points', groupby: 'row' } },
        marks: [
          {
            type: 'area',
            from: { data: 'curve' },
            encode: { enter: { ...place, fill: { value: 'var(--accent)' }, fillOpacity: { value: 0.25 } } },
          },
          {
            type: 'line',
            from: { data: 'curve' },
            encode: {
              enter: { x: place.x, y: place.y, stroke: { value: 'var(--accent)' }, strokeWidth: { value: 2 } },
            },
          },
        ],
      },
      text('title', { x: { value: 0 }, fill: { value: 'var(--ink)' }, fontWeight: { value: 600 } }),
      text('note', { x: { value: width }, fill: { value: 'var(--soft)' }, align: { value: 'right' } }),
    ],
  };
}
