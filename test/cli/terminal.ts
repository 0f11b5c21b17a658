import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { COMPILED, HOME, MAIN } from './run-cli';
import type { CliEnv } from './run-cli';

const PSEUDO_TERMINAL = path.join(__dirname, '../support/pseudo-terminal.py');

/** Keys that are not characters. */
export const CTRL_C = '\u0003';
export const CTRL_D = '\u0004';

/** How a command in a terminal ended. */
export interface TerminalEnd {
  code: number | null;
  /** What the command wrote to stdout, which is a pipe. */
  stdout: string;
  /** What the terminal showed, without colours. */
  screen: string;
}

/** A command whose stdin and stderr are a terminal. */
export interface TerminalRun {
  /** Resolves when the terminal shows this text; rejects when the command ended without it. */
  shows(text: string): Promise<void>;
  /** Types these characters; a line ends with a carriage return, as the Enter key sends it. */
  type(text: string): void;
  /** Closes the terminal's window. */
  hangUp(): void;
  /** Everything that the terminal showed, with its colours. */
  raw(): string;
  readonly ended: Promise<TerminalEnd>;
}

const running = new Set<ChildProcessByStdio<Writable, Readable, Readable>>();

// A failed test must not leave its commands behind: without their terminal they end.
afterAll(() => {
  for (const child of running) child.stdin.end();
});

/** Starts the command line in a terminal of its own. */
export function startInTerminal(
  args: readonly string[],
  env: CliEnv = {},
  { columns = 80 }: { columns?: number } = {},
): TerminalRun {
  const child = spawn('python3', [PSEUDO_TERMINAL, String(columns), process.execPath, MAIN, ...args], {
    cwd: HOME,
    env: { PATH: process.env['PATH'], HOME, XDG_CONFIG_HOME: HOME, TERM: 'xterm-256color', ...COMPILED, ...env },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  }) as ChildProcessByStdio<Writable, Readable, Readable>;
  running.add(child);
  child.once('close', () => running.delete(child));
  child.stdin.on('error', () => undefined);
  let raw = '';
  let stdout = '';
  const screen = (): string => stripVTControlCharacters(raw).replaceAll('\r', '');
  child.stdout.setEncoding('utf8').on('data', (text: string) => (raw += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (raw += text));
  (child.stdio[3] as Readable).setEncoding('utf8').on('data', (text: string) => (stdout += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, screen: screen() }));
  return {
    ended,
    raw: () => raw,
    type: (text) => void child.stdin.write(text),
    hangUp: () => void child.stdin.end(),
    async shows(text) {
      while (!screen().includes(text)) {
        const over = await Promise.race([ended, once(child.stdout, 'data').then(() => undefined)]);
        if (over && !screen().includes(text))
          throw new Error(`The command ended (${over.code}) without showing "${text}":\n${over.screen}${over.stdout}`);
      }
    },
  };
}

/** Runs a command in a terminal, waits for its question and types a reply. */
export async function responseInTerminal(args: readonly string[], env: CliEnv, response: string): Promise<TerminalEnd> {
  const run = startInTerminal(args, env);
  await run.shows('to continue: ');
  run.type(response);
  return run.ended;
}
