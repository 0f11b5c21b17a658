import { createHash } from 'node:crypto';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely } from 'kysely';
import type { Client } from '@temporalio/client';
import { LibsqlDialect } from 'temporal-http-tasks/internal/ledger/libsql/dialect';
import { libsqlStore } from 'temporal-http-tasks/internal/ledger/libsql/store';
import { migrations } from 'temporal-http-tasks/internal/ledger/migrations/index';
import { prepareLedger } from 'temporal-http-tasks/internal/ledger/migrate';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { Tables } from 'temporal-http-tasks/internal/ledger/tables';
import { connectClient, freshTaskQueue, temporalAddress } from '../support/temporal';
import { runJson } from './run-cli';

interface DoctorDocument {
  ok: boolean;
  checks: { check: string; state: string; message: string; toDo?: string }[];
}

const SUBJECT_KEY = 'the subject key of an old ledger';
const SCHEDULE = freshTaskQueue('old-schedule');

let client: Client;
let env: Record<string, string>;
let file: string;

beforeAll(async () => {
  client = await connectClient();
  file = join(await mkdtemp(join(tmpdir(), 'http-tasks-doctor-')), 'ledger.db');
  await writeOldLedger(file);
  // As version 0.1.0 could create it.
  await client.schedule.create({
    scheduleId: SCHEDULE,
    spec: { cronExpressions: ['0 3 * * *'] },
    state: { paused: true },
    action: { type: 'startWorkflow', workflowType: 'offboardUsers', taskQueue: 'any', args: [{ sourse: {} }] },
  });
  env = {
    TEMPORAL_ADDRESS: temporalAddress(),
    HTTP_TASKS_TASK_QUEUE: freshTaskQueue('doctor'),
    HTTP_TASKS_LEDGER_URL: `file:${file}`,
    HTTP_TASKS_SUBJECT_KEY: SUBJECT_KEY,
    HTTP_TASKS_SERVICES: 'plaid',
    PLAID_CLIENT_ID: 'client',
  };
});

afterAll(async () => {
  await client.schedule.getHandle(SCHEDULE).delete();
  await client.connection.close();
});

/** A ledger as an early version left it, with a hold that names no environment. */
async function writeOldLedger(path: string): Promise<void> {
  const dialect = new LibsqlDialect({ path, deadlineMs: 5_000, onThreadLost: () => undefined });
  const database = { store: libsqlStore, db: new Kysely<Tables>({ dialect }) };
  const early = migrations.filter(({ name }) => name < '0010');
  await prepareLedger(database, createSubjectHasher(SUBJECT_KEY).fingerprint, early);
  await database.db
    .insertInto('holds')
    .values({ hold_id: 'case-7', subject: 'a'.repeat(24), at: '2026-01-01T00:00:00.000Z' })
    .execute();
  await database.db.destroy();
}

async function hashOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

it('lists everything that is missing or will break, and changes nothing', async () => {
  const before = await hashOf(file);
  const { code, document } = await runJson<DoctorDocument>(['doctor'], { ...env, HTTP_TASKS_ENCRYPION_KEY: 'x' });
  expect({ code, ok: document.ok }).toEqual({ code: 1, ok: false });
  const found = (check: string, state: string): string =>
    document.checks.flatMap((one) => (one.check === check && one.state === state ? [one.message] : [])).join('\n');
  expect(found('settings', 'fail')).toMatch(/HTTP_TASKS_ENCRYPION_KEY: .*HTTP_TASKS_ENCRYPTION_KEY/);
  expect(found('settings', 'fail')).toContain('PLAID_SECRET: is missing');
  expect(found('ledger', 'warn')).toMatch(/^\d+ migrations are missing/);
  expect(found('holds', 'fail')).toContain('1 legal hold of version 0.1.0');
  expect(found('temporal', 'ok')).toContain('namespace default');
  expect(found('workers', 'warn')).toContain('none polls the task queue');
  expect(found('schedules', 'fail')).toContain(`${SCHEDULE}: its input is refused by this version`);
  expect(await hashOf(file)).toBe(before);
});

it('names another subject key than that of the ledger', async () => {
  const { document } = await runJson<DoctorDocument>(['doctor'], {
    ...env,
    HTTP_TASKS_SUBJECT_KEY: 'another subject key of 32 letters',
  });
  expect(document.checks).toContainEqual(expect.objectContaining({ check: 'subjectKey', state: 'fail' }));
});

it('says where no Temporal server responds', async () => {
  const { code, document } = await runJson<DoctorDocument>(['doctor'], { ...env, TEMPORAL_ADDRESS: '127.0.0.1:9' });
  expect(code).toBe(1);
  expect(document.checks).toContainEqual(
    expect.objectContaining({ check: 'temporal', state: 'fail', message: expect.stringContaining('127.0.0.1:9') }),
  );
});
