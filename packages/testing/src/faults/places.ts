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

/** What all places share. */
export interface World {
  client: Client;
  simulators: Simulators;
  /** The names of the apps at Batch. */
  apps: readonly string[];
  openPlace(env?: Readonly<Record<string, string>>): Promise<Place>;
  close(): Promise<void>;
}

/** A worker with a ledger of its own. Rates and refused keys are shared within a ledger and a process, and not beyond. */
export interface Place {
  client: Client;
  simulators: Simulators;
  taskQueue: string;
  ledger: OpenedLedger;
  /** Ends the worker when its calls are over. */
  stopWorker(): Promise<void>;
  close(): Promise<void>;
}

/** Where the workflows come from, if they were bundled before. */
export type Bundle = NonNullable<WorkerOptions['workflowBundle']>;

/** Opens simulators and a connection to Temporal; places are opened as they are needed. */
export async function openWorld({ address, bundle }: { address: string; bundle?: Bundle }): Promise<World> {
  const workflowBundle = bundle ?? (await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: QUIET }));
  // A second removal is carried out instead of refused, so that a blind repetition is seen.
  const simulators = await startSimulators({ plaid: { repeatedRemovals: 'process' } });
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-faults-'));
  const [connection, native] = await Promise.all([
    Connection.connect({ address }),
    NativeConnection.connect({ address }),
  ]);
  const client = new Client({ connection });
  const open = new Set<Place>();
  const close = async (): Promise<void> => {
    await Promise.all([...open].map((place) => place.close()));
    await Promise.all([connection.close(), native.close(), simulators.close()]);
    await rm(folder, { recursive: true, force: true });
  };
  const openPlace = async (env: Readonly<Record<string, string>> = {}): Promise<Place> => {
    const taskQueue = `faults-${randomUUID()}`;
    const url = `file:${join(folder, `${taskQueue}.db`)}`;
    const settings = readSettings({ ...environmentOf(simulators, taskQueue, url), ...env });
    const worker = await createHttpTasksWorker({
      settings,
      connection: native,
      worker: { workflowBundle, maxConcurrentActivityTaskExecutions: MOST_ACTIVITIES },
    });
    const run = worker.run();
    while (worker.getState() === 'INITIALIZED') await Promise.race([run, delay(5)]);
    const ledger = await openLedger({ url, subjectKey: SUBJECT_KEY });
    await setSimulatorRates(ledger, simulators);
    const place: Place = {
      client,
      simulators,
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
  return { client, simulators, apps: Object.keys(simulators.batch.appKeys), openPlace, close };
}

function environmentOf(simulators: Simulators, taskQueue: string, ledgerUrl: string): Record<string, string> {
  return {
    ...simulatorSettings(simulators),
    HTTP_TASKS_LEDGER_URL: ledgerUrl,
    HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
    HTTP_TASKS_TASK_QUEUE: taskQueue,
    HTTP_TASKS_TOTAL_TIMEOUT_MS: TOTAL_TIMEOUT_MS,
    HTTP_TASKS_SEARCH_ATTRIBUTES: 'off',
  };
}
