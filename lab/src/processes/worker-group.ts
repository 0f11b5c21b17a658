import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { OwnedProcess } from '@temporal-http-tasks/testing/internal/temporal-server/owned-process';
import { CommandFailure } from '@temporal-http-tasks/cli/internal/program/errors';

const MAIN = join(dirname(require.resolve('@temporal-http-tasks/cli/package.json')), 'bin', 'http-tasks.js');
const READY_WITHIN_MS = 90_000;
const POLL_MS = 50;
/** What a worker logs when it starts polling. */
const POLLING = '"msg":"polling"';

interface Worker {
  process: OwnedProcess;
  logFile: string;
}

/** Workers in processes of their own, as an operator runs them. A killed one is replaced immediately. */
export class WorkerGroup {
  readonly #settings: Readonly<Record<string, string>>;
  readonly #folder: string;
  #workers: Worker[] = [];
  #started = 0;

  constructor(settings: Readonly<Record<string, string>>, folder: string) {
    this.#settings = settings;
    this.#folder = folder;
  }

  async start(count: number): Promise<void> {
    await writeFile(join(this.#folder, 'no-profile.toml'), '[profile.default]\n');
    await Promise.all(Array.from({ length: count }, () => this.#add()));
  }

  /** Kills one worker without warning, and starts another; resolves when the new one polls. */
  async killOne(place: number): Promise<void> {
    const [worker] = this.#workers.splice(place % this.#workers.length, 1);
    if (!worker) throw new Error('There is no worker to kill.');
    process.kill(worker.process.pid, 'SIGKILL');
    await worker.process.stop();
    await this.#add();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.process.stop()));
  }

  async #add(): Promise<void> {
    this.#started += 1;
    const logFile = join(this.#folder, `worker-${this.#started}.log`);
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...this.#settings };
    const worker = {
      process: await OwnedProcess.start({ command: process.execPath, args: [MAIN, 'worker'], env, logFile }),
      logFile,
    };
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await readFile(logFile, 'utf8')).includes(POLLING)) {
      if (!worker.process.running || Date.now() > deadline) {
        const tail = await worker.process.logTail();
        await worker.process.stop();
        throw new CommandFailure('Failed', `A worker did not start polling:\n${tail}`);
      }
      await delay(POLL_MS);
    }
    this.#workers.push(worker);
  }
}
