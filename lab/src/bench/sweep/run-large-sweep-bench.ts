import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { figure } from '../figures';
import type { Figures } from '../figures';
import { reportSweepFigures } from './report-sweep-figures';
import { growthInPercent, perSecond } from './sweep-stand';
import type { SweepStand, WatchedSweep } from './sweep-stand';

/** How much is measured. */
export interface LargeSweepBenchSize {
  /** Users of the small sweep, with which the large one is compared. */
  small: number;
  large: number;
  /**
   * Users of each bare loop. One runs before and one after each sweep, since a machine's speed changes within a quarter
   * of an hour.
   */
  bare: number;
}

const WORDS: Readonly<Record<string, string>> = {
  largeSweepOfBareLoop: 'the large sweep against bare loops before and after it, immediate responses',
  smallSweepOfBareLoop: 'the same for the small sweep',
  largeOfSmall: 'the first ratio against the second',
  lateOfEarly: 'calls per second towards the end of the large sweep against those near its beginning',
  eventsPerThousandUsers: 'events in the history of the large sweep for 1,000 users',
  memoryGrowth: "growth of the worker's memory from the small to the large sweep",
  workerMemory: "the worker's memory in the large sweep",
  sweepThroughput: 'the large sweep',
  sealThroughput: 'sealing its receipts and deleting its IDs',
};

/** Measures one sweep over very many users and a small one, prints the figures, and returns 0 only if all keep their limits. */
export async function runLargeSweepBench(
  io: Io,
  { size, json }: { size: LargeSweepBenchSize; json: boolean },
): Promise<ExitCode> {
  return reportSweepFigures(io, { size, json, words: WORDS }, (stand) => figuresOf(io, stand, size));
}

/** Every measured sweep checks that all users succeeded; otherwise there are no figures. */
async function figuresOf(io: Io, stand: SweepStand, size: LargeSweepBenchSize): Promise<Figures> {
  const measured = async (users: number): Promise<Measured> => {
    say(io, `A sweep over ${users} users, between bare loops over ${size.bare}`);
    const before = await stand.bare(size.bare);
    const watched = await stand.watchedSweep(users);
    const after = await stand.bare(size.bare);
    const usersPerSecond = perSecond(users, watched.sweep.usersMs);
    return { ...watched, usersPerSecond, ratio: usersPerSecond / ((before + after) / 2) };
  };
  // The first sweep of a worker warms it up.
  await stand.sweep(size.small);
  const small = await measured(size.small);
  const large = await measured(size.large);
  return {
    largeSweepOfBareLoop: figure(large.ratio, '×', { atLeast: 0.8 }),
    smallSweepOfBareLoop: figure(small.ratio, '×', { atLeast: 0.8 }),
    largeOfSmall: figure(large.ratio / small.ratio, '×', { atLeast: 0.85 }),
    lateOfEarly: figure(large.lateOfEarly, '×', { atLeast: 0.85 }),
    eventsPerThousandUsers: figure((large.sweep.events * 1_000) / size.large, 'events', { atMost: 7 }),
    memoryGrowth: figure(growthInPercent(small.megabytes, large.megabytes), '%', { atMost: 10 }),
    workerMemory: figure(large.megabytes, 'MB', { atMost: 2_000 }),
    sweepThroughput: figure(large.usersPerSecond, 'users/s', { atLeast: 50 }),
    sealThroughput: figure(perSecond(size.large, large.sweep.endMs), 'users/s', { atLeast: 500 }),
  };
}

interface Measured extends WatchedSweep {
  usersPerSecond: number;
  /** Throughput of the sweep ÷ the mean of that of both bare loops. */
  ratio: number;
}
