import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { SUBJECT_KEY } from '../../ledger/databases';

/** A process that makes as many calls as its budget allows. */
export interface CallingProcess {
  go(): void;
  /** Ends it, once its calls in flight are done. */
  stop(): Promise<void>;
}

/** Starts one; resolves when it waits for the signal to start. */
export async function startCalling(given: {
  ledgerUrl: string;
  userId: string;
  env: Record<string, string>;
}): Promise<CallingProcess> {
  const register = path.join(__dirname, '../../ledger/children/register-typescript.cjs');
  const script = path.join(__dirname, 'make-calls.ts');
  const child = spawn(process.execPath, ['--require', register, script, given.ledgerUrl, SUBJECT_KEY, given.userId], {
    env: { PATH: process.env.PATH, ...given.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const { done } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (done === true) throw new Error('The calling process ended before it was told to go.');
  return {
    go: () => child.stdin.write('go\n'),
    stop: async () => {
      child.stdin.end('stop\n');
      await ended;
    },
  };
}
