import type { Command } from 'commander';
import { addCommand, literalOption, onRun, wholeNumber } from './command';
import type { CommonOptions } from './command';
import type { Io } from './io';

interface BenchCommandOptions extends CommonOptions {
  users?: string;
  concurrency?: string;
}

const DEFAULT_USERS = '30';
const DEFAULT_CONCURRENCY = '10';
const MAX_USERS = 10_000;
const MAX_CONCURRENCY = 100;
/** So many users more are taken for the throughput than for the latency. */
const CONCURRENT_FACTOR = 3;

/** `http-tasks bench`: how fast it is on this machine, beside the same calls without anything around them. */
export function registerBenchCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'bench',
    summary: 'measure latency, throughput, bundle size and start-up on this machine',
    description: [
      'Brings up a Temporal server, the simulators and a worker of its own and off-boards invented users, beside a bare loop',
      'that makes the same calls. Settings in the environment are ignored. Exits 1 when a figure does not keep its limit.',
    ].join(' '),
    examples: ['http-tasks bench', 'http-tasks bench --users 100 --json'],
  });
  command
    .addOption(literalOption('--users <count>', `users for the latency; ${CONCURRENT_FACTOR} times as many for the throughput (else ${DEFAULT_USERS})`))
    .addOption(literalOption('--concurrency <runs>', `runs at once for the throughput (else ${DEFAULT_CONCURRENCY})`));
  onRun<BenchCommandOptions>(command, io, async ({ users = DEFAULT_USERS, concurrency = DEFAULT_CONCURRENCY, json = false }) => {
    const sequential = wholeNumber('--users', users, { min: 1, max: MAX_USERS });
    const size = {
      sequential,
      concurrent: sequential * CONCURRENT_FACTOR,
      concurrency: wholeNumber('--concurrency', concurrency, { min: 1, max: MAX_CONCURRENCY }),
    };
    const { runBench } = await import('./bench/run-bench.js');
    return runBench(io, { size, json });
  });
}
