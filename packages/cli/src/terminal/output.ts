import { randomInt } from 'node:crypto';
import { styleText } from 'node:util';
import { escapedJson, printable, printableLines } from 'temporal-http-tasks/internal/policy/printable';
import type { Io } from '../program/io';

/** Text that is written over again and again has to stay on one line: what wrapped could not be taken back. */
export function oneLine(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** A part of a line; the higher `spare`, the sooner it is left out where there is no room. */
export interface LinePart {
  text: string;
  /** 0 is never left out. */
  spare: number;
}

/** As many parts as a line has room for; the last one is truncated. */
export function fitParts(parts: readonly LinePart[], width: number): string {
  let kept = parts.filter(({ text }) => text !== '');
  const joined = (): string => kept.map(({ text }) => text).join(' · ');
  while (joined().length > width) {
    const most = Math.max(...kept.map(({ spare }) => spare));
    if (most <= 0) break;
    kept = kept.filter(({ spare }) => spare !== most);
  }
  return oneLine(joined(), width);
}

export { printable } from 'temporal-http-tasks/internal/policy/printable';

type Style = Parameters<typeof styleText>[0];

/** Writes the one document of a command under `--json`. */
export function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${escapedJson(JSON.stringify(value, undefined, 2))}\n`);
}

/** Writes one line of the result, for people. A line break in it is shown as U+FFFD; {@link printLines} writes several lines. */
export function print(io: Io, line: string): void {
  io.stdout.write(`${coloured(line, printable)}\n`);
}

/** Writes text of several lines of the result, for people. */
export function printLines(io: Io, text: string): void {
  io.stdout.write(`${coloured(text, printableLines)}\n`);
}

/** Writes one line about the result or the way to it; never to stdout. */
export function say(io: Io, line: string): void {
  io.stderr.write(`${coloured(line, printable)}\n`);
}

/** Writes text of several lines about the result; never to stdout. */
export function sayLines(io: Io, text: string): void {
  io.stderr.write(`${coloured(text, printableLines)}\n`);
}

/** Shows a line on stderr that the next one overwrites; nothing unless stderr is a terminal. An empty line clears it. */
export function sayOver({ stderr }: Io, line: string): void {
  if (stderr.isTTY) stderr.write(`\r\u001b[K${oneLine(printable(line), stderr.columns - 1)}`);
}

/** Writes text that another program may read: exactly as it is into a pipe or a file, safe to look at in a terminal. */
export function printExactly({ stdout }: Io, text: string): boolean {
  return stdout.write(stdout.isTTY ? printableLines(text) : text);
}

/** Marks our own colours: a number that text from outside cannot know. */
const OURS = randomInt(1e12);
const SPLIT = '|';
const OUR_COLOUR = new RegExp(`\u001b\\[([\\d;]*);${OURS}m`, 'g');

/** Colours a text for the terminal that it is printed to; NO_COLOR, FORCE_COLOR and pipes are respected. For what this module writes. */
export function paint(io: Io, style: Style, text: string, to: 'stdout' | 'stderr' = 'stdout'): string {
  if (!io[to].isTTY || !io[to].hasColors()) return text;
  const [begin = '', end = ''] = styleText(style, SPLIT, { validateStream: false }).split(SPLIT);
  return `${ours(begin)}${text}${ours(end)}`;
}

/** A question of several lines, as it may reach a terminal. */
export function questionText(text: string): string {
  return coloured(text, printableLines);
}

function ours(colour: string): string {
  return colour.replace(/m/g, `;${OURS}m`);
}

/** Text as it may reach a terminal: made safe, with the colours of {@link paint} and no others. */
export function coloured(text: string, safe: (text: string) => string): string {
  const parts = text.split(OUR_COLOUR);
  // Every second part is what was captured: the numbers of one of our colours.
  return parts.map((part, index) => (index % 2 === 0 ? safe(part) : `\u001b[${part}m`)).join('');
}
