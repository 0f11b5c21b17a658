import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import type { Simulators, SimulatorsOptions } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import type { RunningTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { activityPollers } from 'temporal-http-tasks/internal/operator/pollers';
import { OwnedProcess } from '@temporal-http-tasks/testing/internal/temporal-server/owned-process';
import type { ProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import { startProviderSimulator } from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import type {
  ProviderSimulator,
  ProviderSimulatorOptions,
} from '@temporal-http-tasks/testing/internal/simulators/described/provider-simulator';
import { CommandFailure } from './errors';
import { describedApi } from './providers/described-api';
import { localEncryption, serveCodecForUi } from './local-encryption';
import type { LocalEncryption } from './local-encryption';
import { setSimulatorRatesFor } from '@temporal-http-tasks/testing/internal/stage/simulator-rates';
import { providerSettings, simulatorSettings } from '@temporal-http-tasks/testing/internal/stage/simulator-settings';
import { endableConnection } from './temporal-client';

/** How to bring up everything that off-boarding needs on this machine. */
export interface LocalStackOptions {
  /** The environment to inherit; what it says about Temporal, the providers, us or where traces go is left out, but for a key for encryption. */
  env: Readonly<Record<string, string | undefined>>;
  simulators: SimulatorsOptions;
  /** Providers of files, with their simulators. @default none */
  providers?: readonly { file: ProviderFile; options: ProviderSimulatorOptions }[];
  withUi: boolean;
  /** Ports that a person named. @default free ones, or the usual ones where these are free */
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
  /** Told what is being brought up. */
  report: (line: string) => void;
  /** Runs after the simulators are there and before the worker is started. */
  beforeWorker?(settings: Readonly<Record<string, string>>): Promise<void>;
  /** Gives up between two things that are brought up. */
  signal: AbortSignal;
}

/** A Temporal server, both simulators, an own ledger and a worker. */
export interface LocalStack {
  address: string;
  uiUrl?: string;
  /** Payloads are encrypted, under the person's own key. */
  encrypted: boolean;
  /** Where the UI has them decrypted. */
  codecUrl?: string;
  simulators: Simulators;
  /** The simulators of provider files. */
  others: readonly ProviderSimulator[];
  client: Client;
  taskQueue: string;
  /** What another terminal has to export in order to use all of this, but for the person's own encryption key. */
  settings: Readonly<Record<string, string>>;
  workerLog: string;
  workerPid: number;
  /** Starts one more worker; resolves once it polls, to what ends it. Workers that are left end with the stack. */
  addWorker: () => Promise<() => Promise<void>>;
  /** From the start of the worker's process until it asked for tasks, in milliseconds. */
  workerStartMs: number;
}

const TASK_QUEUE = 'http-tasks';
const OURS = /^(TEMPORAL|PLAID|BATCH|HTTP_TASKS|OTEL)_/;
const MAIN = join(__dirname, 'main.js');
const WORKER_READY_MS = 90_000;
const POLL_MS = 50;

type Undo = () => Promise<unknown>;

/**
 * Brings a whole stack up, uses it, and ends it in the order worker, simulators, server, whatever happens. It ignores
 * the environment's settings for Temporal, the providers and the ledger: nothing outside this machine is called, and
 * the ledger lives in a temporary folder that is removed at the end. A key for encryption is used as it is set.
 */
export async function withLocalStack<T>(
  options: LocalStackOptions,
  use: (stack: LocalStack) => Promise<T>,
): Promise<T> {
  const undos: Undo[] = [];
  try {
    const { stack, signal } = await bringUp(options, undos);
    return await stack.client.withAbortSignal(signal, () => use(stack));
  } finally {
    // Also when one of them cannot be ended, the others are.
    for (const undo of undos.reverse())
      await undo().catch((error: unknown) => options.report(`While ending: ${String(error)}`));
  }
}

async function bringUp(options: LocalStackOptions, undos: Undo[]): Promise<{ stack: LocalStack; signal: AbortSignal }> {
  const { report, signal } = options;
  const encryption = localEncryption(options.env);
  const folder = await ownFolder(undos);
  const binary = await Promise.race([findTemporalServer({ report }), rejectWhenStopped(signal)]);
  const { server, codecUrl } = await startServer(binary.path, options, encryption, undos);
  refuseWhenStopped(signal);
  const simulators = await startSimulatorsOn(options);
  undos.push(() => simulators.close());
  const others = await startOthers(options, undos);
  const settings = {
    ...settingsFor(server.address, simulators, options.ledgerUrl ?? `file:${join(folder, 'ledger.db')}`),
    ...othersSettings(options, others),
    ...(server.uiUrl !== undefined && { HTTP_TASKS_TEMPORAL_UI: server.uiUrl }),
  };
  const { connection, signal: ended, end } = endableConnection({ address: server.address });
  undos.push(end);
  const client = new Client({ connection, plugins: encryption.plugins });
  await setSimulatorRatesFor(settings, simulators);
  await options.beforeWorker?.(settings);
  refuseWhenStopped(signal);
  report('Starting a worker');
  const workerLog = join(folder, 'worker.log');
  // Whoever brings this up makes its own examples, with a user whom the simulators know.
  const own = { HTTP_TASKS_START_TEMPLATES: 'off' };
  const ours = {
    ...settings,
    ...own,
    ...encryption.env,
    ...options.workerEnv,
    TEMPORAL_CONFIG_FILE: await emptyProfile(folder),
  };
  const env = { ...surroundings(options.env), ...ours };
  let workers = 0;
  const startWorker = async (): Promise<OwnedProcess> => {
    const logFile = workers === 0 ? workerLog : join(folder, `worker-${workers + 1}.log`);
    workers += 1;
    const started = await OwnedProcess.start({ command: process.execPath, args: [MAIN, 'worker'], env, logFile });
    undos.push(() => started.stop());
    await untilPolling(client, started, signal);
    return started;
  };
  const startedAt = performance.now();
  const worker = await startWorker();
  const workerStartMs = performance.now() - startedAt;
  const { address, uiUrl } = server;
  const encrypted = encryption.settings !== undefined;
  const urls = { ...(uiUrl !== undefined && { uiUrl }), ...(codecUrl !== undefined && { codecUrl }) };
  const addWorker = async (): Promise<() => Promise<void>> => {
    const added = await startWorker();
    return () => added.stop();
  };
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
    workerStartMs,
    addWorker,
  };
  return { stack, signal: ended };
}

/** Ports of the simulators, as of `http-tasks simulate`. */
const SIMULATOR_PORTS = { plaidPort: 4010, batchPort: 4020 };

async function startSimulatorsOn({ simulators, usualPorts = false }: LocalStackOptions): Promise<Simulators> {
  if (!usualPorts) return startSimulators(simulators);
  try {
    return await startSimulators({ ...simulators, ...SIMULATOR_PORTS });
  } catch {
    // Another process has one of these ports.
    return startSimulators(simulators);
  }
}

async function startOthers({ providers = [] }: LocalStackOptions, undos: Undo[]): Promise<ProviderSimulator[]> {
  const others: ProviderSimulator[] = [];
  for (const { file, options } of providers) {
    const simulator = await startProviderSimulator(describedApi(file), options);
    undos.push(() => simulator.close());
    others.push(simulator);
  }
  return others;
}

function othersSettings(
  { providers = [] }: LocalStackOptions,
  others: readonly ProviderSimulator[],
): Record<string, string> {
  if (providers.length === 0) return {};
  const files = providers.map(({ file }) => file.file).join(',');
  return Object.assign({ HTTP_TASKS_PROVIDERS: files }, ...others.map(providerSettings)) as Record<string, string>;
}

/** The UI reads encrypted payloads through a codec server in this process. */
async function startServer(
  binary: string,
  { withUi, ports = {}, usualPorts = false }: LocalStackOptions,
  { settings }: LocalEncryption,
  undos: Undo[],
): Promise<{ server: RunningTemporalServer; codecUrl?: string }> {
  const codec = withUi && settings ? await serveCodecForUi(settings) : undefined;
  if (codec) undos.push(() => codec.close());
  const server = await startTemporalServer({
    binary,
    ...(ports.temporal !== undefined && { port: ports.temporal }),
    ...(usualPorts && { usualPorts: { frontend: 7233, ui: 8233 } }),
    ...(withUi && { uiPort: ports.ui ?? ('free' as const) }),
    ...(codec && { uiCodecEndpoint: codec.url }),
  });
  undos.push(() => server.stop());
  codec?.allow(server.uiUrl ?? '');
  return { server, ...(codec && { codecUrl: codec.url }) };
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

async function ownFolder(undos: Undo[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-stack-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  // Also when something ends the process without letting us finish.
  process.once('exit', remove);
  undos.push(async () => {
    process.off('exit', remove);
    remove();
  });
  return folder;
}

/** A profile of the person's would bring its own TLS and keys to our server. */
async function emptyProfile(folder: string): Promise<string> {
  const file = join(folder, 'temporal.toml');
  await writeFile(file, '[profile.default]\n');
  return file;
}

/** The settings under which a worker or a command uses these simulators and nothing else; all keys are invented. */
function settingsFor(address: string, simulators: Simulators, ledgerUrl: string): Record<string, string> {
  return {
    TEMPORAL_ADDRESS: address,
    HTTP_TASKS_LEDGER_URL: ledgerUrl,
    HTTP_TASKS_SUBJECT_KEY: randomBytes(24).toString('base64url'),
    ...simulatorSettings(simulators),
  };
}

function surroundings(env: LocalStackOptions['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OURS.test(name)));
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
