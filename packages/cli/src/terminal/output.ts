import { randomInt } from 'node:crypto';
import { stripVTControlCharacters, styleText } from 'node:util';
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

/** Terminals with a line that the next one overwrites. */
const overwritable = new WeakSet<Io['stderr']>();

/** Removes the line of {@link sayOver}, so that no other text follows it on its line. */
export function clearOver({ stderr }: Io): void {
  if (overwritable.delete(stderr)) stderr.write('\r\u001b[K');
}

/** A command that can be copied from a sentence. */
const COMMAND =
  /(?:(?:npx|pnpm|yarn) (?:exec |--\S+ )?)?(?<![\w-])(?:http-tasks|temporal) [a-z](?:[^.;)]|[.;)](?=[^\s.,;:)]))*/g;

/** The name of this program before that of one of its commands, unless it says how to run it. */
const PROGRAM = /(?<!(?:npx|pnpm|exec|yarn|--package=\S+) )(?<![\w@/.-])http-tasks (?=[a-z])/g;

/** Returns a text with commands as they are typed where this one was started. */
export function asTyped({ program = 'http-tasks' }: Io, text: string): string {
  return program === 'http-tasks' ? text : text.replace(PROGRAM, `${program} `);
}

/** A line that is for a shell as a whole, or continues one that is; a sentence about an option is not indented. */
const OF_SHELL = /^(?: *export | +--)/;

/** Continuation lines of a line that is wrapped. */
const HANGING = '  ';

/**
 * Returns a line as it is written to a stream: for a terminal it is wrapped between words. Commands stay whole, so that
 * they can be copied.
 */
function fittedLine({ isTTY, columns }: Io['stdout'], line: string): string {
  if (!isTTY || OF_SHELL.test(line) || stripVTControlCharacters(line).length <= columns) return line;
  const [indent = ''] = /^ */.exec(line) ?? [];
  const whole = line.slice(indent.length).replace(COMMAND, (command) => command.replaceAll(' ', '\u0000'));
  const lines = wrappedLine(whole, columns, { first: indent, next: `${indent}${HANGING}` });
  return lines.join('\n').replaceAll('\u0000', ' ');
}

/**
 * Lines of a text, wrapped between words, that are not longer than a width, unless one of its words is. Colours have no
 * width; what the first and the next lines begin with has.
 */
export function wrappedLine(text: string, width: number, { first = '', next = '' } = {}): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined) lines.push(`${first}${word}`);
    else if (stripVTControlCharacters(`${last} ${word}`).length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`${next}${word}`);
  }
  return lines;
}

/** Writes the one document of a command under `--json`. */
export function printJson(io: Io, value: unknown): void {
  clearOver(io);
  io.stdout.write(`${escapedJson(JSON.stringify(value, undefined, 2))}\n`);
}

/** Writes one line of the result, for people. A line break in it is shown as U+FFFD; {@link printLines} writes several lines. */
export function print(io: Io, line: string): void {
  clearOver(io);
  io.stdout.write(`${fittedLine(io.stdout, asTyped(io, coloured(line, printable)))}\n`);
}

/** Writes text of several lines of the result, for people. */
export function printLines(io: Io, text: string): void {
  clearOver(io);
  io.stdout.write(`${asTyped(io, coloured(text, printableLines))}\n`);
}

/** Writes one line about the result or the way to it; never to stdout. */
export function say(io: Io, line: string): void {
  clearOver(io);
  io.stderr.write(`${fittedLine(io.stderr, asTyped(io, coloured(line, printable)))}\n`);
}

/** Writes text of several lines about the result; never to stdout. */
export function sayLines(io: Io, text: string): void {
  clearOver(io);
  const lines = asTyped(io, coloured(text, printableLines)).split('\n');
  io.stderr.write(`${lines.map((line) => fittedLine(io.stderr, line)).join('\n')}\n`);
}

/** Shows a line on stderr that the next one overwrites; nothing unless stderr is a terminal. An empty line clears it. */
export function sayOver({ stderr }: Io, line: string): void {
  if (!stderr.isTTY) return;
  if (line === '') overwritable.delete(stderr);
  else overwritable.add(stderr);
  stderr.write(`\r\u001b[K${oneLine(printable(line), stderr.columns - 1)}`);
}

/** Writes text that another program may read: exactly as it is into a pipe or a file, safe to look at in a terminal. */
export function printExactly(io: Io, text: string): boolean {
  clearOver(io);
  const { stdout } = io;
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
