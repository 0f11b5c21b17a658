import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';
import { readEncryptionSettings } from 'temporal-http-tasks/internal/config/encryption-settings';
import type { EncryptionSettings } from 'temporal-http-tasks/internal/config/encryption-settings';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { EncryptionPlugin } from 'temporal-http-tasks/internal/encryption-plugin';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { SubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { HttpTasksPlugin } from 'temporal-http-tasks/internal/plugin';
import { ownProviders } from 'temporal-http-tasks/internal/plugin-parts';
import { servicesOf } from 'temporal-http-tasks/internal/providers/provider-set';
import type { HttpTasksPluginOptions } from 'temporal-http-tasks/internal/plugin-options';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators, SimulatorsOptions } from '@temporal-http-tasks/testing';
import { endIdleRuntime, silenceTemporal } from './quiet-runtime';
import { freshTaskQueue, temporalAddress } from './temporal';
import { encryptedWorkflowBundle, workflowBundle } from './workflow-bundle';
import { setSimulatorRates } from '@temporal-http-tasks/testing/internal/stage/simulator-rates';
import { simulatorSettings } from '@temporal-http-tasks/testing/internal/stage/simulator-settings';

export const SUBJECT_KEY = 'a subject key for tests only';

/** A place where offboarding runs for real: Temporal, simulators, a ledger, and as many workers as a test wants. */
export interface Place {
  client: Client;
  taskQueue: string;
  simulators: Simulators;
  /** The settings of a worker here; a test may change them before it starts one. */
  env: Record<string, string>;
  /** A second view of the ledger that the workers write. */
  ledger: OpenedLedger;
  /** The file that holds the ledger, unless the place was given another address. */
  ledgerFile: string;
  hasher: SubjectHasher;
  /** Starts a worker that runs until the place is closed or `stop` is called. */
  startWorker(options?: PlaceWorkerOptions): Promise<RunningWorker>;
  close(): Promise<void>;
}

/** What a test may choose about its place. */
export interface PlaceOptions extends SimulatorsOptions {
  /** Another Temporal server than the test run's. */
  temporal?: string;
  /** Where the ledger is. @default a file of its own */
  ledgerUrl?: string;
  /** Where the test's own view of the ledger looks. @default ledgerUrl */
  ledgerViewUrl?: string;
  subjectKey?: string;
  /** More settings for the workers. */
  env?: Record<string, string>;
}

export interface PlaceWorkerOptions {
  plugin?: HttpTasksPluginOptions;
  worker?: Partial<WorkerOptions>;
}

export interface RunningWorker {
  worker: Worker;
  stop(): Promise<void>;
}

/** Opens a place. Timeouts are short, so that a stalled provider is noticed within seconds. */
export async function openPlace(options: PlaceOptions = {}): Promise<Place> {
  silenceTemporal();
  const {
    temporal = temporalAddress(),
    ledgerUrl: givenUrl,
    ledgerViewUrl,
    subjectKey = SUBJECT_KEY,
    env: moreEnv,
    ...simulated
  } = options;
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-test-'));
  const ledgerFile = join(folder, 'ledger.db');
  const ledgerUrl = givenUrl ?? `file:${ledgerFile}`;
  const simulators = await startSimulators(simulated);
  const taskQueue = freshTaskQueue('offboarding');
  const env = {
    ...environmentOf(simulators, { taskQueue, ledgerUrl }),
    HTTP_TASKS_SUBJECT_KEY: subjectKey,
    ...moreEnv,
  };
  const [connection, ledger] = await Promise.all([
    Connection.connect({ address: temporal }),
    openLedger({ url: ledgerViewUrl ?? ledgerUrl, subjectKey }),
  ]);
  await setSimulatorRates(ledger, simulators);
  const running: RunningWorker[] = [];
  return {
    client: new Client({ connection, plugins: encryptionOf(readEncryptionSettings(env)) }),
    taskQueue,
    simulators,
    env,
    ledger,
    ledgerFile,
    hasher: createSubjectHasher(subjectKey),
    startWorker: async (workerOptions) => {
      const worker = await startWorker(temporal, env, taskQueue, workerOptions);
      running.push(worker);
      return worker;
    },
    close: async () => {
      await Promise.all(running.map((worker) => worker.stop()));
      await Promise.all([connection.close(), ledger.close(), simulators.close()]);
      if (running.length === 0) await endIdleRuntime(temporal);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The settings under which a worker calls these simulators and nothing else. */
export function environmentOf(
  simulators: Simulators,
  { taskQueue, ledgerUrl }: { taskQueue: string; ledgerUrl: string },
): Record<string, string> {
  return {
    ...simulatorSettings(simulators),
    HTTP_TASKS_LEDGER_URL: ledgerUrl,
    HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
    HTTP_TASKS_TASK_QUEUE: taskQueue,
    HTTP_TASKS_TOTAL_TIMEOUT_MS: '1500',
  };
}

async function startWorker(
  temporal: string,
  env: Record<string, string>,
  taskQueue: string,
  { plugin, worker: more }: PlaceWorkerOptions = {},
): Promise<RunningWorker> {
  const services = [...new Set([...CATALOGUE_SERVICES, ...(plugin?.tasks ?? []).map(({ service }) => service)])];
  const settings = readSettings(env, services, servicesOf(ownProviders(plugin ?? {})));
  const connection = await NativeConnection.connect({ address: temporal });
  const worker = await Worker.create({
    connection,
    taskQueue,
    ...(more?.workflowsPath
      ? {}
      : { workflowBundle: await (settings.encryption ? encryptedWorkflowBundle() : workflowBundle()) }),
    ...more,
    plugins: [new HttpTasksPlugin({ env, settings, ...plugin }), ...encryptionOf(settings.encryption)],
  });
  const run = worker.run();
  await untilPolling(worker, connection, run);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await run;
    await connection.close();
  };
  return { worker, stop: () => (stopping ??= stop()) };
}

function encryptionOf(settings: EncryptionSettings | undefined): EncryptionPlugin[] {
  return settings ? [new EncryptionPlugin({ settings })] : [];
}

/** `TASK_QUEUE_TYPE_WORKFLOW` of Temporal's API. */
const WORKFLOW = 1;

/** A worker polls only once its ledger is open, and the server knows of it a moment later. */
async function untilPolling(worker: Worker, { workflowService }: NativeConnection, run: Promise<void>): Promise<void> {
  const { namespace, taskQueue } = worker.options;
  const isPolled = async (): Promise<boolean> => {
    if (worker.getState() === 'INITIALIZED') return false;
    if (worker.getState() !== 'RUNNING') return true;
    const queue = { namespace, taskQueue: { name: taskQueue }, taskQueueType: WORKFLOW };
    return (await workflowService.describeTaskQueue(queue)).pollers.length > 0;
  };
  while (!(await isPolled())) await Promise.race([run, delay(5)]);
}

/** An id that no other test uses. */
export function freshId(prefix: string): string {
  return `${prefix}-${randomUUID()}`;
}
