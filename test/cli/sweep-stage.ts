import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { SweepDocument } from '@temporal-http-tasks/cli/internal/sweep/sweep-report';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { setSimulatorRatesFor } from '@temporal-http-tasks/testing/internal/stage/simulator-rates';
import { environmentOf } from '../support/offboarding';
import { PATIENCE_MS } from '../support/offboarding-runs';
import { connectClient, freshTaskQueue, temporalAddress } from '../support/temporal';
import { oneDocument, runJson, startCli } from './run-cli';
import type { CliEnd, CliEnv, RunningCli } from './run-cli';

/** A sweep's document as the command printed it, or what it was refused with. */
export interface SweepEnd extends Partial<SweepDocument> {
  error?: { type: string; field?: string; message: string };
}

/** Everything a sweep needs, with the command line as it is published on both sides. */
export interface SweepStage {
  client: Client;
  simulators: Simulators;
  /** Of the person at the command line: no key of any provider. */
  person: CliEnv;
  /** Where the worker looks for files. */
  sourceFolder: string;
  folder: string;
  startWorker(moreEnv?: CliEnv): Promise<RunningCli>;
  /** Runs a command under `--json`. */
  run<T = SweepEnd>(...args: string[]): Promise<{ code: number | null; document: T; stderr: string }>;
  /** Starts a command that takes its time. */
  begin(...args: string[]): RunningCli;
  /** Users with fresh ids whom both providers know. */
  newUsers(count: number): StageUser[];
  /** Writes a file of users here. */
  fileOf(users: readonly Partial<StageUser>[], name?: string): string;
  close(): Promise<void>;
}

/** A user whom both providers know. */
export interface StageUser {
  plaidId: string;
  batchId: string;
}

/** Opens a stage; the worker is started by the tests that need it. */
export async function openStage(workerEnv: (stage: { folder: string }) => CliEnv = () => ({})): Promise<SweepStage> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-sweep-'));
  const simulators = await startSimulators();
  const client = await connectClient();
  const settings = environmentOf(simulators, {
    taskQueue: freshTaskQueue('sweep'),
    ledgerUrl: `file:${join(folder, 'ledger.db')}`,
  });
  const person: CliEnv = {
    TEMPORAL_ADDRESS: temporalAddress(),
    HTTP_TASKS_TASK_QUEUE: settings['HTTP_TASKS_TASK_QUEUE'],
    HTTP_TASKS_LEDGER_URL: settings['HTTP_TASKS_LEDGER_URL'],
    HTTP_TASKS_SUBJECT_KEY: settings['HTTP_TASKS_SUBJECT_KEY'],
  };
  await setSimulatorRatesFor(settings, simulators);
  const sourceFolder = await mkdtemp(join(folder, 'sources-'));
  return {
    client,
    simulators,
    person,
    folder,
    sourceFolder,
    startWorker: async (moreEnv = {}) => {
      const worker = startCli(['worker'], {
        ...settings,
        ...person,
        HTTP_TASKS_SOURCE_DIR: sourceFolder,
        ...workerEnv({ folder }),
        ...moreEnv,
      });
      await worker.printed('RUNNING');
      return worker;
    },
    run: <T>(...args: string[]) => runJson<T>(args, person),
    begin: (...args) => startCli(args, person),
    newUsers: (count) => {
      const users = Array.from({ length: count }, () => ({ plaidId: `usr_${randomUUID()}`, batchId: randomUUID() }));
      simulators.plaid.seed({ users: users.map(({ plaidId }) => ({ userId: plaidId, items: [`item-${plaidId}`] })) });
      simulators.batch.seed({ users: users.map(({ batchId }) => batchId) });
      return users;
    },
    fileOf: (users, name = `${randomUUID()}.csv`) => {
      const file = join(folder, name);
      const rows = users.map(({ plaidId = '', batchId = '' }) => `${plaidId},${batchId}\n`);
      writeFileSync(file, `plaid_user_id,batch_user_id\n${rows.join('')}`);
      return file;
    },
    close: async () => {
      await client.connection.close();
      await simulators.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The document of a command that was begun and has ended. */
export function endOf({ code, stdout, stderr }: CliEnd): { code: number | null; document: SweepEnd; stderr: string } {
  return { code, document: oneDocument<SweepEnd>(stdout, stderr), stderr };
}

/** Polls until it holds: another process's progress sends no event. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  withinMs = PATIENCE_MS,
): Promise<T> {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > giveUpAt) throw new Error(`Waited ${withinMs} ms in vain: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
