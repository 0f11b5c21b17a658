import { Option } from 'commander';
import { defineCommand, literalOption } from '../program/command';
import { OPENAPI_OPTIONS } from '../tasks/openapi-tasks';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import { PROVIDERS_OPTION } from '../users/options';
import type { ConsoleOptions } from './run';

const DEFAULT_PORT = '4040';

/** `http-tasks console`: the gateway and its page, until they are stopped. */
export const consoleCommand = defineCommand<ConsoleOptions>({
  description: [
    'Listens on this machine only, unless --host says otherwise. Every request needs the token in HTTP_TASKS_CONSOLE_TOKEN,',
    'or the one that is created for this run: open the printed link, which contains it. It calls only tasks of the catalogue',
    '(and those of --openapi), with the keys of its own environment or those entered on the page, which stay in its memory.',
    'Irreversible calls require their name to be typed. The form for offboarding has the IDs of the providers of',
    '--providers or HTTP_TASKS_PROVIDERS, and the accounts of HTTP_TASKS_ACCOUNTS. Durable runs go to the workers of the task',
    'queue. Also serves /openapi.json and a UTCP manual at /utcp.',
  ].join(' '),
  examples: [
    'http-tasks console',
    'http-tasks console --port 0 --json',
    'http-tasks console --providers ./courier.provider.yaml',
    'http-tasks console --openapi desk.yml --service desk',
    'http-tasks console --host 0.0.0.0 --public-url https://console.example.com',
    'http-tasks console --other-gateway https://console.example.com',
  ],
  options: [
    literalOption('--port <port>', `where it listens (else ${DEFAULT_PORT}); 0 takes any free one`),
    literalOption('--host <address>', 'the address on which it listens (else 127.0.0.1)'),
    literalOption('--public-url <url>', 'its public URL, if a proxy is in front of it'),
    new Option('--allow-origin <origin...>', 'origins of other gateways whose pages may use this one'),
    new Option('--other-gateway <url...>', "gateways that this one's page may be pointed at, each with its own token"),
    PROVIDERS_OPTION,
    OPENAPI_OPTIONS,
    TEMPORAL_OPTIONS,
  ],
  run: async (io, options) => (await import('./run.js')).runConsole(io, { port: DEFAULT_PORT, ...options }),
});
