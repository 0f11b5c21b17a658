import { Option } from 'commander';
import type { Command } from 'commander';
import { addCommand, literalOption, onRun, wholeNumber } from './command';
import type { CommonOptions } from './command';
import { Refusal } from './errors';
import type { Io } from './io';
import type { AddOptions } from './providers/add-provider';
import { addProvidersOption } from './providers-option';
import type { ProvidersOptions } from './providers-option';

/** `http-tasks providers …`: provider files, which describe how users are offboarded from one more system. */
export function defineProvidersCommand(providers: Command, io: Io): void {
  providers.description(
    'Provider files: the steps that offboard a user from one system, as data. HTTP_TASKS_PROVIDERS lists them for every command.',
  );
  registerList(providers, io);
  registerShow(providers, io);
  registerCheck(providers, io);
  registerAdd(providers, io);
}

function registerList(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'list',
    summary: 'list the built-in providers and those of provider files',
    description: 'Of a folder, every file NAME.provider.yaml, .yml or .json is read.',
    examples: ['http-tasks providers list --providers ./providers', 'http-tasks providers list --json'],
  });
  addProvidersOption(command);
  onRun<ProvidersOptions>(command, io, async (options) =>
    (await import('./providers/list-providers.js')).listProviders(io, options),
  );
}

function registerShow(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'show <provider>',
    summary: 'show one provider: its IDs, steps and tasks, and which of its settings are set',
    description:
      'Takes the name of a provider that is listed, or the path of a provider file. No value of a setting is shown.',
    examples: [
      'http-tasks providers show courier --providers ./providers',
      'http-tasks providers show ./courier.provider.yaml --json',
    ],
  });
  addProvidersOption(command);
  onRun<ProvidersOptions>(command, io, async (options, [name = '']) =>
    (await import('./providers/show-provider.js')).showProvider(io, name, options),
  );
}

interface CheckOptions extends CommonOptions {
  faults?: boolean;
  seed?: string;
}

const DEFAULT_SEED = '1';
const MAX_SEED = 2 ** 31 - 1;

function registerCheck(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'check <file>',
    summary: 'check a provider file and report every problem with its place',
    description: [
      'Reads the file and the OpenAPI document that it names. Needs no setting and sends nothing. Exits 2 when anything is wrong.',
      'With --faults, a Temporal server, a worker with this provider and a simulator of it are started, and users are',
      'offboarded while each call of each step meets each fault: lost before and after it is processed, processed and then',
      '500, 503, 429, truncated; in a single run and in a sweep. Exits 1 when a step is not reported truly, is left undone',
      'although it could be settled, or is carried out twice.',
    ].join(' '),
    examples: [
      'http-tasks providers check courier.provider.yaml',
      'http-tasks providers check courier.provider.yaml --json',
      'http-tasks providers check courier.provider.yaml --faults',
    ],
  });
  command
    .option('--faults', 'try the provider at a simulator of it, under faults')
    .addOption(literalOption('--seed <number>', `with --faults: of everything that is drawn (else ${DEFAULT_SEED})`));
  onRun<CheckOptions>(command, io, async ({ json = false, faults, seed }, [file = '']) => {
    const { checkProvider } = await import('./providers/check-provider.js');
    if (!faults && seed !== undefined) throw new Refusal('Usage', '--seed needs --faults.', 'seed');
    if (!faults) return checkProvider(io, file, { ...(json && { json }) });
    const checked = wholeNumber('--seed', seed ?? DEFAULT_SEED, { min: 0, max: MAX_SEED });
    return (await import('./providers/check-faults.js')).checkFaults(io, file, { seed: checked, json });
  });
}

function registerAdd(parent: Command, io: Io): void {
  const command = addCommand(parent, {
    usage: 'add <name>',
    summary: 'copy a provider file that comes with the package',
    description:
      'Copies the provider file, the OpenAPI document that it names, and a page with what is known of the API. The copy is yours to change. An unknown name lists those that there are.',
    examples: [
      'http-tasks providers add hubspot --to ./providers',
      'http-tasks providers add hubspot --to ./providers --force --json',
    ],
  });
  command.addOption(literalOption('--to <folder>', 'where the files are put; created if need be (default: here)'));
  command.addOption(new Option('--force', 'replace files that are there already'));
  onRun<AddOptions>(command, io, async (options, [name = '']) =>
    (await import('./providers/add-provider.js')).addProvider(io, name, options),
  );
}
