import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { startProviderSimulator } from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import type {
  ProviderSimulator,
  ProviderSimulatorOptions,
} from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import type { Simulators, SimulatorsOptions } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { setSimulatorRatesFor } from '@temporal-http-tasks/testing/internal/stage/simulator-rates';
import { providerSettings } from '@temporal-http-tasks/testing/internal/stage/simulator-settings';
import { Opened, openStage } from '@temporal-http-tasks/testing/internal/stage/stage';
import { findTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { OwnedProcess } from '@temporal-http-tasks/testing/internal/temporal-server/owned-process';
import { Client } from '@temporalio/client';
import { settingsOf } from 'temporal-http-tasks/internal/tasks/service';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { activityPollers } from 'temporal-http-tasks/internal/operator/pollers';
import { createCodecHandler } from 'temporal-http-tasks/internal/codec/codec-handler';
import { startCodecServer } from 'temporal-http-tasks/internal/codec/codec-server';
import type { CodecServer } from 'temporal-http-tasks/internal/codec/codec-server';
import { EncryptionCodec } from 'temporal-http-tasks/internal/codec/encryption-codec';
import { readEncryptionSettings } from 'temporal-http-tasks/internal/config/encryption-settings';
import type { EncryptionSettings } from 'temporal-http-tasks/internal/config/encryption-settings';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { EncryptionPlugin } from 'temporal-http-tasks/internal/encryption-plugin';
import { CommandFailure } from '../program/errors';
import { describedApi } from '../providers/described-api';
import { endableConnection } from '../temporal/client';

const SETTINGS = ['HTTP_TASKS_ENCRYPTION_KEY', 'HTTP_TASKS_ENCRYPTION_KEY_FILE', 'HTTP_TASKS_ENCRYPTION_PLAINTEXT'];

/** Options of a local stack with everything that offboarding needs. */
export interface LocalStackOptions {
  /**
   * The environment to inherit, without the settings of Temporal, of the providers, of this package (except for a key for
   * encryption) and of tracing.
   */
  env: Readonly<Record<string, string | undefined>>;
  simulators: SimulatorsOptions;
  /** Providers of files, with their simulators. @default none */
  providers?: readonly { file: ProviderFile; options?: ProviderSimulatorOptions }[];
  /** The files and folders from which those were read, for HTTP_TASKS_PROVIDERS. @default their files */
  providerPaths?: readonly string[];
  withUi: boolean;
  /** Ports that were named. @default free ones, or the usual ones where these are free */
  ports?: { temporal?: number; ui?: number };
  /** Uses the usual ports where they are free, so that bookmarks and settings outlive a restart. @default false */
  usualPorts?: boolean;
  /**
   * Where the ledger is.
   * @default an embedded one in a temporary folder
   */
  ledgerUrl?: string | undefined;
  /** Further settings of the worker. */
  workerEnv?: Readonly<Record<string, string>>;
  /** Called with what is being brought up. */
  report: (line: string) => void;
  /** Runs after the simulators are there and before the worker is started. */
  beforeWorker?(settings: Readonly<Record<string, string>>): Promise<void>;
  /** Aborts between the starts of two parts. */
  signal: AbortSignal;
}

/** A Temporal server, both simulators, an own ledger and a worker. */
export interface LocalStack {
  address: string;
  uiUrl?: string;
  /** Payloads are encrypted, under the user's own key. */
  encrypted: boolean;
  /** The codec server for the UI. */
  codecUrl?: string;
  simulators: Simulators;
  /** The simulators of provider files. */
  others: readonly ProviderSimulator[];
  client: Client;
  taskQueue: string;
  /** What another terminal has to export in order to use it, except the user's own encryption key. */
  settings: Readonly<Record<string, string>>;
  workerLog: string;
  workerPid: number;
  /** Starts one more worker; resolves when it polls. It ends with the stack if it was not ended before. */
  addWorker: () => Promise<AddedWorker>;
  /** From the start of the worker's process until it asked for tasks, in milliseconds. */
  workerStartMs: number;
}

/** A further worker of a local stack. */
export interface AddedWorker {
  pid: number;
  /** From the start of its process until it asked for tasks, in milliseconds. */
  startMs: number;
  end: () => Promise<void>;
}

const TASK_QUEUE = 'http-tasks';
const OURS = /^(TEMPORAL|PLAID|BATCH|HTTP_TASKS|OTEL)_/;
const MAIN = join(__dirname, '..', '..', 'bin', 'http-tasks.js');
const WORKER_READY_MS = 90_000;
const POLL_MS = 50;

/**
 * Starts a whole stack, uses it, and always ends it in the order worker, simulators, server. It ignores
 * the environment's settings for Temporal, the providers and the ledger: nothing outside this machine is called, and
 * the ledger lives in a temporary folder that is removed at the end. A key for encryption is used as it is set.
 */
export async function withLocalStack<T>(
  options: LocalStackOptions,
  use: (stack: LocalStack) => Promise<T>,
): Promise<T> {
  const opened = new Opened(options.report);
  try {
    const { stack, signal } = await bringUp(options, opened);
    return await stack.client.withAbortSignal(signal, () => use(stack));
  } finally {
    await opened.end();
  }
}

async function bringUp(
  options: LocalStackOptions,
  opened: Opened,
): Promise<{ stack: LocalStack; signal: AbortSignal }> {
  const { report, signal } = options;
  const encryption = localEncryption(options.env);
  const { path: binary } = await Promise.race([findTemporalServer({ report }), rejectWhenStopped(signal)]);
  const codec = await openCodec(options.withUi, encryption, opened);
  const { folder, server, simulators, ...stage } = await openStage(opened, {
    binary,
    server: () => ({
      ...serverPorts(options),
      ...(codec && { uiCodecEndpoint: codec.url }),
    }),
    simulators: options.simulators,
    usualPorts: options.usualPorts,
    ledgerUrl: options.ledgerUrl,
  });
  codec?.allow(server.uiUrl ?? '');
  refuseWhenStopped(signal);
  const others = await startOthers(options, opened);
  const settings = {
    ...stage.settings,
    ...othersSettings(options, others),
    ...(server.uiUrl !== undefined && { HTTP_TASKS_TEMPORAL_UI: server.uiUrl }),
  };
  const { connection, signal: ended, end } = endableConnection({ address: server.address });
  opened.add(end);
  const client = new Client({ connection, plugins: encryption.plugins });
  await setSimulatorRatesFor(settings, simulators);
  await options.beforeWorker?.(settings);
  refuseWhenStopped(signal);
  report('Starting a worker');
  const workerLog = join(folder, 'worker.log');
  // The caller makes its own examples, with a user whom the simulators know.
  const own = { HTTP_TASKS_START_TEMPLATES: 'off' };
  const ours = {
    ...settings,
    ...own,
    ...encryption.env,
    ...options.workerEnv,
    TEMPORAL_CONFIG_FILE: await emptyProfile(folder),
  };
  const env = { ...surroundings(options), ...ours };
  let workers = 0;
  const startWorker = async (): Promise<AddedWorker> => {
    const startedAt = performance.now();
    const logFile = workers === 0 ? workerLog : join(folder, `worker-${workers + 1}.log`);
    workers += 1;
    const started = await OwnedProcess.start({ command: process.execPath, args: [MAIN, 'worker'], env, logFile });
    opened.add(() => started.stop());
    await untilPolling(client, started, signal);
    return { pid: started.pid, startMs: performance.now() - startedAt, end: () => started.stop() };
  };
  const worker = await startWorker();
  const { address, uiUrl } = server;
  const encrypted = encryption.settings !== undefined;
  const urls = { ...(uiUrl !== undefined && { uiUrl }), ...(codec && { codecUrl: codec.url }) };
  const stack = {
    address,
    ...urls,
    encrypted,
    simulators,
    others,
    client,
    taskQueue: TASK_QUEUE,
    settings,
    workerLog,
    workerPid: worker.pid,
    workerStartMs: worker.startMs,
    addWorker: startWorker,
  };
  return { stack, signal: ended };
}

async function startOthers({ providers = [] }: LocalStackOptions, opened: Opened): Promise<ProviderSimulator[]> {
  const others: ProviderSimulator[] = [];
  for (const { file, options } of providers) {
    const simulator = await startProviderSimulator(describedApi(file), options ?? {});
    opened.add(() => simulator.close());
    others.push(simulator);
  }
  return others;
}

function othersSettings(
  { providers = [], providerPaths = providers.map(({ file }) => file.file) }: LocalStackOptions,
  others: readonly ProviderSimulator[],
): Record<string, string> {
  if (providers.length === 0) return {};
  const paths = providerPaths.map((path) => resolve(path)).join(',');
  // Named, so that a command whose own environment has another one is refused.
  const environments = providers.map(({ file: { provider } }) => environmentSettings(provider.service));
  const settings: Record<string, string>[] = [...environments, ...others.map(providerSettings)];
  return Object.assign({ HTTP_TASKS_PROVIDERS: paths }, ...settings) as Record<string, string>;
}

function environmentSettings({ environmentSetting, defaultEnvironment }: ServiceDefinition): Record<string, string> {
  return environmentSetting === undefined || defaultEnvironment === undefined
    ? {}
    : { [environmentSetting]: defaultEnvironment };
}

/** The settings of providers in the environment name their real APIs and keys, and those of accounts, too. */
function settingsOfProviders({ providers = [] }: LocalStackOptions): (name: string) => boolean {
  const names = providers.flatMap(({ file: { provider } }) => {
    const { service } = provider;
    const { environmentSetting, baseUrlSetting, placementSetting, credentials } = service;
    return [environmentSetting, baseUrlSetting, placementSetting, ...credentials.flatMap(settingsOf)];
  });
  const known = names.filter((name) => name !== undefined);
  return (name) => known.some((own) => name === own || name === `${own}_FILE` || name.startsWith(`${own}__`));
}

function serverPorts({ withUi, ports = {}, usualPorts = false }: LocalStackOptions) {
  return {
    ...(ports.temporal !== undefined && { port: ports.temporal }),
    ...(usualPorts && { usualPorts: { frontend: 7233, ui: 8233 } }),
    ...(withUi && { uiPort: ports.ui ?? ('free' as const) }),
  };
}

/** The UI reads encrypted payloads through a codec server in this process. */
async function openCodec(withUi: boolean, { settings }: LocalEncryption, opened: Opened) {
  const codec = withUi && settings ? await serveCodecForUi(settings) : undefined;
  if (codec) opened.add(() => codec.close());
  return codec;
}

function refuseWhenStopped(signal: AbortSignal): void {
  if (signal.aborted)
    throw new CommandFailure('Interrupted', 'Stopped before everything was up; what was up is ended.');
}

async function rejectWhenStopped(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  refuseWhenStopped(signal);
  throw new Error('unreachable');
}

/** A profile of the user would use its own TLS and keys for our server. */
async function emptyProfile(folder: string): Promise<string> {
  const file = join(folder, 'temporal.toml');
  await writeFile(file, '[profile.default]\n');
  return file;
}

function surroundings(options: LocalStackOptions): Record<string, string | undefined> {
  const isOfProvider = settingsOfProviders(options);
  return Object.fromEntries(Object.entries(options.env).filter(([name]) => !OURS.test(name) && !isOfProvider(name)));
}

async function untilPolling(client: Client, worker: OwnedProcess, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + WORKER_READY_MS;
  const isItsOwn = (identity: string): boolean => identity.startsWith(`${worker.pid}@`);
  while (!(await activityPollers(client, TASK_QUEUE)).some(isItsOwn)) {
    refuseWhenStopped(signal);
    if (!worker.running)
      throw new CommandFailure('Failed', `The worker ended before it was ready:\n${await worker.logTail()}`);
    if (Date.now() > deadline)
      throw new CommandFailure(
        'Failed',
        `The worker was not ready within ${WORKER_READY_MS / 1_000} s:\n${await worker.logTail()}`,
      );
    await delay(POLL_MS);
  }
}

/** How a local stack encrypts: with the user's own keys, or not at all. */
interface LocalEncryption {
  /** The settings for the worker. They contain a key: never print them. */
  env: Readonly<Record<string, string>>;
  /** For the client. */
  plugins: EncryptionPlugin[];
  settings?: EncryptionSettings;
}

/**
 * Takes the keys that the environment has.
 *
 * @throws SettingsError when they cannot be used.
 */
function localEncryption(env: Env): LocalEncryption {
  const settings = readEncryptionSettings(env);
  if (!settings) return { env: {}, plugins: [] };
  const own = SETTINGS.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  return { env: Object.fromEntries(own), plugins: [new EncryptionPlugin({ settings })], settings };
}

/** Serves the codec for a UI of this machine that is yet to be started. */
async function serveCodecForUi({ keys }: EncryptionSettings): Promise<CodecServer & { allow(uiUrl: string): void }> {
  const uiOrigins: string[] = [];
  const server = await startCodecServer(createCodecHandler({ codec: new EncryptionCodec(keys), uiOrigins }), {
    port: 0,
  });
  return {
    ...server,
    allow: (uiUrl) => {
      // It is opened under either name.
      uiOrigins.push(uiUrl, uiUrl.replace('127.0.0.1', 'localhost'));
    },
  };
}
