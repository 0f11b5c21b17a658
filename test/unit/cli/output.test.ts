import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import {
  paint,
  print,
  printExactly,
  printJson,
  printLines,
  say,
  sayLines,
  sayOver,
} from '@temporal-http-tasks/cli/internal/terminal/output';
import { printTable } from '@temporal-http-tasks/cli/internal/terminal/table';
import type { Io } from '@temporal-http-tasks/cli/internal/program/io';
import { escapedJson, printable, printableLines } from 'temporal-http-tasks/internal/policy/printable';

/** Whatever steers a terminal or reorders text. */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Samples of every kind: SGR (conceal, black on black), title, C1, DEL, line breaks, bidi, zero width, tags, separators. */
const HOSTILE = [
  '\u001b[8m',
  '\u001b[30;40m',
  '\u001b[0m',
  '\u001b]0;title\u0007',
  '\u009b31m',
  '\u007f',
  '\r\nVerified.',
  '\t',
  '\u202e',
  '\u2066',
  '\u061c',
  '\u200b',
  '\u200d',
  '\ufeff',
  '\u00ad',
  '\u{e0041}',
  '\u2028',
  '\u2029',
  '\ud800',
];

const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary' })), { maxLength: 8 })
  .map((parts) => parts.join(''));

/** A terminal with colours, and what was written to it. */
function terminal(isTTY = true): { io: Io; written: () => string } {
  let text = '';
  const stream = { isTTY, columns: 120, hasColors: () => isTTY, write: (chunk: string) => ((text += chunk), true) };
  const io = { env: {}, stdin: stream, stdout: stream, stderr: stream, exitCode: 0 } as unknown as Io;
  return { io, written: () => text };
}

