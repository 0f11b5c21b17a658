import { defineGroup, flag, literalOption, subcommand, wholeNumber } from '../program/command';
import type { CommonOptions } from '../program/command';
import { Refusal } from '../program/errors';
import { PROVIDERS_OPTION } from '../users/options';
import type { ProvidersOptions } from '../users/options';
import type { AddOptions } from './add-provider';

const LIST = subcommand<ProvidersOptions>('list', {
  summary: 'list the built-in providers and those of provider files',
  description: 'Of a folder, every file NAME.provider.yaml, .yml or .json is read.',
  examples: ['http-tasks providers list --providers ./providers', 'http-tasks providers list --json'],
  options: [PROVIDERS_OPTION],
  run: async (io, options) => (await import('./list-providers.js')).listProviders(io, options),
});

const SHOW = subcommand<ProvidersOptions>('show <provider>', {
  summary: 'show one provider: its IDs, steps and tasks, and which of its settings are set',
  description:
    'Takes the name of a provider that is listed, or the path of a provider file. No value of a setting is shown.',
  examples: [
    'http-tasks providers show courier --providers ./providers',
    'http-tasks providers show ./courier.provider.yaml --json',
  ],
  options: [PROVIDERS_OPTION],
  run: async (io, options, [name = '']) => (await import('./show-provider.js')).showProvider(io, name, options),
});

interface CheckOptions extends CommonOptions {
  faults?: boolean;
  seed?: string;
}

const DEFAULT_SEED = '1';
const MAX_SEED = 2 ** 31 - 1;

const CHECK = subcommand<CheckOptions>('check <file>', {
  summary: 'check a provider file and report every problem with its place',
  description: [
    'Reads the file and the OpenAPI document that it names. Needs no setting and sends nothing. Exits 2 when anything is wrong.',
    'With --faults, starts a Temporal server, a worker with this provider and a simulator of it, and offboards users',
    'while every fault hits every call of every step: lost before or after it is processed, a 500, 503 or 429, a truncated',
    'response; in single runs and in a sweep. Exits 1 when a step is reported wrongly, is left undone although it could be',
    'settled, or is carried out twice.',
  ].join(' '),
  examples: [
    'http-tasks providers check courier.provider.yaml',
    'http-tasks providers check courier.provider.yaml --json',
    'http-tasks providers check courier.provider.yaml --faults',
  ],
  options: [
    flag('--faults', 'try the provider at a simulator of it, under faults'),
    literalOption('--seed <number>', `with --faults: seed of everything that is random (else ${DEFAULT_SEED})`),
  ],
  run: async (io, { json = false, faults, seed }, [file = '']) => {
    const { checkProvider } = await import('./check-provider.js');
    if (!faults && seed !== undefined) throw new Refusal('Usage', '--seed needs --faults.', 'seed');
    if (!faults) return checkProvider(io, file, { ...(json && { json }) });
    const checked = wholeNumber('--seed', seed ?? DEFAULT_SEED, { min: 0, max: MAX_SEED });
    return (await import('./check-faults.js')).checkFaults(io, file, { seed: checked, json });
  },
});

const ADD = subcommand<AddOptions>('add <name>', {
  summary: 'copy a provider file that comes with the package',
  description:
    'Copies the provider file, the OpenAPI document that it names, and a page with what is known of the API. The ' +
    'copy is yours to change. An unknown name lists the existing ones.',
  examples: [
    'http-tasks providers add hubspot --to ./providers',
    'http-tasks providers add hubspot --to ./providers --force --json',
  ],
  options: [
    literalOption('--to <folder>', 'the folder for the files; created if needed (default: here)'),
    flag('--force', 'replace existing files'),
  ],
  run: async (io, options, [name = '']) => (await import('./add-provider.js')).addProvider(io, name, options),
});

/** `http-tasks providers …`: provider files, which describe how users are offboarded from one more system. */
export const providersCommand = defineGroup(
  'Provider files: the steps that offboard a user from one system, as data. HTTP_TASKS_PROVIDERS lists them for every command.',
  [LIST, SHOW, CHECK, ADD],
);
