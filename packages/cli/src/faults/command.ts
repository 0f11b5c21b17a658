import { FLOWS } from '@temporal-http-tasks/testing/internal/oracle/cell';
import { defineCommand, flag, literalOption, oneOf, wholeNumber } from '../program/command';
import type { CommonOptions } from '../program/command';
import type { ExitCode, Io } from '../program/io';

interface FaultsCommandOptions extends CommonOptions {
  only?: string;
  calls?: string;
  faults?: string;
  random?: string;
  seed?: string;
  out?: string;
  force?: boolean;
}

const DEFAULT_SEED = '1';
const MAX_SEED = 2 ** 31 - 1;
const DEFAULT_RANDOM = '200';
const MAX_RANDOM = 100_000;

/** `http-tasks faults`: injects every fault at every call; an oracle that shares no code with the product judges the result. */
export const faultsCommand = defineCommand<FaultsCommandOptions>({
  description: [
    'Starts a Temporal server, the simulators and workers of its own, and offboards a user for each cell of the matrix:',
    'every call of a single run and of a sweep, every fault, the first time, twice and always, with onFailure "continue"',
    'and "stop". Then combinations of faults are drawn from a seed. An oracle that reads the providers\' side and the ledger,',
    'and shares no code with the product, judges each outcome. The whole matrix takes half an hour; name calls or',
    'faults for a part. Settings in the environment are ignored. Exits 1 when a cell is wrong.',
  ].join(' '),
  examples: [
    'http-tasks faults --only offboardUser --calls userItemsRemove',
    'http-tasks faults --random 50 --seed 7 --json',
  ],
  options: [
    literalOption('--only <flow>', `only single runs, or only sweeps: ${FLOWS.join(', ')}`),
    literalOption('--calls <names>', 'only these calls: userItemsGet,userRemove'),
    literalOption('--faults <names>', 'only these faults, by their names in the table, separated by commas'),
    literalOption(
      '--random <count>',
      `number of random combinations of faults (else ${DEFAULT_RANDOM}; none with a part of the matrix; alone, no matrix)`,
    ),
    literalOption('--seed <number>', `seed of everything that is random (else ${DEFAULT_SEED})`),
    literalOption('--out <file>', 'write the matrix as an HTML page'),
    flag('--force', 'replace the file of --out'),
  ],
  run: (io, options) => matrix(io, options),
});

async function matrix(io: Io, options: FaultsCommandOptions): Promise<ExitCode> {
  const { random, out, force = false, json = false } = options;
  const only = options.only === undefined ? undefined : oneOf('--only', options.only, FLOWS);
  const [calls, faults] = [listOf(options.calls), listOf(options.faults)];
  const isPart = only !== undefined || calls !== undefined || faults !== undefined;
  const seed = seedOf(options);
  const combinations = wholeNumber('--random', random ?? (isPart ? '0' : DEFAULT_RANDOM), { min: 0, max: MAX_RANDOM });
  const { runFaults } = await import('./run.js');
  return runFaults(io, {
    ...((isPart || random === undefined) && {
      selection: { ...(only && { only }), ...(calls && { calls }), ...(faults && { faults }) },
    }),
    combinations,
    seed,
    json,
    ...(out !== undefined && { page: { path: out, force } }),
  });
}

function seedOf({ seed = DEFAULT_SEED }: FaultsCommandOptions): number {
  return wholeNumber('--seed', seed, { min: 0, max: MAX_SEED });
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(',').map((name) => name.trim());
}
