import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import type { RunningTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { freePort } from '@temporal-http-tasks/testing/internal/temporal-server/start';
import { openLedgerDoor } from './ledger-door';
import type { LedgerDoor } from './ledger-door';
import { WorkerCrew } from './worker-crew';
import { setSimulatorRatesFor } from '@temporal-http-tasks/testing/internal/stage/simulator-rates';
import { simulatorSettings } from '@temporal-http-tasks/testing/internal/stage/simulator-settings';
import { endableConnection } from '@temporal-http-tasks/cli/internal/temporal-client';

/** A provider takes its time, the longer the fewer users there are: a sweep must last while its processes are taken away. */
const LATENCY_MS = { least: 60, most: 500, ofAll: 200_000 };

const BYSTANDERS = 50;
const TASK_QUEUE = 'http-tasks';

/** Everything that a sweep needs, each in a process or behind a door of its own, so that it can be taken away. */
export interface Stage {
  client: Client;
  simulators: Simulators;
  workers: WorkerCrew;
  ledger: LedgerDoor;
  /** The settings of the workers. */
  settings: Readonly<Record<string, string>>;
  /** Makes users at both providers, and some bystanders; answers the name of their file. */
  users(prefix: string, count: number): Promise<string>;
  /** Ends the Temporal server and starts it again over the same file. */
  restartServer(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a stage with so many workers. */
export async function openStage(options: {
  workers: number;
  users: number;
  ledgerUrl?: string;
  report: (line: string) => void;
}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-processes-'));
  const undos: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const undo of undos.splice(0).reverse())
      await undo().catch((error: unknown) => options.report(`While ending: ${String(error)}`));
  };
  try {
    const { path: binary } = await findTemporalServer({ report: options.report });
    const [port, dbFilename] = [await freePort(), join(folder, 'temporal.db')];
    const start = (): Promise<RunningTemporalServer> => startTemporalServer({ binary, port, dbFilename });
    let server = await start();
    undos.push(() => server.stop());
    const latencyMs = Math.max(
      LATENCY_MS.least,
      Math.min(LATENCY_MS.most, Math.round(LATENCY_MS.ofAll / options.users)),
    );
    const simulators = await startSimulators({
      plaid: { repeatedRemovals: 'process', latencyMs },
      batch: { latencyMs },
    });
    undos.push(() => simulators.close());
    const ledger = await openLedgerDoor(options.ledgerUrl ?? `file:${join(folder, 'ledger.db')}`);
    undos.push(() => ledger.close());
    const settings = settingsOf({ address: server.address, simulators, ledgerUrl: ledger.url, folder });
    await setSimulatorRatesFor(settings, simulators);
    const { connection, end } = endableConnection({ address: server.address });
    undos.push(end);
    const client = new Client({ connection });
    const workers = new WorkerCrew(settings, folder);
    undos.push(() => workers.stop());
    options.report(`Starting ${options.workers} workers`);
    await workers.start(options.workers);
    return {
      client,
      simulators,
      workers,
      ledger,
      settings,
      users: async (prefix, count) => {
        simulators.plaid.seed({ generate: { count, prefix, itemsPerUser: 1 } });
        simulators.batch.seed({ generate: { count, prefix } });
        for (const seed of [simulators.plaid, simulators.batch])
          seed.seed({ generate: { count: BYSTANDERS, prefix: `bystander-${prefix}` } });
        const file = `${randomUUID()}.csv`;
        const lines = Array.from({ length: count }, (_, index) => `${prefix}${index},${prefix}${index}\n`);
        await writeFile(join(folder, file), `plaid_user_id,batch_user_id\n${lines.join('')}`);
        return file;
      },
      restartServer: async () => {
        await server.stop();
        server = await start();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Nothing of the environment's settings: nothing outside this machine is called. */
function settingsOf(given: {
  address: string;
  simulators: Simulators;
  ledgerUrl: string;
  folder: string;
}): Record<string, string> {
  return {
    TEMPORAL_ADDRESS: given.address,
    TEMPORAL_CONFIG_FILE: join(given.folder, 'no-profile.toml'),
    HTTP_TASKS_TASK_QUEUE: TASK_QUEUE,
    HTTP_TASKS_LEDGER_URL: given.ledgerUrl,
    HTTP_TASKS_SUBJECT_KEY: randomBytes(24).toString('base64url'),
    HTTP_TASKS_SOURCE_DIR: given.folder,
    ...simulatorSettings(given.simulators),
  };
}
