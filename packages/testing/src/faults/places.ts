import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, bundleWorkflowCode } from '@temporalio/worker';
import type { Logger, WorkerOptions } from '@temporalio/worker';
import { readSettings } from 'temporal-http-tasks/internal/config/settings';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { Provider } from 'temporal-http-tasks/internal/providers/definition';
import { startSimulators } from '../simulators/start-simulators';
import type { Simulators } from '../simulators/start-simulators';
import { createHttpTasksWorker } from 'temporal-http-tasks/internal/worker';
import { WORKFLOWS } from 'temporal-http-tasks/internal/workflow-modules';
import { setSimulatorRates } from '../stage/simulator-rates';
import { simulatorSettings } from '../stage/simulator-settings';

/** A call's whole time: short, so that one that hangs costs little, and more than a busy machine takes for any other. */
const TOTAL_TIMEOUT_MS = '4000';
const SUBJECT_KEY = 'a key for the matrix of faults only';
/** Calls that hang must not keep the others from being made. */
const MOST_ACTIVITIES = 400;

const nothing = (): void => undefined;

/** Swallows the SDK's log lines: failed attempts are what is tried here. */
export const QUIET: Logger = {
  log: nothing,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};

/** Where workers are started as they are needed. */
export interface Stage {
  client: Client;
  /** Starts a worker. @param env Settings that replace the stage's. */
  openPlace(env?: Readonly<Record<string, string>>): Promise<Place>;
  close(): Promise<void>;
}

/** A worker with a ledger of its own. Rates and refused keys are shared within a ledger and a process, and not beyond. */
export interface Place {
  client: Client;
  taskQueue: string;
  ledger: OpenedLedger;
  /** Ends the worker when its calls are over. */
  stopWorker(): Promise<void>;
  close(): Promise<void>;
}

/** The stage of the matrix. */
export interface World extends Stage {
  simulators: Simulators;
  /** The names of the apps at Batch. */
  apps: readonly string[];
}

/** Where the workflows come from, if they were bundled before. */
export type Bundle = NonNullable<WorkerOptions['workflowBundle']>;

/** What a stage is opened with. */
export interface StageOptions {
  address: string;
  bundle?: Bundle | undefined;
  /** The settings under which the workers call the simulators. */
  settings: Readonly<Record<string, string>>;
  /** Providers of the workers besides Plaid and Batch, which are then not configured. */
  providers?: readonly Provider[];
  /** Sets limits that no run reaches. */
  setRates: (ledger: OpenedLedger) => Promise<void>;
}

/** Opens simulators and a connection to Temporal; places are opened as they are needed. */
export async function openWorld({ address, bundle }: Pick<StageOptions, 'address' | 'bundle'>): Promise<World> {
  // A second removal is carried out instead of refused, so that a blind repetition is seen.
  const simulators = await startSimulators({ plaid: { repeatedRemovals: 'process' } });
  const stage = await openStage({
    address,
    bundle,
    settings: simulatorSettings(simulators),
    setRates: (ledger) => setSimulatorRates(ledger, simulators),
  });
  const close = async (): Promise<void> => {
    await stage.close();
    await simulators.close();
  };
  return { ...stage, simulators, apps: Object.keys(simulators.batch.appKeys), close };
}

/** Connects to Temporal; places are opened as they are needed. */
export async function openStage({ address, bundle, settings: env, providers, setRates }: StageOptions): Promise<Stage> {
  const workflowBundle = bundle ?? (await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: QUIET }));
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-faults-'));
  const [connection, native] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
  ]);
  const client = new Client({ connection });
  const open = new Set<Place>();
  const close = async (): Promise<void> => {
    await Promise.all([...open].map((place) => place.close()));
    await Promise.all([connection.close(), native.close()]);
    await rm(folder, { recursive: true, force: true });
  };
  const openPlace = async (own: Readonly<Record<string, string>> = {}): Promise<Place> => {
    const taskQueue = `faults-${randomUUID()}`;
    const url = `file:${join(folder, `${taskQueue}.db`)}`;
    const services = providers?.map(({ service }) => service);
    const settings = readSettings({ ...env, ...settingsOf(taskQueue, url), ...own }, services);
    const worker = await createHttpTasksWorker({
      settings,
      connection: native,
      ...(providers && { providers }),
      worker: { workflowBundle, maxConcurrentActivityTaskExecutions: MOST_ACTIVITIES },
    });
    const run = worker.run();
    while (worker.getState() === 'INITIALIZED') await Promise.race([run, delay(5)]);
    const ledger = await openLedger({ url, subjectKey: SUBJECT_KEY });
    await setRates(ledger);
    const place: Place = {
      client,
      taskQueue,
      ledger,
      stopWorker: async () => {
        if (worker.getState() === 'RUNNING') worker.shutdown();
        await run;
      },
      close: async () => {
        open.delete(place);
        await place.stopWorker();
        await ledger.close();
      },
    };
    open.add(place);
    return place;
  };
  return { client, openPlace, close };
}

function settingsOf(taskQueue: string, ledgerUrl: string): Record<string, string> {
  return {
    HTTP_TASKS_LEDGER_URL: ledgerUrl,
    HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
    HTTP_TASKS_TASK_QUEUE: taskQueue,
    HTTP_TASKS_TOTAL_TIMEOUT_MS: TOTAL_TIMEOUT_MS,
    HTTP_TASKS_SEARCH_ATTRIBUTES: 'off',
  };
}
