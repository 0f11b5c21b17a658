import { styleText } from 'node:util';
import Table from 'cli-table3';
import { fitColumns } from './fit-columns';
import type { Io } from './io';

type Style = Parameters<typeof styleText>[0];

/** Writes the one document of a command under `--json`. */
export function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** Writes a line of the result, for people. */
export function print(io: Io, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** Writes a line about the result or the way to it; never to stdout. */
export function say(io: Io, line: string): void {
  io.stderr.write(`${line}\n`);
}

const NO_LINES_BETWEEN_ROWS = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/**
 * Writes a table of the result, for people; `widths` (with the blanks at both sides) wraps longer texts between words.
 * Without it, a table that is wider than the terminal is wrapped to fit.
 */
export function printTable(io: Io, head: readonly string[], rows: readonly (readonly string[])[], widths?: readonly number[]): void {
  const shown = rows.map((row) => row.map(printable));
  const fitted = widths ?? (io.stdout.isTTY ? fitColumns([head, ...shown], io.stdout.columns) : undefined);
  const table = new Table({
    head: head.map((title) => paint(io, 'bold', title)),
    // The library's own colours would ignore NO_COLOR.
    style: { head: [], border: [] },
    chars: NO_LINES_BETWEEN_ROWS,
    ...(fitted && { colWidths: [...fitted], wordWrap: true }),
  });
  table.push(...shown);
  print(io, table.toString());
}

/** Colours a text of the result, or of stderr, in a terminal; NO_COLOR, FORCE_COLOR and pipes are respected. */
export function paint(io: Io, style: Style, text: string, to: 'stdout' | 'stderr' = 'stdout'): string {
  return io[to].isTTY && io[to].hasColors() ? styleText(style, text, { validateStream: false }) : text;
}

/** Takes away what would steer a terminal: texts of providers and users end up in tables. */
export function printable(text: string): string {
  // SGR sequences are our own colours, put there by `paint`.
  return text.replace(/(\u001b\[\d+(?:;\d+)*m)|[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, (_, colour?: string) => colour ?? '\ufffd');
}
