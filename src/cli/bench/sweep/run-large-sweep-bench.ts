import type { ExitCode, Io } from '../../io';
import { say } from '../../output';
import { figure } from '../figures';
import type { Figures } from '../figures';
import { reportSweepFigures } from './report-sweep-figures';
import { growthInPercent, perSecond } from './sweep-stand';
import type { SweepStand } from './sweep-stand';

/** How much is measured. */
export interface LargeSweepBenchSize {
  /** Users of the small sweep and of a bare loop, with which the large ones are compared. */
  small: number;
  /** Users of the large sweep and of the other bare loop. */
  large: number;
}

const WORDS: Readonly<Record<string, string>> = {
  largeSweepOfBareLoop: 'the large sweep against a bare loop over as many users, answers at once',
  smallSweepOfBareLoop: 'the same of the small sweep',
  largeOfSmall: 'the first ratio against the second',
  eventsPerThousandUsers: 'events in the history of the large sweep for 1,000 users',
  memoryGrowth: "growth of the worker's memory from the small to the large sweep",
  workerMemory: "the worker's memory in the large sweep",
  sweepThroughput: 'the large sweep',
  sealThroughput: 'sealing its receipts and deleting its ids',
};

/** Measures one sweep over very many users beside a small one, prints the figures, and answers 0 only if all keep their limits. */
export async function runLargeSweepBench(io: Io, { size, json }: { size: LargeSweepBenchSize; json: boolean }): Promise<ExitCode> {
  return reportSweepFigures(io, { size, json, words: WORDS }, (stand) => figuresOf(io, stand, size));
}

/** That everybody was brought to a good end is asked by every measured sweep: without it there are no figures. */
async function figuresOf(io: Io, stand: SweepStand, size: LargeSweepBenchSize): Promise<Figures> {
  const measured = async (users: number): Promise<Measured> => {
    say(io, `A sweep over ${users} users, with an eye on the worker's memory`);
    const { sweep, megabytes } = await stand.watchedSweep(users);
    say(io, 'A bare loop over as many');
    const bareUsersPerSecond = await stand.bare(users);
    const usersPerSecond = perSecond(users, sweep.usersMs);
    return { sweep, megabytes, usersPerSecond, ratio: usersPerSecond / bareUsersPerSecond };
  };
  // The first sweep of a worker warms it up.
  await stand.sweep(size.small);
  const small = await measured(size.small);
  const large = await measured(size.large);
  return {
    largeSweepOfBareLoop: figure(large.ratio, '×', { atLeast: 0.8 }),
    smallSweepOfBareLoop: figure(small.ratio, '×', { atLeast: 0.8 }),
    largeOfSmall: figure(large.ratio / small.ratio, '×', { atLeast: 0.85 }),
    eventsPerThousandUsers: figure((large.sweep.events * 1_000) / size.large, 'events', { atMost: 7 }),
    memoryGrowth: figure(growthInPercent(small.megabytes, large.megabytes), '%', { atMost: 10 }),
    workerMemory: figure(large.megabytes, 'MB', { atMost: 2_000 }),
    sweepThroughput: figure(large.usersPerSecond, 'users/s', { atLeast: 50 }),
    sealThroughput: figure(perSecond(size.large, large.sweep.endMs), 'users/s', { atLeast: 500 }),
  };
}

interface Measured extends Awaited<ReturnType<SweepStand['watchedSweep']>> {
  usersPerSecond: number;
  /** Throughput of the sweep ÷ that of the bare loop. */
  ratio: number;
}
