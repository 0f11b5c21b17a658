import { Refusal } from '@temporal-http-tasks/cli/internal/program/errors';
import { defineCommand, literalOption, wholeNumber } from '@temporal-http-tasks/cli/internal/program/command';
import type { CommonOptions } from '@temporal-http-tasks/cli/internal/program/command';

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
export const processFaultsCommand = defineCommand<ProcessFaultsCommandOptions>({
  description: [
    "Runs one sweep undisturbed, and one while its workers, the ledger's file and the Temporal server are interrupted.",
    'Settings in the environment are ignored. Exits 1 when the two sweeps differ.',
  ].join(' '),
  examples: ['npm run process-faults', 'npm run process-faults -- --users 2000 --kills 5'],
  options: [
    literalOption('--users <count>', `users of each sweep (else ${DEFAULT_USERS})`),
    literalOption('--kills <count>', `how often a worker is killed (else ${DEFAULT_KILLS})`),
    literalOption('--seed <number>', `of everything that is drawn (else ${DEFAULT_SEED})`),
    literalOption('--ledger <url>', 'an empty Postgres for the ledger, postgres://… (else a file of libSQL)'),
  ],
  run: async (io, options) => {
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
  },
});
