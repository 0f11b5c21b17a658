import { migrations } from 'temporal-http-tasks/internal/ledger/migrations/index';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import { SUBJECT_KEY, cleanUp, intentOf, open, subject, runRaw as run } from '../ledger/databases';
import { rowsOf, settled, sweepOf } from '../ledger/sweeps/users';
import { freshPostgresUrl } from '../support/postgres';
import { applyRoles, leaveOlderLedger, urlOfRole } from './ledger-roles';
import type { LedgerRole } from './ledger-roles';

let url: string;

const urlOf = (role: LedgerRole): string => urlOfRole(url, role);

beforeAll(async () => {
  url = await freshPostgresUrl();
  await applyRoles(url);
  const owner = await openLedger({ url: urlOf('http_tasks_migrate'), subjectKey: SUBJECT_KEY });
  await owner.close();
  await applyRoles(url);
});

afterAll(cleanUp);

describe('the worker’s role', () => {
  it('may execute every function, and write the rows of each table that a worker writes', async () => {
    const rights = await run(
      url,
      `SELECT tablename, array_to_string(ARRAY(SELECT r FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS r
         WHERE has_table_privilege('http_tasks_worker', format('public.%I', tablename), r)), ' ') AS rights
       FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename`,
    );
    const writtenOnce = [
      'compensation_log',
      'hold_log',
      'log_checkpoints',
      'log_leaves',
      'policy_log',
      'purged_hashes',
      'receipts',
      'sealed_hashes',
      'sealed_leaves',
      'sweep_approvals',
    ];
    const expected: Record<string, string> = { ledger_migrations: 'SELECT', stops: 'SELECT INSERT UPDATE' };
    for (const { tablename, rights: given } of rights as { tablename: string; rights: string }[]) {
      const all = writtenOnce.includes(tablename) ? 'SELECT INSERT' : 'SELECT INSERT UPDATE DELETE';
      expect({ tablename, given }).toEqual({ tablename, given: expected[tablename] ?? all });
    }
    expect(rights.map(({ tablename }) => tablename)).toEqual(
      expect.arrayContaining([...writtenOnce, 'stops', 'worker_environments']),
    );
    const closed = await run(
      url,
      "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND NOT has_function_privilege('http_tasks_worker', oid, 'EXECUTE')",
    );
    expect(closed).toEqual([]);
  });

  it('does what workers and commands do: stops, holds, the record of workers, a sweep to its seal and erasure', async () => {
    const ledger = await open(urlOf('http_tasks_worker'));
    await ledger.stop({ reason: 'a wrong export', by: 'ann' });
    expect(await ledger.start({ by: 'ann' })).toBe(true);
    expect(await ledger.listStops()).toHaveLength(1);

    const held = { holdId: 'h', subjects: [subject('held')] };
    await ledger.holds.set([held]);
    expect(await ledger.recordIntent(intentOf({ workflowId: 'held', subjects: held.subjects }))).toMatchObject({
      kind: 'held',
    });
    expect(await ledger.holds.lift({ holdId: 'h' }, { by: 'ann', why: 'closed' })).toBe(1);
    expect(await ledger.holds.readLog({ holdId: 'h', limit: 9 })).toHaveLength(2);

    const queue = { namespace: 'default', taskQueue: 'q' };
    await ledger.workers.beat({
      ...queue,
      worker: 'w',
      identity: 'i',
      environments: [{ service: 'plaid', environment: 'sandbox', production: false, keySlots: [] }],
    });
    await ledger.workers.end('w');

    const claim = { sweepId: 's', by: 'run', terms: { plan: '{}', needsApproval: false, maxUsers: 9 } };
    await sweepOf(ledger.sweeps, 's', rowsOf(0, 2));
    await ledger.sweeps.claim(claim);
    const fence = await ledger.sweeps.takeFence({ sweepId: 's', chunkId: 'c' });
    const users = await ledger.sweeps.openWave({
      sweepId: 's',
      chunkId: 'c',
      fence,
      range: { from: 0, to: 9 },
      wave: 1,
      limit: 9,
      claimedBy: 'run',
      sends: true,
    });
    await ledger.sweeps.flushWave({ sweepId: 's', chunkId: 'c', fence, users: users.map((user) => settled(user)) });
    await ledger.sweeps.setStatus({ sweepId: 's', status: 'completed' });
    expect(await ledger.sweeps.seal({ sweepId: 's' })).toMatchObject({ leaves: 2 });
    expect(await ledger.sweeps.purge({ sweepId: 's' })).toBe(2);
    await ledger.sweeps.rekey({ sweepId: 's' });
    await ledger.sweeps.release('s');
  });

  it('opens a ledger that is up to date, and writes intents, outcomes and holds', async () => {
    const ledger = await openLedger({ url: urlOf('http_tasks_worker'), subjectKey: SUBJECT_KEY });
    const call = {
      workflowId: 'w',
      runId: 'r',
      activityId: 'a',
      attempt: 1,
      step: 's',
      task: 'plaid.itemRemove',
      service: 'plaid',
      environment: 'sandbox',
      keySlot: undefined,
      subjects: ['s'.repeat(24)],
    };
    expect(await ledger.recordIntent({ ...call, holdSubjects: [], refuseUnsettled: true })).toMatchObject({
      kind: 'recorded',
    });
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
    "UPDATE hold_log SET why = 'x'",
    'DELETE FROM hold_log',
    'DELETE FROM sealed_leaves',
    'DELETE FROM stops',
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
    const tables = (await run(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")) as {
      tablename: string;
    }[];
    for (const { tablename } of tables) await run(urlOf('http_tasks_auditor'), `SELECT count(*) FROM ${tablename}`);
    expect(tables.length).toBeGreaterThan(5);
  });

  it.each([
    'DELETE FROM holds',
    "INSERT INTO ledger_meta (name, value) VALUES ('x', 'y')",
    'SET default_transaction_read_only = off; DELETE FROM holds',
    'CREATE TABLE x (y int)',
  ])('may not: %s', async (statement) => {
    await expect(run(urlOf('http_tasks_auditor'), statement)).rejects.toThrow(
      /permission denied|read-only transaction/,
    );
  });
});

describe('a ledger that an older version left', () => {
  const GUARDS = migrations.findIndex(({ name }) => name === '0008-guards');
  const missing = migrations.slice(GUARDS).map(({ name }) => name);

  const refusal = (address: string): Promise<unknown> =>
    openLedger({ url: address, subjectKey: SUBJECT_KEY }).then(
      (ledger) => ledger.close(),
      (error: unknown) => error,
    );

  it('is refused by the worker’s role with what is missing and what to do, until its owner has migrated it', async () => {
    const old = await freshPostgresUrl();
    await applyRoles(old);
    await leaveOlderLedger(urlOfRole(old, 'http_tasks_migrate'), migrations.slice(0, GUARDS));
    await applyRoles(old);
    const before = await run(old, 'SELECT name FROM ledger_migrations ORDER BY name');

    const error = await refusal(urlOfRole(old, 'http_tasks_worker'));
    expect(error).toBeInstanceOf(LedgerSettingError);
    const { message } = error as LedgerSettingError;
    expect(message).toContain(
      `HTTP_TASKS_LEDGER_URL: this database user may not run the missing migrations: ${missing.join(', ')} (42501).`,
    );
    expect(message).toContain(
      'Run "http-tasks ledger migrate" with the HTTP_TASKS_LEDGER_URL of the user that owns the tables',
    );
    expect(await run(old, 'SELECT name FROM ledger_migrations ORDER BY name')).toEqual(before);

    const ran: string[] = [];
    await open(urlOfRole(old, 'http_tasks_migrate'), {
      onEvent: (event) => void (event.kind === 'migrated' && ran.push(...event.migrations)),
    });
    expect(ran).toEqual(missing);
    // The rights on new tables come with them, before roles.sql runs again.
    const ledger = await open(urlOfRole(old, 'http_tasks_worker'));
    await ledger.stop({ reason: 'a test', by: 'ann' });
  });

  it('is refused in the same way when it has no table yet, and by a user without any right', async () => {
    const empty = await freshPostgresUrl();
    await applyRoles(empty);
    expect(String(await refusal(urlOfRole(empty, 'http_tasks_worker')))).toContain(
      'the missing migrations: 0001-receipts',
    );
    await run(empty, 'REVOKE USAGE ON SCHEMA public FROM http_tasks_worker');
    expect(String(await refusal(urlOfRole(empty, 'http_tasks_worker')))).toMatch(
      /the missing migrations: 0001-receipts.*http-tasks ledger migrate/,
    );
  });

  it('is refused with the file of rights when they were not given', async () => {
    const bare = await freshPostgresUrl();
    await applyRoles(bare);
    await open(urlOfRole(bare, 'http_tasks_migrate'));
    await run(bare, 'REVOKE ALL ON ALL TABLES IN SCHEMA public FROM http_tasks_worker');
    const error = await refusal(urlOfRole(bare, 'http_tasks_worker'));
    expect(error).toBeInstanceOf(LedgerSettingError);
    expect(String(error)).toContain('Grant it the permissions of a worker: deploy/postgres/roles.sql.');
  });
});