/** Printed text without the line breaks and colours that are ours. */
function withoutOurs(text: string): string {
  return text.replace(/\u001b\[(1|2|22|3[1-3]|39)m|\n/g, '');
}

describe('text from outside', () => {
  it('never steers the terminal, whatever prints it', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const { io, written } = terminal();
        print(io, `${text} ${paint(io, 'green', text)}`);
        printLines(io, text);
        say(io, text);
        sayLines(io, text);
        printTable(io, ['Title'], [[text, paint(io, 'red', text)]]);
        printExactly(io, text);
        expect(withoutOurs(written())).not.toMatch(STEERING);
      }),
      { numRuns: 500 },
    );
  });

  it('stays whole in a table that is too wide for the terminal, row by row', () => {
    const { io, written } = terminal();
    const id = 'x'.repeat(70);
    printTable(
      io,
      ['Workflow ID', 'Started', 'Status'],
      [
        [id, `${id}\nnow`, ''],
        ['b', 'c', 'd'],
      ],
    );
    expect(written()).not.toContain('│');
    expect(withoutOurs(written())).toContain(`Workflow ID  ${id}Started      ${id}             nowWorkflow ID  b`);
  });

  it('is wrapped between words where a table is too wide', () => {
    const { io, written } = terminal();
    const prose = 'word '.repeat(30).trim();
    printTable(io, ['Workflow ID', 'What to do', 'Step'], [['x'.repeat(100), prose, 'y'.repeat(20)]]);
    const lines = stripVTControlCharacters(written()).trimEnd().split('\n');
    expect(lines.map((line) => line.length <= 120)).toEqual([true, true, true, true]);
    expect(lines.slice(1, 3)).toEqual([
      expect.stringMatching(/^What to do {3}word( word)*$/),
      expect.stringMatching(/^ {13}word( word)*$/),
    ]);
  });

  it('is wrapped between words in a terminal, where a command stays whole to be copied', () => {
    const command = 'http-tasks sweep approve closed-2030-01 --total 1204 --by YOUR_NAME --watch';
    const text = `  Waiting for approval of 1,204 users by a person who may do that. To approve it: ${command}. Then wait.`;
    const { io, written } = terminal();
    for (const write of [print, say, sayLines]) write(io, text);
    expect(written()).toBe(
      Array.from(
        { length: 3 },
        () =>
          `  Waiting for approval of 1,204 users by a person who may do that. To approve it:\n    ${command}. Then wait.\n`,
      ).join(''),
    );
    const long = 'x'.repeat(120);
    for (const line of [
      `  export NAME='${long}'`,
      `    --input '{"a": "${long}"}'`,
      `temporal workflow start --input ${long}`,
    ]) {
      const { io: other, written: shown } = terminal();
      print(other, line);
      expect(shown()).toBe(`${line}\n`);
    }
    const option = terminal();
    say(option.io, `--reason must be one of ${'SOME_CODE, '.repeat(12)}OTHER.`);
    const bracket = terminal();
    say(
      bracket.io,
      `Check the ID (npx http-tasks sweep list), TEMPORAL_ADDRESS, ${'TEMPORAL_NAMESPACE, '.repeat(5)}and others.`,
    );
    for (const { written: shown } of [option, bracket]) {
      const shownLines = shown().trimEnd().split('\n');
      expect(shownLines.length).toBe(2);
      expect(Math.max(...shownLines.map((line) => line.length))).toBeLessThanOrEqual(120);
      expect(shownLines[0]?.length).toBeGreaterThan(80);
    }
    const pipe = terminal(false);
    for (const write of [print, say, sayLines]) write(pipe.io, text);
    expect(pipe.written()).toBe(`${text}\n`.repeat(3));
  });

  it('has commands as they are typed where the program was started, and other words unchanged', () => {
    const text =
      'Start one with: http-tasks worker (see "http-tasks list"). npx http-tasks dev, temporal-http-tasks is, ./http-tasks here';
    const { io, written } = terminal(false);
    const started: Io = { ...io, program: 'npx http-tasks' };
    for (const write of [print, say, sayLines, printLines]) write(started, text);
    printTable(started, [''], [['See: http-tasks sweep list']]);
    const [line, ...others] = written().split('\n');
    expect(line).toBe(
      'Start one with: npx http-tasks worker (see "npx http-tasks list"). npx http-tasks dev, temporal-http-tasks is, ./http-tasks here',
    );
    expect(others.slice(0, 3)).toEqual([line, line, line]);
    expect(written()).toContain('See: npx http-tasks sweep list');
  });

  it.each<[string, (io: Io) => unknown]>([
    ['print', (io) => print(io, 'Receipts: 98')],
    ['say', (io) => say(io, 'Receipts: 98')],
    ['printTable', (io) => printTable(io, ['Title'], [['Receipts: 98']])],
    ['printJson', (io) => printJson(io, 98)],
  ])('does not follow a line that is written over: %s', (_name, write) => {
    const { io, written } = terminal();
    sayOver(io, '98 receipts');
    write(io);
    expect(written()).toMatch(/^\r\u001b\[K98 receipts\r\u001b\[K[^\r]/);
  });

  it('cannot begin a line of its own where one line is printed', () => {
    const { io, written } = terminal();
    print(io, 'sweep\r\nEvery receipt was sealed.');
    say(io, 'sweep\nEvery receipt was sealed.');
    expect(written().match(/\n/g)).toHaveLength(2);
  });

  it('keeps no colour of its own, while ours are printed', () => {
    const { io, written } = terminal();
    print(io, `\u001b[8m${paint(io, 'green', 'good')}\u001b[31mbad`);
    expect(written()).toBe('\ufffd[8m\u001b[32mgood\u001b[39m\ufffd[31mbad\n');
    expect(stripVTControlCharacters(written())).not.toContain('\u001b');
  });

  it('stays inside its place in a line that is written over', () => {
    const { io, written } = terminal();
    sayOver(io, `12 receipts\r\n\u001b[2J`);
    expect(written()).toBe('\r\u001b[K12 receipts\ufffd\ufffd\ufffd[2J');
  });

  it('is printed as it is into a pipe by what another program may read', () => {
    const { io, written } = terminal(false);
    const code = HOSTILE.join('');
    printExactly(io, code);
    expect(written()).toBe(code);
  });

  it('keeps its value in JSON, which has nothing but escapes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), hostileText, (value, text) => {
        const { io, written } = terminal();
        printJson(io, { value, text, [text]: 1 });
        expect(JSON.parse(written())).toEqual(JSON.parse(JSON.stringify({ value, text, [text]: 1 })));
        expect(written().replace(/\n/g, '')).not.toMatch(STEERING);
      }),
    );
  });

  it('has no harmless character replaced', () => {
    const harmless = 'Ünïcödé 用户 مستخدم 🙂 · –"\'\\`${}';
    expect([printable(harmless), printableLines(`${harmless}\n`), escapedJson(harmless)]).toEqual([
      harmless,
      `${harmless}\n`,
      harmless,
    ]);
  });
});
