import type { Command } from 'commander';
import { describeCommand, literalOption, onRun, wholeNumber } from '@temporal-http-tasks/cli/internal/command';
import type { CommonOptions } from '@temporal-http-tasks/cli/internal/command';
import { Refusal } from '@temporal-http-tasks/cli/internal/errors';
import type { Io } from '@temporal-http-tasks/cli/internal/io';

interface ProcessFaultsCommandOptions extends CommonOptions {
  users?: string;
  kills?: string;
  seed?: string;
  ledger?: string;
}

const DEFAULT_SEED = '1';
const MAX_SEED = 2 ** 31 - 1;
const DEFAULT_USERS = '20000';
const MAX_USERS = 1_000_000;
const DEFAULT_KILLS = '30';
const MAX_KILLS = 1_000;

/** `npm run process-faults`: a sweep that keeps running while the processes under it are killed and restarted. */
export function defineProcessFaultsCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description: [
      "Runs one sweep undisturbed, and one while its workers, the ledger's file and the Temporal server are taken away.",
      'Settings in the environment are ignored. Exits 1 when the two sweeps differ.',
    ].join(' '),
    examples: ['npm run process-faults', 'npm run process-faults -- --users 2000 --kills 5'],
  });
  command
    .addOption(literalOption('--users <count>', `users of each sweep (else ${DEFAULT_USERS})`))
    .addOption(literalOption('--kills <count>', `how often a worker is killed (else ${DEFAULT_KILLS})`))
    .addOption(literalOption('--seed <number>', `of everything that is drawn (else ${DEFAULT_SEED})`))
    .addOption(
      literalOption('--ledger <url>', 'an empty Postgres for the ledger, postgres://… (else a file of libSQL)'),
    );
  onRun<ProcessFaultsCommandOptions>(command, io, async (options) => {
    const { users = DEFAULT_USERS, kills = DEFAULT_KILLS, seed = DEFAULT_SEED, ledger, json = false } = options;
    const size = {
      users: wholeNumber('--users', users, { min: 1, max: MAX_USERS }),
      kills: wholeNumber('--kills', kills, { min: 1, max: MAX_KILLS }),
      seed: wholeNumber('--seed', seed, { min: 0, max: MAX_SEED }),
    };
    if (ledger !== undefined && !/^postgres(ql)?:\/\//.test(ledger))
      throw new Refusal('Usage', '--ledger must begin with postgres://.', 'ledger');
    const { runProcessFaults } = await import('./processes/run-process-faults.js');
    return runProcessFaults(io, { ...size, json, ...(ledger !== undefined && { ledgerUrl: ledger }) });
  });
}
