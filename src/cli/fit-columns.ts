import { stripVTControlCharacters } from 'node:util';

/** A blank at both sides of a cell. */
const BLANKS = 2;

/**
 * Widths (with the blanks) in which a table fits into so many columns, taken from its widest ones; no column becomes
 * narrower than its longest word, since a cut id would be worthless. `undefined` when nothing has to change.
 */
export function fitColumns(rows: readonly (readonly string[])[], columns: number): number[] | undefined {
  const count = Math.max(0, ...rows.map(({ length }) => length));
  const widest = (index: number, separator: RegExp): number => {
    const parts = rows.flatMap((row) => stripVTControlCharacters(row[index] ?? '').split(separator));
    return Math.max(0, ...parts.map(({ length }) => length)) + BLANKS;
  };
  const widths = Array.from({ length: count }, (_, index) => widest(index, /\n/));
  const least = Array.from({ length: count }, (_, index) => widest(index, /\s/));
  const borders = count + 1;
  let tooMany = widths.reduce((sum, width) => sum + width, borders) - columns;
  if (tooMany <= 0) return undefined;
  while (tooMany > 0) {
    const shrinkable = widths.map((width, index) => (width > (least[index] ?? width) ? width : 0));
    const widestWidth = Math.max(...shrinkable);
    if (widestWidth === 0) break;
    widths[shrinkable.indexOf(widestWidth)] = widestWidth - 1;
    tooMany -= 1;
  }
  return widths;
}
