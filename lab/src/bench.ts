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
const DEFAULT_WORKERS_USERS = '24000';
const MAX_WORKERS_USERS = 1_000_000;
/** How long responses take in the two series of `workers`. */
const WORKERS_SERIES = { responseMs: 60, slowResponseMs: 200 };
const DEFAULT_COST_USERS = '3000';
const DEFAULT_LIMIT_USERS = '20000';
const DEFAULT_SOURCE_ROWS = '10000000';
const MAX_SOURCE_ROWS = 100_000_000;
/** Share of the rows of the source with which a large one is compared. */
const SMALL_SOURCE_SHARE = 0.1;
/** Minimum number of rows with which a source of more is compared: until then the heap of a worker grows with any work. */
const LEAST_SMALL_SOURCE = 1_000_000;
const DEFAULT_STARTS = '7';
/** Users with whom a way is measured that needs a workflow or an activity for each. */
const MOST_PEERS = 500;
/** Factor between a provider's limit and that of the real sweep under it. */
const LIMIT_SCALE = 10;
/** Maximum number of users of the sweep under a limit, of which `cost` counts calls, actions and heartbeats. */
const MOST_UNDER_LIMIT = 3_000;
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
const COMPARED_WITH_LARGE = { small: 20_000, bare: 50_000 };

const describeBench = defineCommand<BenchCommandOptions>({
  description: [
    'Starts a Temporal server, the simulators and a worker of its own, and offboards invented users next to a bare loop',
    'that makes the same calls: one run for each user, with "sweep" all users in one sweep, or with "large" one sweep over a',
    'million users next to a small one. With "workers", sweeps of one worker next to those of two and three. With "evidence", what sealing costs and',
    'what a ledger needs for each user, before and after a purge. With "cost", calls, actions, heartbeats and processor time for each user; with "limit", how a provider\'s limit is used;',
    'with "source", how fast a file is read; with "start", how soon a worker polls; with "peers", a sweep next to other ways to do the same with Temporal. Settings in the environment are ignored. Exits 1 when a figure exceeds its limit.',
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
      `user: for the latency, ${CONCURRENT_FACTOR} times as many for the throughput (else ${DEFAULT_USERS}); sweep: of each sweep (else ${DEFAULT_SWEEP_USERS}); large: of the large sweep (else ${DEFAULT_LARGE_USERS}); workers: of each sweep (else ${DEFAULT_WORKERS_USERS}); evidence: of the sweep (else ${DEFAULT_SWEEP_USERS}); cost: of each sweep (else ${DEFAULT_COST_USERS}); limit: of each sweep (else ${DEFAULT_LIMIT_USERS}); peers: of each sweep (else ${DEFAULT_SWEEP_USERS}); source: rows of the file (else ${DEFAULT_SOURCE_ROWS})`,
    ),
    literalOption('--concurrency <runs>', `user: concurrent runs for the throughput (else ${DEFAULT_CONCURRENCY})`),
    literalOption(
      '--pairs <count>',
      `sweep: pairs of a sweep and a bare loop in each series (else ${DEFAULT_PAIRS}); start: workers started (else ${DEFAULT_STARTS})`,
    ),
    literalOption(
      '--postgres <url>',
      'workers, evidence, source: the ledger is in this empty database (else in an embedded one)',
    ),
  ],
  run: async (io, options, [what]) => {
    if (what === 'large') return benchLarge(io, options);
    if (what === 'workers') return benchWorkers(io, options);
    if (what === 'evidence') return benchEvidence(io, options);
    if (what === 'cost') return benchCost(io, options);
    if (what === 'limit') return benchLimit(io, options);
    if (what === 'source') return benchSource(io, options);
    if (what === 'start') return benchStart(io, options);
    if (what === 'peers') return benchPeers(io, options);
    return what === 'sweep' ? benchSweep(io, options) : benchUser(io, options);
  },
});

/** `npm run bench`: measures the speed on this machine, compared with the same calls in a bare loop. */
export function benchCommand(command: Command, io: Io): void {
  for (const what of command.registeredArguments) {
    what.description = 'what is measured';
    what
      .choices(['user', 'sweep', 'large', 'workers', 'evidence', 'cost', 'limit', 'source', 'start', 'peers'])
      .default('user');
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
    size: { small: Math.min(large, COMPARED_WITH_LARGE.small), large, bare: Math.min(large, COMPARED_WITH_LARGE.bare) },
    json,
  });
}

async function benchWorkers(
  io: Io,
  { users = DEFAULT_WORKERS_USERS, postgres, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const each = wholeNumber('--users', users, { min: 1, max: MAX_WORKERS_USERS });
  const size = { users: each, ...WORKERS_SERIES };
  const { runWorkersBench } = await import('./bench/sweep/run-workers-bench.js');
  return runWorkersBench(io, { size, ledgerUrl: postgres, json });
}

async function benchEvidence(
  io: Io,
  { users = DEFAULT_SWEEP_USERS, postgres, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const each = wholeNumber('--users', users, { min: 1, max: MAX_SWEEP_USERS });
  const { runEvidenceBench } = await import('./bench/sweep/run-evidence-bench.js');
  return runEvidenceBench(io, { users: each, ledgerUrl: postgres, json });
}

async function benchCost(io: Io, { users = DEFAULT_COST_USERS, json = false }: BenchCommandOptions): Promise<ExitCode> {
  const each = wholeNumber('--users', users, { min: 1, max: MAX_SWEEP_USERS });
  const { runCostBench } = await import('./bench/cost/run-cost-bench.js');
  return runCostBench(io, { size: { users: each, limited: Math.min(each, MOST_UNDER_LIMIT) }, json });
}

async function benchLimit(
  io: Io,
  { users = DEFAULT_LIMIT_USERS, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const each = wholeNumber('--users', users, { min: 1, max: MAX_SWEEP_USERS });
  const { runLimitBench } = await import('./bench/limit/run-limit-bench.js');
  return runLimitBench(io, { size: { simulated: each, users: each, scale: LIMIT_SCALE }, json });
}

async function benchSource(
  io: Io,
  { users = DEFAULT_SOURCE_ROWS, postgres, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const rows = wholeNumber('--users', users, { min: 1, max: MAX_SOURCE_ROWS });
  const { runSourceBench } = await import('./bench/source/run-source-bench.js');
  const share = Math.ceil(rows * SMALL_SOURCE_SHARE);
  const small = rows > LEAST_SMALL_SOURCE ? Math.max(LEAST_SMALL_SOURCE, share) : share;
  return runSourceBench(io, { size: { rows, small }, ledgerUrl: postgres, json });
}

async function benchStart(io: Io, { pairs = DEFAULT_STARTS, json = false }: BenchCommandOptions): Promise<ExitCode> {
  const starts = wholeNumber('--pairs', pairs, { min: 1, max: MAX_PAIRS });
  const { runStartBench } = await import('./bench/start/run-start-bench.js');
  return runStartBench(io, { starts, json });
}

async function benchPeers(
  io: Io,
  { users = DEFAULT_SWEEP_USERS, json = false }: BenchCommandOptions,
): Promise<ExitCode> {
  const each = wholeNumber('--users', users, { min: 1, max: MAX_USERS });
  const { runPeersBench } = await import('./bench/peers/run-peers-bench.js');
  return runPeersBench(io, { size: { users: each, peers: Math.min(each, MOST_PEERS) }, json });
}
