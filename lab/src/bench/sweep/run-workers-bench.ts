import { setTimeout as delay } from 'node:timers/promises';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { figure } from '../figures';
import type { Figures } from '../figures';
import { reportSweepFigures } from './report-sweep-figures';
import { perSecond } from './sweep-stand';
import type { SweepStand } from './sweep-stand';

/** How much is measured. */
export interface WorkersBenchSize {
  /** Users of each sweep. */
  users: number;
  /** How long the simulators take for a response, in milliseconds. */
  responseMs: number;
  /** The same in the second series, with three workers too. */
  slowResponseMs: number;
}

const WORDS: Readonly<Record<string, string>> = {
  twoOfOne: 'two workers against one, in the order one, two, two, one',
  joinedOfOne: 'after a second worker joined in the middle, against one worker',
  twoOfOneSlow: 'slow responses: two workers against one',
  threeOfOneSlow: 'slow responses: three workers against one',
  oneWorker: 'one worker',
  twoWorkers: 'two workers',
  oneWorkerSlow: 'slow responses: one worker',
  threeWorkersSlow: 'slow responses: three workers',
};

const WARM_UP_USERS = 1_000;
/** Share of the users after which a second worker is started, so that it joins the sweep. */
const JOINS_AT = 0.25;
const LOOK_MS = 20;

/**
 * Measures how much faster two workers are than one on one ledger, prints the figures, and returns 0 only if all keep
 * their limits.
 */
export async function runWorkersBench(
  io: Io,
  { size, ledgerUrl, json }: { size: WorkersBenchSize; ledgerUrl: string | undefined; json: boolean },
): Promise<ExitCode> {
  return reportSweepFigures(
    io,
    { size: { ...size, ledger: ledgerUrl === undefined ? 'libsql' : 'postgres' }, json, words: WORDS, ledgerUrl },
    (stand) => new WorkersBench(io, stand, size).figures(),
  );
}

class WorkersBench {
  constructor(
    private readonly io: Io,
    private readonly stand: SweepStand,
    private readonly size: WorkersBenchSize,
  ) {}

  async figures(): Promise<Figures> {
    const { responseMs, slowResponseMs } = this.size;
    this.stand.respondAfter(responseMs);
    const { one, two } = await this.#oneAndTwo();
    const joined = await this.#joined();
    this.stand.respondAfter(slowResponseMs);
    const slow = await this.#oneToThree();
    return {
      twoOfOne: figure(two / one, '×', { atLeast: 1.9 }),
      joinedOfOne: figure(joined / one, '×', { atLeast: 1.8 }),
      twoOfOneSlow: figure(slow.two / slow.one, '×', { atLeast: 1.9 }),
      threeOfOneSlow: figure(slow.three / slow.one, '×', { atLeast: 2.7 }),
      oneWorker: figure(one, 'users/s', { atLeast: 20 }),
      twoWorkers: figure(two, 'users/s', { atLeast: 20 }),
      oneWorkerSlow: figure(slow.one, 'users/s', { atLeast: 5 }),
      threeWorkersSlow: figure(slow.three, 'users/s', { atLeast: 5 }),
    };
  }

  /** Sweeps of one worker, two, two and one. @returns Users in a second, by the number of workers. */
  async #oneAndTwo(): Promise<{ one: number; two: number }> {
    await this.#warmUp();
    const first = await this.#sweep('one worker');
    const end = await this.#addWorker();
    const second = await this.#sweep('two workers');
    const third = await this.#sweep('two workers');
    await end();
    const fourth = await this.#sweep('one worker');
    return { one: (first + fourth) / 2, two: (second + third) / 2 };
  }

  /** Sweeps of one worker, two and three, which mostly wait for responses. @returns The same. */
  async #oneToThree(): Promise<{ one: number; two: number; three: number }> {
    await this.#warmUp();
    const one = await this.#sweep('one worker');
    const endSecond = await this.#addWorker();
    const two = await this.#sweep('two workers');
    const endThird = await this.#addWorker();
    const three = await this.#sweep('three workers');
    await endThird();
    await endSecond();
    return { one, two, three };
  }

  async #addWorker(): Promise<() => Promise<void>> {
    const end = await this.stand.addWorker();
    await this.#warmUp();
    return end;
  }

  async #warmUp(): Promise<void> {
    await this.stand.sweep(WARM_UP_USERS);
  }

  /** @returns Users in a second. */
  async #sweep(what: string): Promise<number> {
    const { users } = this.size;
    say(this.io, `A sweep over ${users} users, ${what}`);
    return perSecond(users, (await this.stand.sweep(users)).usersMs);
  }

  /** @returns Users in a second of a sweep after a second worker had joined it. */
  async #joined(): Promise<number> {
    const { users } = this.size;
    say(this.io, `A sweep over ${users} users, joined by a second worker in the middle`);
    const sweeping = this.stand.sweep(users);
    // The simulators drop their calls at the end of the sweep.
    const calls = { all: users * CALLS_A_USER, atJoin: 0 };
    while (this.stand.calls < calls.all * JOINS_AT) await Promise.race([delay(LOOK_MS), sweeping]);
    const end = await this.stand.addWorker();
    calls.atJoin = this.stand.calls;
    const joinedAtMs = performance.now();
    let lastCallAtMs = joinedAtMs;
    let before = calls.atJoin;
    const watching = setInterval(() => {
      const now = this.stand.calls;
      if (now > before) [before, lastCallAtMs] = [now, performance.now()];
    }, LOOK_MS);
    try {
      await sweeping;
    } finally {
      clearInterval(watching);
      await end();
    }
    return perSecond((calls.all - calls.atJoin) / CALLS_A_USER, lastCallAtMs - joinedAtMs);
  }
}

/** List, remove, list, terminate. */
const CALLS_A_USER = 4;
