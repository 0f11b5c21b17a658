import type { Command } from 'commander';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { defineCommand, literalOption, wholeNumber } from '@temporal-http-tasks/cli/internal/program/command';
import type { CommonOptions } from '@temporal-http-tasks/cli/internal/program/command';

interface BenchCommandOptions extends CommonOptions {
  users?: string;
  concurrency?: string;
  pairs?: string;
  postgres?: string;
}

const DEFAULT_USERS = '30';
const DEFAULT_SWEEP_USERS = '10000';
const DEFAULT_CONCURRENCY = '10';
const DEFAULT_PAIRS = '5';
const DEFAULT_WORKERS_USERS = '12000';
const MAX_WORKERS_USERS = 1_000_000;
const RESPONSE_MS = 60;
const MAX_USERS = 10_000;
const MAX_SWEEP_USERS = 1_000_000;
const MAX_CONCURRENCY = 100;
const MAX_PAIRS = 99;
/** Factor between the number of users for the throughput and for the latency. */
const CONCURRENT_FACTOR = 3;
/** Factors between the users of the sweeps whose memory is compared and those of the other sweeps. */
const MEMORY_FACTORS = { small: 2, large: 20 };
const MOST_CHILDREN = 300;
const DEFAULT_LARGE_USERS = '1000000';
const MAX_LARGE_USERS = 10_000_000;
/** Maximum numbers of users of the runs with which a large sweep is compared. */
const BESIDE_LARGE = { small: 20_000, bare: 50_000 };

const describeBench = defineCommand<BenchCommandOptions>({
  description: [
    'Starts a Temporal server, the simulators and a worker of its own, and offboards invented users next to a bare loop',
    'that makes the same calls: one run for each user, with "sweep" all users in one sweep, or with "large" one sweep over a',
    'million users next to a small one. With "workers", sweeps of one worker next to those of two. With "evidence", what sealing costs and',
    'what a ledger needs for each user, before and after a purge. Settings in the environment are ignored. Exits 1 when a figure exceeds its limit.',
  ].join(' '),
  examples: [
    'npm run bench',
    'npm run bench -- --users 100 --json',
    'npm run bench -- sweep --users 2000 --pairs 3',
    'npm run bench -- evidence --users 2000',
    'npm run bench -- workers --postgres postgres://postgres:secret@127.0.0.1:5432/empty',
  ],
  options: [
    literalOption(
      '--users <count>',
      `user: for the latency, ${CONCURRENT_FACTOR} times as many for the throughput (else ${DEFAULT_USERS}); sweep: of each sweep (else ${DEFAULT_SWEEP_USERS}); large: of the large sweep (else ${DEFAULT_LARGE_USERS}); workers: of each sweep (else ${DEFAULT_WORKERS_USERS}); evidence: of the sweep (else ${DEFAULT_SWEEP_USERS})`,
    ),
    literalOption('--concurrency <runs>', `user: concurrent runs for the throughput (else ${DEFAULT_CONCURRENCY})`),
    literalOption('--pairs <count>', `sweep: pairs of a sweep and a bare loop in each series (else ${DEFAULT_PAIRS})`),
    literalOption(
      '--postgres <url>',
      'workers, evidence: the ledger is in this empty database (else in an embedded one)',
    ),
  ],
  run: async (io, options, [what]) => {
    if (what === 'large') return benchLarge(io, options);
    if (what === 'workers') return benchWorkers(io, options);
    if (what === 'evidence') return benchEvidence(io, options);
    return what === 'sweep' ? benchSweep(io, options) : benchUser(io, options);
  },
});

/** `npm run bench`: measures the speed on this machine, compared with the same calls in a bare loop. */
export function benchCommand(command: Command, io: Io): void {
  for (const what of command.registeredArguments) {
    what.description = 'what is measured';
    what.choices(['user', 'sweep', 'large', 'workers', 'evidence']).default('user');
  }
  describeBench(command, io);
}

async function benchUser(
  io: Io,
  { users = DEFAULT_USERS, concurrency = DEFAULT_CONCURRENCY, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const sequential = wholeNumber('--users', users, { min: 1, max: MAX_USERS });
  const size = {
    sequential,
    concurrent: sequential * CONCURRENT_FACTOR,
    concurrency: wholeNumber('--concurrency', concurrency, { min: 1, max: MAX_CONCURRENCY }),
  };
  const { runBench } = await import('./bench/run-bench.js');
  return runBench(io, { size, json });
}

async function benchSweep(
  io: Io,
  { users = DEFAULT_SWEEP_USERS, pairs = DEFAULT_PAIRS, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const each = wholeNumber('--users', users, { min: 1, max: MAX_SWEEP_USERS });
  const size = {
    users: each,
    pairs: wholeNumber('--pairs', pairs, { min: 1, max: MAX_PAIRS }),
    children: Math.min(each, MOST_CHILDREN),
    memory: { small: each * MEMORY_FACTORS.small, large: each * MEMORY_FACTORS.large },
  };
  const { runSweepBench } = await import('./bench/sweep/run-sweep-bench.js');
  return runSweepBench(io, { size, json });
}

async function benchLarge(
  io: Io,
  { users = DEFAULT_LARGE_USERS, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const large = wholeNumber('--users', users, { min: 1, max: MAX_LARGE_USERS });
  const { runLargeSweepBench } = await import('./bench/sweep/run-large-sweep-bench.js');
  return runLargeSweepBench(io, {
    size: { small: Math.min(large, BESIDE_LARGE.small), large, bare: Math.min(large, BESIDE_LARGE.bare) },
    json,
  });
}

async function benchWorkers(
  io: Io,
  { users = DEFAULT_WORKERS_USERS, postgres, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const each = wholeNumber('--users', users, { min: 1, max: MAX_WORKERS_USERS });
  const { runWorkersBench } = await import('./bench/sweep/run-workers-bench.js');
  return runWorkersBench(io, { size: { users: each, responseMs: RESPONSE_MS }, ledgerUrl: postgres, json });
}

async function benchEvidence(
  io: Io,
  { users = DEFAULT_SWEEP_USERS, postgres, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const each = wholeNumber('--users', users, { min: 1, max: MAX_SWEEP_USERS });
  const { runEvidenceBench } = await import('./bench/sweep/run-evidence-bench.js');
  return runEvidenceBench(io, { users: each, ledgerUrl: postgres, json });
}
