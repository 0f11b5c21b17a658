import { createInterface } from 'node:readline/promises';
import type { Io } from './io';

/** Asks a question of yes or no. Only a plain yes is one; Ctrl-C, Ctrl-D and anything else are a no. */
export async function agrees(io: Io, question: string): Promise<boolean> {
  const terminal = createInterface({ input: io.stdin, output: io.stderr });
  // A question whose input ends is never answered.
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([terminal.question(question), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
