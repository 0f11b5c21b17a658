import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { SUBJECT_KEY } from '../../databases';

/** What the process says after each thing it has done. */
export type Said = { did: 'opened' | 'flushed'; seqs: number[]; fence: number } | { did: 'fenced' | 'finished' };

/**
 * Starts a process that works through a chunk of a sweep, wave by wave.
 *
 * @param given.pause Whether it waits for a line before each flush.
 */
export function startChunk(given: { url: string; sweepId: string; users: number; pause: boolean }) {
  const register = path.join(__dirname, '../../children/register-typescript.cjs');
  const script = path.join(__dirname, 'work-through-chunk.ts');
  const { url, sweepId, users, pause } = given;
  const child = spawn(
    process.execPath,
    ['--require', register, script, url, SUBJECT_KEY, sweepId, String(users), pause ? 'pause' : 'go'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    goOn: () => child.stdin.write('go\n'),
    /** What it did next; undefined when it is gone. */
    next: async (): Promise<Said | undefined> => {
      const line = await lines.next();
      return line.done === true ? undefined : (JSON.parse(line.value) as Said);
    },
  };
}
