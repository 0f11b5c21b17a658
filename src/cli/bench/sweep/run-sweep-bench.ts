import { randomUUID } from 'node:crypto';
import { CommandFailure } from '../../errors';
import { withInterruption } from '../../interruption';
import type { ExitCode, Io } from '../../io';
import { withLocalStack } from '../../local-stack';
import type { LocalStack } from '../../local-stack';
import { printJson, say } from '../../output';
import { figure, median } from '../figures';
import type { Figures } from '../figures';
import { printFigureTable } from '../print-figures';
import { runBareSweep } from './bare-sweep';
import { measureSweep, seedSweep } from './measured-sweep';
import type { MeasuredSweep } from './measured-sweep';
import { MemoryWatch } from './memory';

/** How much is measured. */
export interface SweepBenchSize {
  /** Users of each sweep and each bare loop that are compared. */
  users: number;
  /** Interleaved pairs of both, for each of the two series. */
  pairs: number;
  /** Users with a child workflow each. */
  children: number;
  /** Users of the small and the large sweep whose worker's memory is compared. */
  memory: { small: number; large: number };
}

/** As many calls at a time as a process has with one key. */
const CONCURRENCY = 64;
const WARM_UP_USERS = 2_000;
const SLOW_ANSWER_MS = 20;

/** Measures sweeps beside bare loops, prints the figures, and answers 0 only if all of them keep their limits. */
export async function runSweepBench(io: Io, { size, json }: { size: SweepBenchSize; json: boolean }): Promise<ExitCode> {
  return withInterruption<ExitCode>(async ({ signal, wished }) =>
    withLocalStack<ExitCode>({ env: io.env, simulators: {}, withUi: false, report: (line) => say(io, line), signal }, async (stack) => {
      const figures = await Promise.race([new SweepBench(io, stack, size).figures(), wished]);
      if (figures === 'interrupted') throw new CommandFailure('Interrupted', 'Stopped before everything was measured. Worker, simulators and server are ended.');
      if (json) printJson(io, { size, figures });
      else printFigureTable(io, figures, WORDS);
      return Object.values(figures).every(({ ok }) => ok) ? 0 : 1;
    }),
  );
}

const WORDS: Readonly<Record<string, string>> = {
  sweepOfBareLoop: 'sweep against the bare loop, answers at once',
  sweepOfBareLoopSlow: `the same, answers after ${SLOW_ANSWER_MS} ms`,
  sweepOfChildren: 'sweep against one child workflow for each user',
  eventsPerThousandUsers: 'events in the history for 1,000 users',
  memoryGrowth: "growth of the worker's memory from the small to the large sweep",
  sweepThroughput: 'sweep, answers at once',
  bareLoopThroughput: 'bare loop, answers at once',
  sealThroughput: 'sealing receipts and deleting ids',
};

interface Series {
  ratio: number;
  sweepUsersPerSecond: number;
  bareUsersPerSecond: number;
}

class SweepBench {
  #latencyMs = 0;

  constructor(
    private readonly io: Io,
    private readonly stack: LocalStack,
    private readonly size: SweepBenchSize,
  ) {}

  async figures(): Promise<Figures> {
    await this.#sweep(WARM_UP_USERS);
    await this.#bare(WARM_UP_USERS);
    const fast = await this.#series('answers at once');
    this.#answerAfter(SLOW_ANSWER_MS);
    const slow = await this.#series(`answers after ${SLOW_ANSWER_MS} ms`);
    this.#answerAfter(0);
    say(this.io, `One child workflow for each of ${this.size.children} users`);
    const children = await this.#sweep(this.size.children, { granularity: 'user', concurrency: 32 });
    const { small, large, growth } = await this.#memory();
    return {
      sweepOfBareLoop: figure(fast.ratio, '×', { atLeast: 0.8 }),
      sweepOfBareLoopSlow: figure(slow.ratio, '×', { atLeast: 0.92 }),
      sweepOfChildren: figure(fast.sweepUsersPerSecond / perSecond(this.size.children, children.usersMs), '×', { atLeast: 50 }),
      eventsPerThousandUsers: figure((large.events * 1_000) / this.size.memory.large, 'events', { atMost: 7 }),
      memoryGrowth: figure(growth, '%', { atMost: 10 }),
      sweepThroughput: figure(fast.sweepUsersPerSecond, 'users/s', { atLeast: 50 }),
      bareLoopThroughput: figure(fast.bareUsersPerSecond, 'users/s', { atLeast: 50 }),
      sealThroughput: figure(perSecond(this.size.memory.small, small.endMs), 'users/s', { atLeast: 500 }),
    };
  }

  /** Interleaved, so that whatever else the machine does meets both. */
  async #series(what: string): Promise<Series> {
    const pairs: Series[] = [];
    for (let pair = 1; pair <= this.size.pairs; pair += 1) {
      say(this.io, `Sweep and bare loop over ${this.size.users} users each, ${what}: pair ${pair} of ${this.size.pairs}`);
      const sweepUsersPerSecond = perSecond(this.size.users, (await this.#sweep(this.size.users)).usersMs);
      const bareUsersPerSecond = perSecond(this.size.users, await this.#bare(this.size.users));
      pairs.push({ ratio: sweepUsersPerSecond / bareUsersPerSecond, sweepUsersPerSecond, bareUsersPerSecond });
    }
    return {
      ratio: median(pairs.map(({ ratio }) => ratio)),
      sweepUsersPerSecond: median(pairs.map((one) => one.sweepUsersPerSecond)),
      bareUsersPerSecond: median(pairs.map((one) => one.bareUsersPerSecond)),
    };
  }

  async #sweep(users: number, more: Parameters<typeof measureSweep>[2] = {}): Promise<MeasuredSweep> {
    const sweepId = await seedSweep(this.stack, freshPrefix(), users);
    const measured = await measureSweep(this.stack, sweepId, more);
    this.#forget();
    return measured;
  }

  async #bare(users: number): Promise<number> {
    const { plaid } = this.stack.simulators;
    const prefix = freshPrefix();
    plaid.seed({ generate: { count: users, prefix, itemsPerUser: 1 } });
    const { url, clientId, secret } = plaid;
    const ms = await runBareSweep({ url, clientId, secret, prefix, users, concurrency: CONCURRENCY });
    this.#forget();
    return ms;
  }

  async #memory(): Promise<{ small: MeasuredSweep; large: MeasuredSweep; growth: number }> {
    const sizes = this.size.memory;
    const watched = async (users: number): Promise<{ sweep: MeasuredSweep; megabytes: number }> => {
      say(this.io, `A sweep over ${users} users, with an eye on the worker's memory`);
      const watch = new MemoryWatch(this.stack.workerPid);
      try {
        const sweep = await this.#sweep(users);
        return { sweep, megabytes: watch.stop() };
      } finally {
        watch.stop();
      }
    };
    const small = await watched(sizes.small);
    const large = await watched(sizes.large);
    const growth = Math.max(0, (large.megabytes / small.megabytes - 1) * 100);
    return { small: small.sweep, large: large.sweep, growth };
  }

  /** Who is gone is gone; the simulators would keep them, and their calls, for ever. */
  #forget(): void {
    this.stack.simulators.plaid.reset();
    this.#answerAfter(this.#latencyMs);
  }

  #answerAfter(latencyMs: number): void {
    this.#latencyMs = latencyMs;
    this.stack.simulators.plaid.configure({ latencyMs });
  }
}

function perSecond(users: number, ms: number): number {
  return (users / ms) * 1_000;
}

function freshPrefix(): string {
  return `usr_${randomUUID().slice(0, 8)}_`;
}
