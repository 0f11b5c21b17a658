import { resolve } from 'node:path';
import type { ProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import type { ProviderSimulator } from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import type { Simulators, SimulatorsOptions } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { providerSettings, simulatorSettings } from '@temporal-http-tasks/testing/internal/stage/simulator-settings';
import { defineCommand, literalOption, wholeNumber } from '../program/command';
import { CommandFailure } from '../program/errors';
import type { Io } from '../program/io';
import { withInterruption } from '../terminal/interruption';
import { print, printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { PROVIDERS_OPTION } from '../users/options';
import type { ProvidersOptions } from '../users/options';

interface SimulateOptions extends ProvidersOptions {
  plaidPort?: string;
  batchPort?: string;
  latencyMs?: string;
  readLagMs?: string;
  rateLimit?: string;
  users?: string;
  providerPort?: string;
}

const DEFAULT_PLAID_PORT = '4010';
const DEFAULT_BATCH_PORT = '4020';
/** Of the first provider file; the others get the ports after it. */
const DEFAULT_PROVIDER_PORT = '4030';
const MAX_PORT = 65_535;
const PORTS = { min: 0, max: MAX_PORT };
const HOUR_MS = 3_600_000;
const MAX_RATE = 1_000_000;

/** `http-tasks simulate`: runs simulators of Plaid, Batch and provider files on this machine until they are stopped. */
export const simulateCommand = defineCommand<SimulateOptions>({
  description:
    'They keep their state in memory and take invented keys, which are printed together with the settings to ' +
    'export. Control them under /__sim/ (users, faults, settings, state, calls, reset). A port of 0 takes any ' +
    'free one. The simulator of a provider file is made from the file and its OpenAPI document: everything that a ' +
    'step deletes exists until its act succeeds.',
  examples: [
    'http-tasks simulate --plaid-port 4010 --batch-port 4020 --users users.csv',
    'http-tasks simulate --latency-ms 80 --read-lag-ms 500 --rate-limit 50 --json',
    'http-tasks simulate --providers courier.provider.yaml --provider-port 4030',
  ],
  options: [
    literalOption('--plaid-port <port>', `where the Plaid simulator listens (else ${DEFAULT_PLAID_PORT})`),
    literalOption('--batch-port <port>', `where the Batch simulator listens (else ${DEFAULT_BATCH_PORT})`),
    literalOption('--latency-ms <ms>', 'added to every response'),
    literalOption('--read-lag-ms <ms>', 'how long a removed Item is still listed'),
    literalOption('--rate-limit <calls>', 'calls a second that each simulator takes before it responds with 429'),
    literalOption('--users <file>', 'a CSV file of users who are known there from the start'),
    literalOption(
      '--provider-port <port>',
      `where the simulator of the first provider file listens (else ${DEFAULT_PROVIDER_PORT}); the others follow`,
    ),
    PROVIDERS_OPTION,
  ],
  run: (io, options) => simulate(io, options),
});

async function simulate(io: Io, options: SimulateOptions): Promise<0> {
  const settings = simulatorOptions(options);
  const files = await (await import('../providers/find-providers.js')).findProviders(io, options.providers);
  const firstPort = wholeNumber('--provider-port', options.providerPort ?? DEFAULT_PROVIDER_PORT, PORTS);
  const users = options.users === undefined ? undefined : await (await import('./users.js')).seedUsers(options.users);
  const simulators = await start('--plaid-port and --batch-port', async () =>
    (await import('@temporal-http-tasks/testing/internal/simulators/start-simulators')).startSimulators({
      ...settings,
      plaid: { ...settings.plaid, users: users?.plaid },
      batch: { ...settings.batch, users: users?.batch },
    }),
  );
  const others: ProviderSimulator[] = [];
  try {
    for (const [index, file] of files.entries())
      others.push(await start('--provider-port', () => simulateFile(file, firstPort && firstPort + index, settings)));
    await withInterruption(async ({ wished }) => {
      announce(io, { simulators, others, files }, options.json ?? false);
      await wished;
    });
  } finally {
    await Promise.all([simulators, ...others].map((simulator) => simulator.close()));
  }
  return 0;
}

async function simulateFile(file: ProviderFile, port: number, settings: SimulatorsOptions): Promise<ProviderSimulator> {
  const { describedApi } = await import('../providers/described-api.js');
  const { startProviderSimulator } =
    await import('@temporal-http-tasks/testing/internal/simulators/described/provider-simulator');
  const { latencyMs, rateLimits, readLag } = settings.plaid ?? {};
  return startProviderSimulator(describedApi(file), {
    port,
    ...(latencyMs !== undefined && { latencyMs }),
    ...(rateLimits?.['*'] && { rateLimits: { '*': rateLimits['*'] } }),
    ...(readLag && { readLag }),
  });
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
    plaidPort: wholeNumber('--plaid-port', plaidPort ?? DEFAULT_PLAID_PORT, PORTS),
    batchPort: wholeNumber('--batch-port', batchPort ?? DEFAULT_BATCH_PORT, PORTS),
    plaid: { ...common, ...readLag },
    batch: common,
  };
}

async function start<T>(portOptions: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const { code, port } = error as NodeJS.ErrnoException & { port?: number };
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EACCES' ? 'may not be used by this user' : 'is taken by another process';
    throw new CommandFailure('Failed', `Port ${port ?? ''} ${why}; choose others with ${portOptions} (0: any).`);
  }
}

interface Started {
  simulators: Simulators;
  others: readonly ProviderSimulator[];
  files: readonly ProviderFile[];
}

/** Invented keys, so that they may be shown. */
function announce(io: Io, { simulators, others, files }: Started, json: boolean): void {
  const { plaid, batch } = simulators;
  const settings = {
    ...simulatorSettings(simulators),
    ...(files.length > 0 && { HTTP_TASKS_PROVIDERS: files.map(({ file }) => resolve(file)).join(',') }),
    ...Object.fromEntries(others.flatMap((other) => Object.entries(providerSettings(other)))),
  };
  if (json) {
    const urls = [['plaid', plaid.url], ['batch', batch.url], ...others.map(({ provider, url }) => [provider, url])];
    return printJson(io, { ...Object.fromEntries(urls.map(([name, url]) => [name, { url }])), settings });
  }
  const rows = [
    ['Plaid', plaid.url],
    ['Batch', batch.url],
  ];
  for (const [index, { url }] of others.entries()) rows.push([files[index]?.provider.title ?? '', url]);
  printTable(
    io,
    ['Simulator', 'URL', 'Control'],
    rows.map(([name = '', url = '']) => [name, url, `${url}/__sim/state`]),
  );
  for (const [name, value] of Object.entries(settings)) print(io, `export ${name}='${value}'`);
  for (const { file } of files.filter(signsInElsewhere))
    say(io, `${file}: its tokenUrl is not simulated here; a worker would fetch access tokens from there.`);
  say(io, 'Ctrl-C stops them.');
}

function signsInElsewhere({ provider }: ProviderFile): boolean {
  return provider.service.credentials.some(({ clientCredentials }) => {
    const urls = [clientCredentials?.tokenUrl ?? []].flatMap((url) =>
      typeof url === 'string' ? [url] : Object.values(url),
    );
    return urls.some((url) => !url.startsWith('/'));
  });
}
