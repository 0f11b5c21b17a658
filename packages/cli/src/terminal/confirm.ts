import { createInterface } from 'node:readline/promises';
import type { Io } from '../program/io';
import { questionText, say } from './output';

/** Signals that end a question. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Whether a person can be asked: questions go to stderr, and the reply is typed into stdin. */
export function isTerminal({ stdin, stderr }: Io): boolean {
  return stdin.isTTY && stderr.isTTY;
}

/** Asks a question of yes or no. Only a plain yes is one; Ctrl-C, Ctrl-D and anything else are a no. */
export async function agrees(io: Io, question: string): Promise<boolean> {
  return /^y(es)?$/i.test(((await ask(io, question)) ?? '').trim());
}

/** Asks for a text that has to be typed exactly; only blanks around it do not count. An empty text is never typed. */
export async function types(io: Io, question: string, expected: string): Promise<boolean> {
  const wanted = expected.trim();
  return wanted !== '' && ((await ask(io, question)) ?? '').trim() === wanted;
}

/** The line that is typed; undefined on Ctrl-C, Ctrl-D, at the end of the input, and when the process is asked to end. */
async function ask(io: Io, question: string): Promise<string | undefined> {
  const terminal = createInterface({ input: io.stdin, output: io.stderr });
  // A question whose input ends never resolves.
  const closed = new Promise<undefined>((resolve) => terminal.once('close', () => resolve(undefined)));
  const end = (): void => terminal.close();
  for (const signal of ENDING) process.on(signal, end);
  try {
    const response = await Promise.race([terminal.question(questionText(question)), closed]);
    // The next output would otherwise follow the question on its line.
    if (response === undefined) say(io, '');
    return response;
  } finally {
    for (const signal of ENDING) process.off(signal, end);
    terminal.close();
  }
}
