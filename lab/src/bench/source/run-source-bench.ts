import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import { printJson, say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { historyOf } from '../cost/billed-actions';
import { cpuMsOf } from '../cost/cpu-time';
import { figure } from '../figures';
import type { Figures } from '../figures';
import { measureOnLocalStack } from '../on-local-stack';
import { printFigureTable } from '../print-figures';

import { growthInPercent, MemoryWatch } from '../sweep/sweep-stand';

/** Rows of the source, and of a small one to compare with. */
export interface SourceBenchSize {
  rows: number;
  small: number;
}

const LOOK_MS = 250;
const ROWS_IN_A_PART = 10_000;

const WORDS: Readonly<Record<string, string>> = {
  rowsPerSecond: 'rows of a CSV file read into the ledger',
  cpuPerRow: "the worker's processor time for a row",
  largeOfSmall: 'rows in a second of the whole source against those of the small one',
  memoryGrowth: "growth of the worker's memory from the small to the large source",
  workerMemory: "the worker's memory while it reads the large source",
};

/** Measures how fast a source is read, prints the figures, and returns 0 only if all of them keep their limits. */
export async function runSourceBench(
  io: Io,
  { size, ledgerUrl, json }: { size: SourceBenchSize; ledgerUrl: string | undefined; json: boolean },
): Promise<ExitCode> {
  const folder = await mkdtemp(join(tmpdir(), 'http-tasks-source-'));
  try {
    return await measureOnLocalStack(
      io,
      async (stack) => ({ figures: await figuresOf(io, stack, { size, folder }) }),
      ({ figures }) => {
        const ledger = ledgerUrl === undefined ? 'libsql' : 'postgres';
        if (json) printJson(io, { node: process.version, size: { ...size, ledger }, figures });
        else printFigureTable(io, figures, WORDS);
      },
      { ledgerUrl, workerEnv: { HTTP_TASKS_SOURCE_DIR: folder } },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function figuresOf(
  io: Io,
  stack: LocalStack,
  { size, folder }: { size: SourceBenchSize; folder: string },
): Promise<Figures> {
  // The first reading warms the worker up.
  await read(io, stack, { rows: size.small, folder });
  const small = await read(io, stack, { rows: size.small, folder });
  const large = await read(io, stack, { rows: size.rows, folder });
  return {
    rowsPerSecond: figure(large.rowsPerSecond, 'rows/s', { atLeast: 100_000 }),
    cpuPerRow: figure(large.cpuPerRow, 'µs', { atMost: 10 }),
    largeOfSmall: figure(large.rowsPerSecond / small.rowsPerSecond, '×', { atLeast: 0.85 }),
    memoryGrowth: figure(growthInPercent(small.megabytes, large.megabytes), '%', { atMost: 10 }),
    workerMemory: figure(large.megabytes, 'MB', { atMost: 2_000 }),
  };
}

interface Reading {
  rowsPerSecond: number;
  /** In microseconds. */
  cpuPerRow: number;
  megabytes: number;
}

/**
 * Opens a sweep over a file, which waits for an approval once the file was read, and terminates it: the end of a cancelled
 * one writes a receipt for each of its users.
 */
async function read(
  io: Io,
  { client, taskQueue, workerPid }: LocalStack,
  { rows, folder }: { rows: number; folder: string },
): Promise<Reading> {
  say(io, `Reading ${rows} rows`);
  const file = join(folder, `${rows}.csv`);
  await pipeline(Readable.from(csv(rows)), createWriteStream(file));
  const memory = new MemoryWatch(workerPid);
  const before = cpuMsOf(workerPid);
  const workflowId = `bench-${randomUUID()}`;
  const input = { source: { file: `${rows}.csv` }, reason: { code: 'USER_OFFBOARDING' }, approval: true };
  const args = [{ ...input, maxUsers: rows, batch: { mode: 'skip' } }];
  const handle = await client.workflow.start('offboardUsers', { workflowId, taskQueue, args });
  try {
    for (;;) {
      const ms = await durationOfReading(client, workflowId);
      if (ms !== undefined) {
        const cpuMs = cpuMsOf(workerPid) - before;
        return { rowsPerSecond: (rows / ms) * 1_000, cpuPerRow: (cpuMs / rows) * 1_000, megabytes: memory.stop() };
      }
      await delay(LOOK_MS);
    }
  } finally {
    memory.stop();
    await handle.terminate('The source was read.');
    await rm(file);
  }
}

/** Returns the server's own time of the activity that reads the source; undefined while it runs. */
async function durationOfReading(client: LocalStack['client'], workflowId: string): Promise<number | undefined> {
  const events = await historyOf(client, workflowId);
  const at = (event: (typeof events)[number]): number =>
    Number(event.eventTime?.seconds ?? 0) * 1_000 + (event.eventTime?.nanos ?? 0) / 1e6;
  const ended = events.find(({ workflowExecutionFailedEventAttributes: failed }) => failed);
  if (ended) throw new Error('The source was refused; there is nothing to measure.');
  const begun = events.find(
    ({ activityTaskScheduledEventAttributes: own }) => own?.activityType?.name === 'httpTasks.takeSnapshot',
  );
  const done = events.find(
    ({ activityTaskCompletedEventAttributes: own }) =>
      begun !== undefined && own !== null && String(own?.scheduledEventId) === String(begun.eventId),
  );
  return begun && done && at(done) - at(begun);
}

function* csv(rows: number): Generator<string> {
  yield 'plaid_user_id,reference\n';
  const prefix = randomUUID().slice(0, 8);
  for (let from = 0; from < rows; from += ROWS_IN_A_PART) {
    const part = Array.from(
      { length: Math.min(ROWS_IN_A_PART, rows - from) },
      (_, index) => `usr_${prefix}_${from + index},customer ${from + index}\n`,
    );
    yield part.join('');
  }
}
