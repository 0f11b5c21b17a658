import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Place } from './offboarding';
import { temporalAddress } from './temporal';

const ROOT = path.join(__dirname, '../..');

/** A worker as a process of its own, as an operator runs it. */
export interface WorkerProcess {
  /** Everything it has written, to either stream. */
  log(): string;
  /** Ends it as a crash does, without any warning. */
  kill(): Promise<void>;
  /** Asks it to end and returns its exit code. */
  stop(): Promise<number | null>;
}

/** Variables of the tests that a worker has too: where programs are, and what Node.js has compiled before. */
const KEPT = { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] };

const STARTS_WITHIN_MS = 60_000;

/**
 * Starts the package's own worker for this place, as `npm test` has compiled it; resolves once it polls.
 *
 * @param script What is run in its place, from its source; says that it polls in the same words.
 */
export async function startWorkerProcess(
  place: Pick<Place, 'env'>,
  moreEnv: Record<string, string> = {},
  script = path.join(ROOT, 'packages/cli/dist/worker-process/run-worker.js'),
): Promise<WorkerProcess> {
  const register = path.join(ROOT, 'test/ledger/children/register-typescript.cjs');
  const child = spawn(process.execPath, script.endsWith('.ts') ? ['--require', register, script] : [script], {
    cwd: ROOT,
    env: { ...KEPT, TEMPORAL_ADDRESS: temporalAddress(), ...place.env, ...moreEnv },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const tooLate = setTimeout(() => reject(new Error(`The worker did not start polling:\n${log}`)), STARTS_WITHIN_MS);
    const read = (chunk: string): void => {
      log += chunk;
      if (!log.includes('"msg":"polling"')) return;
      clearTimeout(tooLate);
      resolve();
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', read);
    child.once('exit', (code) => {
      clearTimeout(tooLate);
      reject(new Error(`The worker ended with code ${code}:\n${log}`));
    });
  });
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    await ended;
    return child.exitCode;
  };
  return {
    log: () => log,
    kill: async () => {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
  };
}
