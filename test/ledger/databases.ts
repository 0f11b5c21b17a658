import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'libsql';
import { Client } from 'pg';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { LedgerOptions, OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { Intent, Ledger } from 'temporal-http-tasks/internal/ledger/ledger';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { copyOfPostgres, freshPostgresUrl } from '../support/postgres';

export const SUBJECT_KEY = 'a test key of enough characters';
const hasher = createSubjectHasher(SUBJECT_KEY);

/** The keyed hash of a made-up user. */
export function subject(id: string): string {
  return hasher.subject('plaid', 'sandbox', id);
}

/** The keyed hash of a made-up item. */
export function item(id: string): string {
  return hasher.item('plaid', 'sandbox', id);
}

const folders: string[] = [];
const ledgers: Ledger[] = [];

/** A folder that is gone after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'http-tasks-ledger-'));
  folders.push(folder);
  return folder;
}

/** The two databases every behaviour is tested on, each with a way to get an empty one. */
export const DATABASES: { name: 'libSQL' | 'Postgres'; freshUrl: () => Promise<string> }[] = [
  { name: 'libSQL', freshUrl: () => Promise.resolve(`file:${path.join(temporaryFolder(), 'ledger.db')}`) },
  { name: 'Postgres', freshUrl: freshPostgresUrl },
];

/** Copies a ledger that no process has open, and returns the address of the copy. */
export async function copyOf(url: string): Promise<string> {
  if (!url.startsWith('file:')) return copyOfPostgres(url);
  const file = path.join(temporaryFolder(), 'copy.db');
  for (const end of ['', '-wal'])
    if (existsSync(url.slice('file:'.length) + end)) copyFileSync(url.slice('file:'.length) + end, file + end);
  return `file:${file}`;
}

/** Runs statements as someone who may do everything in the database: no trigger notices. */
export async function runPastGuards(url: string, statements: readonly string[]): Promise<void> {
  if (!url.startsWith('file:')) {
    await runRaw(url, ['set session_replication_role = replica', ...statements].join(';\n'));
    return;
  }
  const triggers = await runRaw(url, `select name from sqlite_master where type = 'trigger'`);
  const database = new Database(url.slice('file:'.length));
  try {
    const dropped = triggers.map(({ name }) => `drop trigger ${String(name)}`);
    database.exec(['begin', ...dropped, ...statements, 'commit'].join(';\n'));
  } finally {
    database.close();
  }
}

/** How long a call may take where a test is not about that: longer than a busy machine may need. */
const DEADLINE_MS = 30_000;

/** Opens a ledger that is closed after the test file. */
export async function open(url: string, options: Partial<LedgerOptions> = {}): Promise<OpenedLedger> {
  const ledger = await openLedger({ url, subjectKey: SUBJECT_KEY, deadlineMs: DEADLINE_MS, ...options });
  ledgers.push(ledger);
  return ledger;
}

/** To be called in `afterAll` by every file that uses this one. */
export async function cleanUp(): Promise<void> {
  await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Runs one statement past the ledger, over a connection of its own. */
export async function runRaw(url: string, statement: string): Promise<Record<string, unknown>[]> {
  if (url.startsWith('file:')) {
    const database = new Database(url.slice('file:'.length));
    try {
      const prepared = database.prepare(statement);
      if (prepared.reader) return prepared.all([]) as Record<string, unknown>[];
      prepared.run([]);
      return [];
    } finally {
      database.close();
    }
  }
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** An intent to remove one user's items; every part may be replaced. */
export function intentOf(changes: Partial<Intent> = {}): Intent {
  const subjects = changes.subjects ?? [subject('user-1')];
  return {
    workflowId: 'offboard-1',
    runId: 'run-1',
    activityId: '1',
    attempt: 1,
    step: 'plaid.items',
    task: 'plaid.userItemsRemove',
    service: 'plaid',
    environment: 'sandbox',
    refuseUnsettled: true,
    holdSubjects: subjects,
    ...changes,
    subjects,
  };
}
