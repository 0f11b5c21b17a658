import type { Command } from 'commander';
import { Option } from 'commander';
import { FLOWS } from '@temporal-http-tasks/testing/internal/oracle/cell';
import type { Flow } from '@temporal-http-tasks/testing/internal/oracle/cell';
import { describeCommand, literalOption, onRun, wholeNumber } from './command';
import type { CommonOptions } from './command';
import { Refusal } from './errors';
import type { ExitCode, Io } from './io';

interface FaultsCommandOptions extends CommonOptions {
  only?: Flow;
  calls?: string;
  faults?: string;
  random?: string;
  seed?: string;
  out?: string;
  force?: boolean;
  processes?: boolean;
  users?: string;
  kills?: string;
  ledger?: string;
}

const DEFAULT_SEED = '1';
const MAX_SEED = 2 ** 31 - 1;
const DEFAULT_RANDOM = '200';
const MAX_RANDOM = 100_000;
const DEFAULT_USERS = '20000';
const MAX_USERS = 1_000_000;
const DEFAULT_KILLS = '30';
const MAX_KILLS = 1_000;

/** `http-tasks faults`: every fault at every call, judged by an oracle that shares no code with what it judges. */
export function defineFaultsCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description: [
      'Brings up a Temporal server, the simulators and workers of its own, and off-boards a user for each cell of the matrix:',
      'every call of a single run and of a sweep, every fault, the first time, twice and always, with onFailure "continue"',
      'and "stop". Then combinations of faults are drawn from a seed. An oracle that reads the providers\' side and the ledger,',
      'and shares no code with the product, says what must have come of each. The whole takes half an hour; name calls or',
      "faults for a part. With --processes, a sweep goes on while its workers, the ledger's file and the Temporal server are",
      'taken away. Settings in the environment are ignored. Exits 1 when anything is not as it must be.',
    ].join(' '),
    examples: [
      'http-tasks faults --only offboardUser --calls userItemsRemove',
      'http-tasks faults --random 50 --seed 7 --json',
      'http-tasks faults --processes --users 2000 --kills 5',
    ],
  });
  command
    .addOption(new Option('--only <flow>', 'only single runs, or only sweeps').choices([...FLOWS]))
    .addOption(literalOption('--calls <names>', 'only these calls: userItemsGet,userRemove'))
    .addOption(
      literalOption('--faults <names>', 'only these faults, by their names in the table, with commas between them'),
    )
    .addOption(
      literalOption(
        '--random <count>',
        `so many combinations of faults (else ${DEFAULT_RANDOM}; none beside a part of the matrix; alone, no matrix)`,
      ),
    )
    .addOption(literalOption('--seed <number>', `of everything that is drawn (else ${DEFAULT_SEED})`))
    .addOption(literalOption('--out <file>', 'write the matrix as an HTML page'))
    .option('--force', 'replace the file of --out')
    .option('--processes', 'kill and restart processes under a sweep instead')
    .addOption(literalOption('--users <count>', `with --processes: users of the sweep (else ${DEFAULT_USERS})`))
    .addOption(
      literalOption('--kills <count>', `with --processes: how often a worker is killed (else ${DEFAULT_KILLS})`),
    )
    .addOption(
      literalOption(
        '--ledger <url>',
        'with --processes: an empty Postgres for the ledger, postgres://… (else a file of libSQL)',
      ),
    );
  onRun<FaultsCommandOptions>(command, io, (options) =>
    options.processes ? processFaults(io, options) : matrix(io, options),
  );
}

async function matrix(io: Io, options: FaultsCommandOptions): Promise<ExitCode> {
  const { only, random, out, force = false, json = false } = options;
  refuseWithout('--processes', options, ['users', 'kills', 'ledger']);
  const [calls, faults] = [listOf(options.calls), listOf(options.faults)];
  const isPart = only !== undefined || calls !== undefined || faults !== undefined;
  const seed = seedOf(options);
  const combinations = wholeNumber('--random', random ?? (isPart ? '0' : DEFAULT_RANDOM), { min: 0, max: MAX_RANDOM });
  const { runFaults } = await import('./faults/run-faults.js');
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

async function processFaults(io: Io, options: FaultsCommandOptions): Promise<ExitCode> {
  const { users = DEFAULT_USERS, kills = DEFAULT_KILLS, ledger, json = false } = options;
  refuseWith('--processes', options, ['only', 'calls', 'faults', 'random', 'out']);
  const size = {
    users: wholeNumber('--users', users, { min: 1, max: MAX_USERS }),
    kills: wholeNumber('--kills', kills, { min: 1, max: MAX_KILLS }),
    seed: seedOf(options),
  };
  if (ledger !== undefined && !/^postgres(ql)?:\/\//.test(ledger))
    throw new Refusal('Usage', '--ledger must begin with postgres://.', 'ledger');
  const { runProcessFaults } = await import('@temporal-http-tasks/lab/internal/processes/run-process-faults');
  return runProcessFaults(io, { ...size, json, ...(ledger !== undefined && { ledgerUrl: ledger }) });
}

function seedOf({ seed = DEFAULT_SEED }: FaultsCommandOptions): number {
  return wholeNumber('--seed', seed, { min: 0, max: MAX_SEED });
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(',').map((name) => name.trim());
}

type Name = keyof FaultsCommandOptions;

function refuseWith(mode: string, options: FaultsCommandOptions, names: readonly Name[]): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given !== undefined) throw new Refusal('Usage', `--${given} does not go together with ${mode}.`, given);
}

function refuseWithout(mode: string, options: FaultsCommandOptions, names: readonly Name[]): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given !== undefined) throw new Refusal('Usage', `--${given} goes with ${mode} only.`, given);
}
