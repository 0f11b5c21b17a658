import { Client } from 'pg';
import { openLedger } from '../../src/ledger/open-ledger';
import { freshPostgresUrl } from '../support/postgres';
import { textOf } from './files';

const SUBJECT_KEY = 'a subject key for tests only';
const ROLES = ['http_tasks_migrate', 'http_tasks_worker', 'http_tasks_auditor'] as const;

let url: string;

function urlOf(role: (typeof ROLES)[number]): string {
  const own = new URL(url);
  own.username = role;
  own.password = `password-of-${role}`;
  return own.href;
}

async function run(connectionString: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(statement)).rows as unknown[];
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  url = await freshPostgresUrl();
  const roles = textOf('deploy/postgres/roles.sql');
  await run(url, roles);
  for (const role of ROLES) await run(url, `ALTER ROLE ${role} PASSWORD 'password-of-${role}'`);
  const owner = await openLedger({ url: urlOf('http_tasks_migrate'), subjectKey: SUBJECT_KEY });
  await owner.close();
  await run(url, roles);
});

describe('the worker’s role', () => {
  it('opens a ledger that is up to date, and writes intents, outcomes and holds', async () => {
    const ledger = await openLedger({ url: urlOf('http_tasks_worker'), subjectKey: SUBJECT_KEY });
    const call = { workflowId: 'w', runId: 'r', activityId: 'a', attempt: 1, step: 's', task: 'plaid.itemRemove', service: 'plaid', environment: 'sandbox', keySlot: undefined, subjects: ['s'.repeat(24)] };
    expect(await ledger.recordIntent({ ...call, holdSubjects: [], refuseUnsettled: true })).toMatchObject({ kind: 'recorded' });
    await ledger.recordOutcome({ ...call, outcome: 'removed' });
    expect(await ledger.readReceipts({ workflowId: 'w', runId: 'r' })).toHaveLength(2);
    await ledger.close();
  });

  it.each([
    'DROP TRIGGER receipts_append_only ON receipts',
    'ALTER TABLE receipts DISABLE TRIGGER ALL',
    'ALTER TABLE receipts ADD COLUMN x text',
    'CREATE TABLE x (y int)',
    'CREATE OR REPLACE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
    'DROP TABLE receipts',
    'TRUNCATE receipts',
    "UPDATE receipts SET outcome = 'removed'",
    'DELETE FROM receipts',
    "INSERT INTO ledger_migrations (name, at) VALUES ('9999', now())",
    'SET ROLE http_tasks_migrate',
    "SET session_replication_role = 'replica'",
  ])('may not: %s', async (statement) => {
    await expect(run(urlOf('http_tasks_worker'), statement)).rejects.toThrow(/permission denied|must be owner/);
  });
});

describe('the auditor’s role', () => {
  it('reads everything', async () => {
    const tables = (await run(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")) as { tablename: string }[];
    for (const { tablename } of tables) await run(urlOf('http_tasks_auditor'), `SELECT count(*) FROM ${tablename}`);
    expect(tables.length).toBeGreaterThan(5);
  });

  it.each(['DELETE FROM holds', "INSERT INTO ledger_meta (name, value) VALUES ('x', 'y')", 'SET default_transaction_read_only = off; DELETE FROM holds', 'CREATE TABLE x (y int)'])('may not: %s', async (statement) => {
    await expect(run(urlOf('http_tasks_auditor'), statement)).rejects.toThrow(/permission denied|read-only transaction/);
  });
});
