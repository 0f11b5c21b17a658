import { join } from 'node:path';
import { defineCommand, flag, literalOption, wholeNumber } from '../program/command';
import { PROVIDERS_OPTION } from '../users/options';
import type { ProvidersOptions } from '../users/options';

/** The invented users that come with the package. */
export const EXAMPLE_USERS = join(__dirname, '..', '..', 'examples', 'users.csv');

interface DemoCommandOptions extends ProvidersOptions {
  users?: string;
  seed?: string;
  concurrency?: string;
  keep?: boolean;
}

const DEFAULT_SEED = '1';
const DEFAULT_CONCURRENCY = '8';
const MAX_SEED = 2 ** 31 - 1;
const MAX_CONCURRENCY = 100;

/** `http-tasks demo`: offboards invented users on this machine, under faults, and judges the result by the providers' state. */
export const demoCommand = defineCommand<DemoCommandOptions>({
  description: [
    'Starts a Temporal server, the simulators of Plaid and Batch and a worker of its own, offboards every user of the',
    'file while the simulators lose responses, stall, refuse and slow down, and judges the outcome by the state of the',
    'simulators. Settings for Temporal and the providers in the environment are ignored; nothing outside this machine is called.',
    'The worker also has the provider files of --providers or HTTP_TASKS_PROVIDERS, with a simulator each, to be tried with',
    '--keep; the users of the demo have no IDs there.',
    "\n\nWords in a row's reference set the scene: legal-hold, no-items, unknown-to-plaid, remove-user. In item_ids,",
    "item-bystander-7-0 is somebody else's Item.\n\nExits 0 only if the verdict is ok.",
  ].join(' '),
  examples: ['http-tasks demo', 'http-tasks demo --seed 7 --json', 'http-tasks demo --users users.csv --keep'],
  options: [
    literalOption('--users <file>', 'a CSV file of users (else examples/users.csv of the package)'),
    literalOption('--seed <number>', `decides which user meets which fault (else ${DEFAULT_SEED})`),
    literalOption('--concurrency <runs>', `concurrent runs (else ${DEFAULT_CONCURRENCY})`),
    PROVIDERS_OPTION,
    flag('--keep', 'leave everything up afterwards, with the Temporal UI, until Ctrl-C'),
  ],
  run: async (io, options) => {
    const {
      users = EXAMPLE_USERS,
      seed = DEFAULT_SEED,
      concurrency = DEFAULT_CONCURRENCY,
      keep = false,
      json = false,
      providers,
    } = options;
    const checked = {
      users,
      seed: wholeNumber('--seed', seed, { min: 0, max: MAX_SEED }),
      concurrency: wholeNumber('--concurrency', concurrency, { min: 1, max: MAX_CONCURRENCY }),
      keep,
      json,
      providers,
    };
    const { runDemo } = await import('./run.js');
    return runDemo(io, checked);
  },
});
