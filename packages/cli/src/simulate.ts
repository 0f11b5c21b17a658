import type { Command } from 'commander';
import type { Simulators, SimulatorsOptions } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { describeCommand, literalOption, onRun, wholeNumber } from './command';
import type { CommonOptions } from './command';
import { CommandFailure } from './errors';
import { withInterruption } from './interruption';
import type { Io } from './io';
import { print, printJson, say } from './output';
import { printTable } from './table';
import { simulatorSettings } from '@temporal-http-tasks/testing/internal/stage/simulator-settings';

interface SimulateOptions extends CommonOptions {
  plaidPort?: string;
  batchPort?: string;
  latencyMs?: string;
  readLagMs?: string;
  rateLimit?: string;
  users?: string;
}

const DEFAULT_PLAID_PORT = '4010';
const DEFAULT_BATCH_PORT = '4020';
const MAX_PORT = 65_535;
const HOUR_MS = 3_600_000;
const MAX_RATE = 1_000_000;

/** `http-tasks simulate`: stand-ins for Plaid and Batch on this machine until they are stopped. */
export function defineSimulateCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description:
      'They keep their state in memory and take invented keys, which are printed together with the settings to export. Control them under /__sim/ (users, faults, settings, state, calls, reset). A port of 0 takes any free one.',
    examples: [
      'http-tasks simulate --plaid-port 4010 --batch-port 4020 --users users.csv',
      'http-tasks simulate --latency-ms 80 --read-lag-ms 500 --rate-limit 50 --json',
    ],
  });
  command
    .addOption(literalOption('--plaid-port <port>', `where the Plaid simulator listens (else ${DEFAULT_PLAID_PORT})`))
    .addOption(literalOption('--batch-port <port>', `where the Batch simulator listens (else ${DEFAULT_BATCH_PORT})`))
    .addOption(literalOption('--latency-ms <ms>', 'added to every answer'))
    .addOption(literalOption('--read-lag-ms <ms>', 'how long a removed Item is still listed'))
    .addOption(literalOption('--rate-limit <calls>', 'calls a second that each simulator takes before it answers 429'))
    .addOption(literalOption('--users <file>', 'a CSV file of users who are known there from the start'));
  onRun<SimulateOptions>(command, io, (options) => simulate(io, options));
}

async function simulate(io: Io, options: SimulateOptions): Promise<0> {
  const settings = simulatorOptions(options);
  const users =
    options.users === undefined ? undefined : await (await import('./simulate-users.js')).seedUsers(options.users);
  const simulators = await start({
    ...settings,
    plaid: { ...settings.plaid, users: users?.plaid },
    batch: { ...settings.batch, users: users?.batch },
  });
  await withInterruption(async ({ wished }) => {
    announce(io, simulators, options.json ?? false);
    await wished;
  });
  await simulators.close();
  return 0;
}

function simulatorOptions({
  plaidPort,
  batchPort,
  latencyMs,
  readLagMs,
  rateLimit,
}: SimulateOptions): SimulatorsOptions {
  const common = {
    ...(latencyMs !== undefined && { latencyMs: wholeNumber('--latency-ms', latencyMs, { min: 0, max: HOUR_MS }) }),
    ...(rateLimit !== undefined && {
      rateLimits: { '*': { perSecond: wholeNumber('--rate-limit', rateLimit, { min: 1, max: MAX_RATE }) } },
    }),
  };
  const readLag =
    readLagMs === undefined
      ? {}
      : { readLag: { ms: wholeNumber('--read-lag-ms', readLagMs, { min: 0, max: HOUR_MS }) } };
  return {
    plaidPort: wholeNumber('--plaid-port', plaidPort ?? DEFAULT_PLAID_PORT, { min: 0, max: MAX_PORT }),
    batchPort: wholeNumber('--batch-port', batchPort ?? DEFAULT_BATCH_PORT, { min: 0, max: MAX_PORT }),
    plaid: { ...common, ...readLag },
    batch: common,
  };
}

async function start(options: SimulatorsOptions): Promise<Simulators> {
  const { startSimulators } = await import('@temporal-http-tasks/testing/internal/simulators/start-simulators');
  try {
    return await startSimulators(options);
  } catch (error) {
    const { code, port } = error as NodeJS.ErrnoException & { port?: number };
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EACCES' ? 'may not be used by this user' : 'is taken by another process';
    throw new CommandFailure(
      'Failed',
      `Port ${port ?? ''} ${why}; choose others with --plaid-port and --batch-port (0: any).`,
    );
  }
}

/** Invented keys, so that they may be shown. */
function announce(io: Io, simulators: Simulators, json: boolean): void {
  const { plaid, batch } = simulators;
  const settings = simulatorSettings(simulators);
  if (json) return printJson(io, { plaid: { url: plaid.url }, batch: { url: batch.url }, settings });
  printTable(
    io,
    ['Simulator', 'URL', 'Control'],
    [
      ['Plaid', plaid.url, `${plaid.url}/__sim/state`],
      ['Batch', batch.url, `${batch.url}/__sim/state`],
    ],
  );
  for (const [name, value] of Object.entries(settings)) print(io, `export ${name}='${value}'`);
  say(io, 'Ctrl-C stops them.');
}
