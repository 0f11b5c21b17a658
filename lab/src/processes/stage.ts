import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { findTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { freePort } from '@temporal-http-tasks/testing/internal/temporal-server/start';
import { openLedgerProxy } from './ledger-proxy';
import type { LedgerProxy } from './ledger-proxy';
import { WorkerGroup } from './worker-group';
import { setSimulatorRatesFor } from '@temporal-http-tasks/testing/internal/stage/simulator-rates';
import { Opened, openStage as openBareStage } from '@temporal-http-tasks/testing/internal/stage/stage';
import { endableConnection } from '@temporal-http-tasks/cli/internal/temporal/client';

/**
 * Latency of the providers, in milliseconds; higher for fewer users, so that a sweep lasts while its processes are
 * interrupted.
 */
const LATENCY_MS = { least: 60, most: 500, ofAll: 200_000 };

const BYSTANDERS = 50;
const TASK_QUEUE = 'http-tasks';

/**
 * Everything that a sweep needs, each in a process or behind a connection of its own, so that it can be interrupted.
 */
export interface Stage {
  client: Client;
  simulators: Simulators;
  workers: WorkerGroup;
  ledger: LedgerProxy;
  /** The settings of the workers. */
  settings: Readonly<Record<string, string>>;
  /** Creates users at both providers, and some bystanders; returns the name of their file. */
  users(prefix: string, count: number): Promise<string>;
  /** Ends the Temporal server and starts it again with the same file. */
  restartServer(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a stage with this number of workers. */
export async function openStage(options: {
  workers: number;
  users: number;
  ledgerUrl?: string;
  report: (line: string) => void;
}): Promise<Stage> {
  const opened = new Opened(options.report);
  try {
    const { path: binary } = await findTemporalServer({ report: options.report });
    const port = await freePort();
    const latencyMs = Math.max(
      LATENCY_MS.least,
      Math.min(LATENCY_MS.most, Math.round(LATENCY_MS.ofAll / options.users)),
    );
    const stage = await openBareStage(opened, {
      binary,
      server: (folder) => ({ port, dbFilename: join(folder, 'temporal.db') }),
      simulators: { plaid: { repeatedRemovals: 'process', latencyMs }, batch: { latencyMs } },
      ledgerUrl: options.ledgerUrl,
    });
    const { folder, server, simulators, restartServer } = stage;
    const ledger = await openLedgerProxy(stage.settings['HTTP_TASKS_LEDGER_URL'] ?? '');
    opened.add(() => ledger.close());
    // None of the environment's settings, so that nothing outside this machine is called.
    const settings = {
      ...stage.settings,
      TEMPORAL_CONFIG_FILE: join(folder, 'no-profile.toml'),
      HTTP_TASKS_TASK_QUEUE: TASK_QUEUE,
      HTTP_TASKS_LEDGER_URL: ledger.url,
      HTTP_TASKS_SOURCE_DIR: folder,
    };
    await setSimulatorRatesFor(settings, simulators);
    const { connection, end } = endableConnection({ address: server.address });
    opened.add(end);
    const client = new Client({ connection });
    const workers = new WorkerGroup(settings, folder);
    opened.add(() => workers.stop());
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
      restartServer,
      close: () => opened.end(),
    };
  } catch (error) {
    await opened.end();
    throw error;
  }
}
