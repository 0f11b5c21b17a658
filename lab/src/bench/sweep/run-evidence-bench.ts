import { statSync } from 'node:fs';
import Database from 'libsql';
import { Client } from 'pg';
import type { ExitCode, Io } from '@temporal-http-tasks/cli/internal/program/io';
import type { LocalStack } from '@temporal-http-tasks/cli/internal/dev/local-stack';
import { printJson, say } from '@temporal-http-tasks/cli/internal/terminal/output';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { purgeEvidence } from 'temporal-http-tasks/internal/ledger/purge-evidence';
import type { StepReceipt } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { userSubjects } from 'temporal-http-tasks/internal/ledger/user-subjects';
import { figure } from '../figures';
import type { Figures } from '../figures';
import { measureOnLocalStack } from '../on-local-stack';
import { printFigureTable } from '../print-figures';
import { SweepStand } from './sweep-stand';

/** How long the simulators take for a response, in milliseconds. */
const RESPONSE_MS = 20;
const WARM_UP_USERS = 1_000;
const ROWS_AT_ONCE = 5_000;

const WORDS: Readonly<Record<string, string>> = {
  sealingOfSweep: `sealing against the whole sweep, responses after ${RESPONSE_MS} ms`,
  partsOfSweep: 'the leaves that it gets while it runs, against the same',
  bytesPerUser: 'ledger for each user of an ended sweep, with receipts',
  bytesPerUserPurged: 'the same after its receipts were purged',
};

/** Measures what evidence costs in time and space, prints the figures, and returns 0 only if all of them keep their limits. */
export async function runEvidenceBench(
  io: Io,
  { users, ledgerUrl, json }: { users: number; ledgerUrl: string | undefined; json: boolean },
): Promise<ExitCode> {
  const ledger = ledgerUrl === undefined ? 'libsql' : 'postgres';
  return measureOnLocalStack(
    io,
    async (stack) => ({ figures: await figuresOn(io, stack, users) }),
    ({ figures }) => {
      if (json) printJson(io, { node: process.version, size: { users, responseMs: RESPONSE_MS, ledger }, figures });
      else printFigureTable(io, figures, WORDS);
    },
    { ledgerUrl },
  );
}

async function figuresOn(io: Io, stack: LocalStack, users: number): Promise<Figures> {
  const url = stack.settings.HTTP_TASKS_LEDGER_URL ?? '';
  const subjectKey = stack.settings.HTTP_TASKS_SUBJECT_KEY ?? '';
  const stand = new SweepStand(stack);
  stand.respondAfter(RESPONSE_MS);
  const empty = await ledgerBytes(url);
  await stand.sweep(WARM_UP_USERS);
  say(io, `A sweep over ${users} users`);
  const { usersMs, endMs, result } = await stand.sweep(users);
  const whole = await ledgerBytes(url);
  const ledger = await openLedger({ url, subjectKey });
  try {
    const row = await ledger.sweeps.read(result.sweepId);
    say(io, 'Purging their receipts');
    await purgeEvidence(ledger, { days: 0 });
    const purged = await ledgerBytes(url);
    say(io, `Sealing as many receipts once more`);
    // First a few, so that the code is warm, as it is in a worker.
    await sealAgain(ledger, { sweepId: 'bench-warm-up', users: WARM_UP_USERS, subjectKey });
    const sealed = await sealAgain(ledger, { sweepId: 'bench-seal', users, subjectKey });
    // As a share of the sweep, which has as many receipts or some more.
    const share = (ms: number) => ((ms * ((row?.leaves ?? 0) / sealed.receipts)) / (usersMs + endMs)) * 100;
    const all = users + WARM_UP_USERS;
    return {
      sealingOfSweep: figure(share(sealed.ms), '%', { atMost: 2 }),
      partsOfSweep: figure(share(sealed.partsMs), '%', { atMost: 2 }),
      bytesPerUser: figure((whole - empty) / all, 'bytes', { atMost: 1_800 }),
      bytesPerUserPurged: figure((purged - empty) / all, 'bytes', { atMost: 300 }),
    };
  } finally {
    await ledger.close();
  }
}

/** Writes a sweep without calling anyone, and measures its parts, and its seal with its place in the log. */
async function sealAgain(
  { sweeps, log }: OpenedLedger,
  { sweepId, users, subjectKey }: { sweepId: string; users: number; subjectKey: string },
): Promise<{ partsMs: number; ms: number; receipts: number }> {
  const hasher = createSubjectHasher(subjectKey);
  await sweeps.create({ sweepId });
  for (let from = 0, version = 0; from < users; from += ROWS_AT_ONCE, version += 1) {
    const rows = Array.from({ length: Math.min(ROWS_AT_ONCE, users - from) }, (_, index) => {
      const user = { plaidUserId: `seal_${from + index}` };
      return { user, subjects: userSubjects(user, { plaid: 'sandbox' }, hasher) };
    });
    const complete = from + rows.length === users;
    const environments = { plaid: 'sandbox' };
    await sweeps.appendTargets({ sweepId, version, rows, environments, position: String(from), complete });
  }
  const chunk = { sweepId, chunkId: 'c', fence: await sweeps.takeFence({ sweepId, chunkId: 'c' }) };
  const range = { from: 0, to: users };
  for (let wave = 0; ; wave += 1) {
    const opened = await sweeps.openWave({ ...chunk, wave, range, limit: 125 });
    if (opened.length === 0) break;
    const settled = opened.map(({ seq, round, subjects }) => ({
      kind: 'settled' as const,
      seq,
      round,
      receipts: [receiptOf(seq, subjects, 'plaid.items'), receiptOf(seq, subjects, 'plaid.products')],
    }));
    await sweeps.flushWave({ ...chunk, users: settled });
  }
  const startedAt = performance.now();
  await log.seal({ parts: true });
  const partsAt = performance.now();
  const { leaves } = await sweeps.seal({ sweepId });
  await log.seal();
  return { partsMs: partsAt - startedAt, ms: performance.now() - partsAt, receipts: leaves };
}

function receiptOf(seq: number, [subject = '']: readonly string[], step: string): StepReceipt {
  return {
    step,
    task: 'plaid.userItemsRemove',
    subject,
    service: 'plaid',
    environment: 'sandbox',
    outcome: 'removed',
    requestId: `request-${seq}-${step}`,
  };
}

/** Returns the size of a ledger in bytes, after the space of deleted rows was given back. */
async function ledgerBytes(url: string): Promise<number> {
  if (url.startsWith('file:')) return fileBytes(url.slice('file:'.length));
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('vacuum full');
    const { rows } = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes');
    return Number(rows[0]?.bytes);
  } finally {
    await client.end();
  }
}

function fileBytes(file: string): number {
  const database = new Database(file);
  try {
    database.exec('pragma busy_timeout = 10000; vacuum; pragma wal_checkpoint(truncate)');
  } finally {
    database.close();
  }
  return statSync(file).size;
}
