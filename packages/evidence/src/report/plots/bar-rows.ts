import type { Spec } from 'vega';
import { visible } from '../markup';
import { LOOKS, present, sumOf } from '../standings';
import type { Standing, Tally } from '../standings';
import { count } from '../words';

/** A bar with a line of text above it. */
export interface BarRow {
  /** What the bar shows; truncated when it is too long for the plot, and complete in the table below it. */
  title: string;
  /** At the other end of the line. */
  note: string;
  /**
   * The same for narrow plots.
   * @default note
   */
  shortNote?: string;
  tally: Tally;
  /**
   * The whole of which the bar shows parts.
   * @default all of the tally
   */
  outOf?: number;
}

const ROW_HEIGHT = 52;
const BAR = { top: 21, height: 22 };
const LINE = 14;
const FONT = 13;
const GAP = 12;

/** Below this width notes are short, in pixels. */
const LITTLE_ROOM = 600;

/** Minimum width of a part that exists, in pixels: two of a million must be visible. */
const SLIVER = 3;

interface Segment {
  standing: Standing;
  left: number;
  right: number;
  row: number;
  /** Empty if there is no room for it. */
  label: string;
}

/** Returns bars that show parts of a whole, one below the other, in pixels of the page's layout. */
export function barRows(rows: readonly BarRow[], width: number): Spec {
  const segments = rows.flatMap((row, index) => segmentsOf(row, index, width));
  const lines = rows.map((row, index) => {
    const note = width < LITTLE_ROOM ? (row.shortNote ?? row.note) : row.note;
    return { title: fitted(row.title, width - widthOf(note) - GAP), note, row: index };
  });
  return {
    width,
    height: rows.length * ROW_HEIGHT,
    padding: 0,
    autosize: 'none',
    data: [
      { name: 'segments', values: segments },
      { name: 'lines', values: lines },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'segments' },
        encode: {
          enter: {
            x: { field: 'left' },
            x2: { field: 'right' },
            y: { signal: `datum.row * ${ROW_HEIGHT} + ${BAR.top}` },
            height: { value: BAR.height },
            fill: { signal: '"var(--" + datum.standing + ")"' },
            // Unfinished users are as pale as the page.
            stroke: { signal: 'datum.standing === "unfinished" ? "var(--soft)" : "var(--edge)"' },
            strokeWidth: { value: 1 },
          },
        },
      },
      text(
        'segments',
        'label',
        { x: { signal: 'datum.left + 6' }, fill: { signal: '"var(--on-" + datum.standing + ")"' } },
        BAR.top + 15,
      ),
      text('lines', 'title', { x: { value: 0 }, fill: { value: 'var(--ink)' }, fontWeight: { value: 600 } }, LINE),
      text('lines', 'note', { x: { value: width }, fill: { value: 'var(--soft)' }, align: { value: 'right' } }, LINE),
    ],
  };
}

type TextMark = NonNullable<Spec['marks']>[number];

function text(data: string, field: string, place: object, baseline: number): TextMark {
  const y = { signal: `datum.row * ${ROW_HEIGHT} + ${baseline}` };
  return {
    type: 'text',
    from: { data },
    encode: { enter: { text: { field }, y, fontSize: { value: FONT }, ...place } },
  };
}

function segmentsOf({ tally, outOf }: BarRow, row: number, width: number): Segment[] {
  const parts = present(tally);
  const scale = width / Math.max(1, outOf ?? sumOf(tally));
  const raised = parts.map(([, number]) => Math.max(SLIVER, number * scale));
  // The wide parts give up what the minimum widths take, so that the bar keeps its length.
  const tooMuch = Math.max(0, raised.reduce((sum, part) => sum + part, 0) - width);
  const wide = raised.filter((part) => part > SLIVER).reduce((sum, part) => sum + part, 0);
  let left = 0;
  return parts.map(([standing, number], index) => {
    const part = raised[index] ?? 0;
    const right = left + (part > SLIVER ? part - (tooMuch * part) / wide : part);
    const segment = { standing, left, right, row, label: labelFor(standing, number, right - left) };
    left = right;
    return segment;
  });
}

function labelFor(standing: Standing, number: number, room: number): string {
  const words = [`${LOOKS[standing].name} ${count(number)}`, count(number)];
  return words.find((word) => widthOf(word) + GAP <= room) ?? '';
}

/** Returns a title, shortened to the room in pixels. */
export function fitted(title: string, room: number): string {
  const clean = visible(title).replace(/\s/g, ' ');
  if (widthOf(clean) <= room) return clean;
  let cut = '';
  for (const character of clean) {
    if (widthOf(`${cut}${character}…`) > room) break;
    cut += character;
  }
  return `${cut}…`;
}

/** Returns an upper estimate of the width of a text, in pixels: no font is available to measure it. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/[ijltf.,:;·|!'()[\] ]/.test(character)) width += 0.42;
    else if (/[a-z0-9_-]/.test(character)) width += 0.64;
    else width += /[A-LN-VX-Z]/.test(character) ? 0.78 : 1.05;
  }
  return width * FONT;
}
