import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { figure, median } from '../figures';
import type { Figures } from '../figures';
import { reportSweepFigures } from './report-sweep-figures';
import { growthInPercent, perSecond } from './sweep-stand';
import type { SweepStand } from './sweep-stand';

/** How much is measured. */
export interface SweepBenchSize {
  /** Users of each sweep and each bare loop that are compared. */
  users: number;
  /** Interleaved pairs of both, for each of the two series. */
  pairs: number;
  /** Users with a child workflow each. */
  children: number;
  /** Users of the small and the large sweep whose workers' memory is compared. */
  memory: { small: number; large: number };
}

const WARM_UP_USERS = 2_000;
const SLOW_RESPONSE_MS = 20;

/** Measures sweeps and bare loops, prints the figures, and returns 0 only if all of them keep their limits. */
export async function runSweepBench(
  io: Io,
  { size, json }: { size: SweepBenchSize; json: boolean },
): Promise<ExitCode> {
  return reportSweepFigures(io, { size, json, words: WORDS }, (stand) => new SweepBench(io, stand, size).figures());
}

const WORDS: Readonly<Record<string, string>> = {
  sweepOfBareLoop: 'sweep against the bare loop, immediate responses',
  sweepOfBareLoopSlow: `the same, responses after ${SLOW_RESPONSE_MS} ms`,
  sweepOfChildren: 'sweep against one child workflow for each user',
  eventsPerThousandUsers: 'events in the history for 1,000 users',
  memoryGrowth: "growth of the worker's memory from the small to the large sweep",
  sweepThroughput: 'sweep, immediate responses',
  bareLoopThroughput: 'bare loop, immediate responses',
  sealThroughput: 'sealing receipts and deleting IDs',
};

interface Series {
  ratio: number;
  sweepUsersPerSecond: number;
  bareUsersPerSecond: number;
}

class SweepBench {
  constructor(
    private readonly io: Io,
    private readonly stand: SweepStand,
    private readonly size: SweepBenchSize,
  ) {}

  async figures(): Promise<Figures> {
    await this.stand.sweep(WARM_UP_USERS);
    await this.stand.bare(WARM_UP_USERS);
    const fast = await this.#series('immediate responses');
    this.stand.respondAfter(SLOW_RESPONSE_MS);
    const slow = await this.#series(`responses after ${SLOW_RESPONSE_MS} ms`);
    this.stand.respondAfter(0);
    say(this.io, `One child workflow for each of ${this.size.children} users`);
    const children = await this.stand.sweep(this.size.children, { granularity: 'user', concurrency: 32 });
    const small = await this.#watched(this.size.memory.small);
    const large = await this.#watched(this.size.memory.large);
    return {
      sweepOfBareLoop: figure(fast.ratio, '×', { atLeast: 0.8 }),
      sweepOfBareLoopSlow: figure(slow.ratio, '×', { atLeast: 0.92 }),
      sweepOfChildren: figure(fast.sweepUsersPerSecond / perSecond(this.size.children, children.usersMs), '×', {
        atLeast: 50,
      }),
      eventsPerThousandUsers: figure((large.sweep.events * 1_000) / this.size.memory.large, 'events', { atMost: 7 }),
      memoryGrowth: figure(growthInPercent(small.megabytes, large.megabytes), '%', { atMost: 10 }),
      sweepThroughput: figure(fast.sweepUsersPerSecond, 'users/s', { atLeast: 50 }),
      bareLoopThroughput: figure(fast.bareUsersPerSecond, 'users/s', { atLeast: 50 }),
      sealThroughput: figure(perSecond(this.size.memory.small, small.sweep.endMs), 'users/s', { atLeast: 500 }),
    };
  }

  /** Interleaved, so that other load on the machine affects both. */
  async #series(what: string): Promise<Series> {
    const pairs: Series[] = [];
    for (let pair = 1; pair <= this.size.pairs; pair += 1) {
      say(
        this.io,
        `Sweep and bare loop over ${this.size.users} users each, ${what}: pair ${pair} of ${this.size.pairs}`,
      );
      const sweepUsersPerSecond = perSecond(this.size.users, (await this.stand.sweep(this.size.users)).usersMs);
      const bareUsersPerSecond = await this.stand.bare(this.size.users);
      pairs.push({ ratio: sweepUsersPerSecond / bareUsersPerSecond, sweepUsersPerSecond, bareUsersPerSecond });
    }
    return {
      ratio: median(pairs.map(({ ratio }) => ratio)),
      sweepUsersPerSecond: median(pairs.map((one) => one.sweepUsersPerSecond)),
      bareUsersPerSecond: median(pairs.map((one) => one.bareUsersPerSecond)),
    };
  }

  #watched(users: number): ReturnType<SweepStand['watchedSweep']> {
    say(this.io, `A sweep over ${users} users, measuring the worker's memory`);
    return this.stand.watchedSweep(users);
  }
}
