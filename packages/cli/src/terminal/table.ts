import Table from 'cli-table3';
import { stripVTControlCharacters } from 'node:util';
import { printable, printableLines } from 'temporal-http-tasks/internal/policy/printable';
import type { Io } from '../program/io';
import { asTyped, clearOver, coloured, paint, wrappedLine } from './output';

const NO_LINES_BETWEEN_ROWS = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/**
 * Writes a table of the result, for people. One that is wider than the terminal is wrapped between words; if that is not
 * enough, each row becomes a block of lines, since a cut ID would be worthless. A column without any text is left out in a
 * terminal, and everywhere if it has no title either.
 */
export function printTable(io: Io, titles: readonly string[], lines: readonly (readonly string[])[]): void {
  clearOver(io);
  const isShown = (_: string, index: number): boolean =>
    (titles[index] !== '' && !io.stdout.isTTY) || lines.some((line) => (line[index] ?? '') !== '');
  const head = titles.filter(isShown);
  const rows = lines.map((line) => line.filter(isShown));
  const shown = rows.map((row) => row.map((cell) => asTyped(io, coloured(cell, printableLines))));
  const fitted = io.stdout.isTTY ? fitColumns([head, ...shown], io.stdout.columns) : undefined;
  if (fitted && totalOf(fitted) > io.stdout.columns) {
    for (const [index, row] of shown.entries()) writeBlock(io, head, row, index > 0);
    return;
  }
  const table = new Table({
    head: head.every((title) => title === '') ? [] : head.map((title) => coloured(paint(io, 'bold', title), printable)),
    // The library's own colours would ignore NO_COLOR.
    style: { head: [], border: [] },
    chars: NO_LINES_BETWEEN_ROWS,
    ...(fitted && { colWidths: [...fitted], wordWrap: true }),
  });
  table.push(...shown);
  // Cells are safe by now, and the rest is the library's.
  io.stdout.write(`${table.toString()}\n`);
}

/** One row as lines of `Title  value`, wrapped between words; empty cells are left out. */
function writeBlock(io: Io, head: readonly string[], row: readonly string[], isLater: boolean): void {
  const width = Math.max(...head.map(({ length }) => length)) + BLANKS;
  const lines = head.flatMap((title, index) => {
    const value = row[index] ?? '';
    const wrapped = value.split('\n').flatMap((line) => wrappedLine(line, io.stdout.columns - width));
    return value === ''
      ? []
      : [`${coloured(paint(io, 'bold', title.padEnd(width)), printable)}${wrapped.join(`\n${' '.repeat(width)}`)}`];
  });
  io.stdout.write(`${isLater ? '\n' : ''}${lines.join('\n')}\n`);
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, widths.length + 1);
}

/** A blank at both sides of a cell. */
const BLANKS = 2;

/**
 * Widths (including padding) with which a table fits into the available columns, taken from its widest ones; no column becomes
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
  let tooMany = totalOf(widths) - columns;
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
