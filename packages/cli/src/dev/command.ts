import { defineCommand, literalOption, wholeNumber } from '../program/command';
import { EXAMPLE_USERS } from '../demo/command';
import { PROVIDERS_OPTION } from '../users/options';
import type { ProvidersOptions } from '../users/options';

interface DevCommandOptions extends ProvidersOptions {
  users?: string;
  port?: string;
  uiPort?: string;
}

const PORTS = { min: 1, max: 65_535 };

/** `http-tasks dev`: runs everything on this machine, to try things out, until it is stopped. */
export const devCommand = defineCommand<DevCommandOptions>({
  description: [
    'For trying things out. Starts a Temporal server with its UI, simulators of Plaid, Batch and the provider files of',
    '--providers or HTTP_TASKS_PROVIDERS, and a worker, and prints what to run next. The settings are written to',
    '.http-tasks-dev.env in this folder, where the other commands find them.',
    'Settings for Temporal and the providers in the environment are ignored, the ledger is a temporary one, and nothing',
    'outside this machine is called. Ctrl-C stops everything and removes the data and the file.',
  ].join(' '),
  examples: [
    'http-tasks dev',
    'http-tasks dev --providers ./courier.provider.yaml',
    'http-tasks dev --users users.csv --port 7300 --ui-port 8300',
    'http-tasks dev --json',
  ],
  options: [
    literalOption(
      '--users <file>',
      'a CSV file of users whom both simulators know (else examples/users.csv of the package)',
    ),
    PROVIDERS_OPTION,
    literalOption('--port <port>', 'of the Temporal server (else 7233, or a free one if that is taken)'),
    literalOption('--ui-port <port>', 'of the Temporal UI (else 8233, or a free one if that is taken)'),
  ],
  run: async (io, { users = EXAMPLE_USERS, json = false, port, uiPort, providers }) => {
    const ports = {
      ...(port !== undefined && { temporal: wholeNumber('--port', port, PORTS) }),
      ...(uiPort !== undefined && { ui: wholeNumber('--ui-port', uiPort, PORTS) }),
    };
    const { runDev } = await import('./run.js');
    return runDev(io, { users, json, ports, providers });
  },
});
