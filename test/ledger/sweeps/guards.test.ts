import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import { LibsqlDialect } from 'temporal-http-tasks/internal/ledger/libsql/dialect';
import { libsqlStore } from 'temporal-http-tasks/internal/ledger/libsql/store';
import { prepareLedger } from 'temporal-http-tasks/internal/ledger/migrate';
import { postgresStore } from 'temporal-http-tasks/internal/ledger/postgres/store';
import type { LedgerDatabase } from 'temporal-http-tasks/internal/ledger/store';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import { SweepKeys } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-key';
import type { Tables } from 'temporal-http-tasks/internal/ledger/tables';
import { migrations } from 'temporal-http-tasks/internal/ledger/migrations/index';
import { SweepBarredError, SweepNotYoursError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { SweepTerms } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { DATABASES, SUBJECT_KEY, cleanUp, intentOf, open, subject } from '../databases';
import { rowsOf, settled, sweepOf } from './users';

const TERMS: SweepTerms = { plan: '{"removeUser":true}', needsApproval: false, maxUsers: 10 };
const RUN = 'first-run';

/** A ledger as 0.1.0 left it, with a sweep that one of its runs is working on. */
async function leaveAsOf010(url: string): Promise<void> {
  const before = migrations.slice(
    0,
    migrations.findIndex(({ name }) => name === '0008-guards'),
  );
  const database: LedgerDatabase = url.startsWith('file:')
    ? {
        store: libsqlStore,
        db: new Kysely<Tables>({
          dialect: new LibsqlDialect({
            path: url.slice('file:'.length),
            deadlineMs: 5_000,
            onThreadLost: () => undefined,
          }),
        }),
      }
    : {
        store: postgresStore,
        db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool: new Pool({ connectionString: url }) }) }),
      };
  await prepareLedger(database, createSubjectHasher(SUBJECT_KEY).fingerprint, before);
  // The present code knows columns that it did not have, so that its rows are written past it.
  const { db } = database;
  const keys = new SweepKeys(SUBJECT_KEY);
  const wrapped = keys.create('old');
  const at = '2026-01-01T00:00:00.000Z';
  await db
    .insertInto('sweeps')
    .values({
      sweep_id: 'old',
      claimed_by: RUN,
      skip_done: 0,
      status: 'running',
      wrapped_key: wrapped,
      snapshot_complete: 1,
      total: 3,
      plaid_environment: 'sandbox',
      created_at: at,
    })
    .execute();
  const { number: sweep } = await db
    .selectFrom('sweeps')
    .select('number')
    .where('sweep_id', '=', 'old')
    .executeTakeFirstOrThrow();
  for (const [seq, { user, subjects }] of rowsOf(0, 3).entries()) {
    await db
      .insertInto('targets')
      .values({ sweep, seq, state: 'pending', round: 0, unsettled: 0, bulk_left: 0, some_items: 0 })
      .execute();
    const ids = keys.open('old', wrapped).encryptUser(seq, user);
    await db
      .insertInto('target_ids')
      .values({ sweep, seq, ids, subjects: JSON.stringify(subjects) })
      .execute();
  }
  await db.destroy();
}

describe.each(DATABASES)('what is decided about a sweep, in $name', ({ freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;

  beforeEach(async () => {
    url = await freshUrl();
    ledger = await open(url);
  });
  afterAll(cleanUp);

  /** A sweep of three users, claimed on these terms. */
  async function claimed(sweepId: string, terms: Partial<SweepTerms> = {}): Promise<void> {
    await sweepOf(ledger.sweeps, sweepId, rowsOf(0, 3));
    await ledger.sweeps.claim({ sweepId, by: RUN, terms: { ...TERMS, ...terms } });
  }

  async function openWave(sweepId: string, opener: { claimedBy?: string; sends?: boolean } = { claimedBy: RUN }) {
    const fence = await ledger.sweeps.takeFence({ sweepId, chunkId: 'c' });
    const users = await ledger.sweeps.openWave({
      sweepId,
      chunkId: 'c',
      fence,
      range: { from: 0, to: 9 },
      wave: 1,
      limit: 9,
      ...opener,
    });
    return { fence, users };
  }

  /** The users of a bulk call, after their other steps. */
  async function openBulk(sweepId: string, opener: { claimedBy?: string; sends?: boolean } = { claimedBy: RUN }) {
    const fence = await ledger.sweeps.takeFence({ sweepId, chunkId: 'bulk' });
    return ledger.sweeps.openBulk({
      sweepId,
      chunkId: 'bulk',
      fence,
      app: 'ios',
      step: 'batch.ios',
      wave: 1,
      limit: 9,
      ...opener,
    });
  }

  async function waitForBulk(sweepId: string): Promise<void> {
    const { fence, users } = await openWave(sweepId);
    await ledger.sweeps.flushWave({
      sweepId,
      chunkId: 'c',
      fence,
      users: users.map((user) => settled(user, 'removed', { bulkApps: ['ios'] })),
    });
  }

  const untouched = async (sweepId: string) =>
    expect(await ledger.sweeps.count(sweepId)).toMatchObject({ pending: 3, open: 0 });

  it('is written once: by whom it is claimed, its plan, its limits and its approval', async () => {
    await claimed('once', { needsApproval: true });
    await ledger.sweeps.claim({
      sweepId: 'once',
      by: 'another',
      terms: { plan: '{}', needsApproval: false, maxUsers: 1 },
    });
    await ledger.sweeps.adoptPlan({ sweepId: 'once', by: RUN, plan: '{}' });
    await ledger.sweeps.approve({ sweepId: 'once', by: RUN, total: 3, approver: 'ann' });
    await ledger.sweeps.approve({ sweepId: 'once', by: RUN, total: 3, approver: 'eve' });
    const row = await ledger.sweeps.read('once');
    expect(row).toMatchObject({
      claimedBy: RUN,
      plan: TERMS.plan,
      maxUsers: 10,
      needsApproval: true,
      approvedBy: 'ann',
    });
  });

  it('is not approved by another run, nor for another number of users, nor before all of them are read', async () => {
    await claimed('unapproved', { needsApproval: true });
    const approve = (changes: object) =>
      ledger.sweeps.approve({ sweepId: 'unapproved', by: RUN, total: 3, approver: 'ann', ...changes });
    for (const changes of [{ by: 'another' }, { total: 2 }, { total: 4 }])
      expect((await approve(changes)).approvedAt).toBeUndefined();
    await ledger.sweeps.create({ sweepId: 'reading', claimedBy: RUN, terms: { ...TERMS, needsApproval: true } });
    const reading = await ledger.sweeps.approve({ sweepId: 'reading', by: RUN, total: 0, approver: 'ann' });
    expect(reading.approvedAt).toBeUndefined();
  });

  it.each<[string, Partial<SweepTerms>, string]>([
    ['has not been approved', { needsApproval: true }, 'notApproved'],
    ['has more users than allowed', { maxUsers: 2 }, 'tooManyUsers'],
  ])('lets no intent be recorded for one that %s, except to write last outcomes', async (_name, terms, obstacle) => {
    await claimed('barred', terms);
    await expect(openWave('barred')).rejects.toMatchObject({ name: 'SweepBarredError', obstacle });
    await untouched('barred');
    await expect(openWave('barred', { claimedBy: RUN, sends: false })).resolves.toMatchObject({ users: { length: 3 } });
  });

  it('lets intents be recorded once it is approved', async () => {
    await claimed('approved', { needsApproval: true });
    await ledger.sweeps.approve({ sweepId: 'approved', by: RUN, total: 3, approver: 'ann' });
    await expect(openWave('approved')).resolves.toMatchObject({ users: { length: 3 } });
  });

  it.each<[string, { claimedBy?: string; sends?: boolean }]>([
    ['another run', { claimedBy: 'another' }],
    ['nobody', {}],
    ['another run that only writes last outcomes', { claimedBy: 'another', sends: false }],
  ])('lets no intent be recorded for %s', async (_name, opener) => {
    await claimed('foreign');
    await expect(openWave('foreign', opener)).rejects.toBeInstanceOf(SweepNotYoursError);
    await untouched('foreign');
    await waitForBulk('foreign');
    await expect(openBulk('foreign', opener)).rejects.toBeInstanceOf(SweepNotYoursError);
  });

  it('lets no intent be recorded while everything is stopped, in waves, bulk calls and single calls', async () => {
    await claimed('stopped');
    await claimed('bulk');
    await waitForBulk('bulk');
    const stop = await ledger.stop({ reason: 'a test', by: 'ann' });
    expect(await ledger.stop({ reason: 'again', by: 'eve' })).toEqual(stop);
    await expect(openWave('stopped')).rejects.toMatchObject({ obstacle: 'stopped' });
    await untouched('stopped');
    await expect(openBulk('bulk')).rejects.toBeInstanceOf(SweepBarredError);
    expect(await ledger.recordIntent(intentOf())).toEqual({ kind: 'stopped' });
    expect(await ledger.forbids([subject('u')])).toBe('stopped');
    await ledger.addHold({ holdId: 'h', subjects: [subject('u')] });
    expect(await ledger.forbids([subject('u')])).toBe('held');
    expect(await ledger.recordIntent(intentOf({ holdSubjects: [subject('u')] }))).toEqual({ kind: 'held' });

    expect(await ledger.start({ by: 'ann' })).toBe(true);
    expect(await ledger.start({ by: 'ann' })).toBe(false);
    await expect(openWave('stopped')).resolves.toMatchObject({ users: { length: 3 } });
    expect(await openBulk('bulk')).toHaveLength(3);
    expect(await ledger.recordIntent(intentOf())).toEqual({ kind: 'recorded' });
    expect(await ledger.listStops()).toMatchObject([{ reason: 'a test', by: 'ann', liftedBy: 'ann' }]);
  });

  it('lets last outcomes be written while everything is stopped', async () => {
    await claimed('closing');
    await ledger.stop({ reason: 'a test', by: 'ann' });
    await expect(openWave('closing', { claimedBy: RUN, sends: false })).resolves.toMatchObject({
      users: { length: 3 },
    });
  });

  it('lets either the intents or the stop come first, and none after the stop', async () => {
    await claimed('race');
    const [opened] = await Promise.allSettled([openWave('race'), ledger.stop({ reason: 'a test', by: 'ann' })]);
    const { open: begun, pending } = await ledger.sweeps.count('race');
    expect({ begun, pending }).toEqual(
      opened.status === 'fulfilled' ? { begun: 3, pending: 0 } : { begun: 0, pending: 3 },
    );
    await expect(openWave('race')).rejects.toMatchObject({ obstacle: 'stopped' });
  });

  it('is adopted by a sweep in progress that 0.1.0 opened, whose run alone continues it', async () => {
    const old = await freshUrl();
    await leaveAsOf010(old);
    const upgraded = await open(old);
    expect(await upgraded.sweeps.read('old')).toMatchObject({ claimedBy: RUN, needsApproval: false, total: 3 });
    await upgraded.sweeps.adoptPlan({ sweepId: 'old', by: 'another', plan: '{"dryRun":false}' });
    expect((await upgraded.sweeps.read('old'))?.plan).toBeUndefined();
    await upgraded.sweeps.adoptPlan({ sweepId: 'old', by: RUN, plan: '{"dryRun":true}' });
    await upgraded.sweeps.adoptPlan({ sweepId: 'old', by: RUN, plan: '{"dryRun":false}' });
    expect((await upgraded.sweeps.read('old'))?.plan).toBe('{"dryRun":true}');
    const fence = await upgraded.sweeps.takeFence({ sweepId: 'old', chunkId: 'c' });
    const wave = { sweepId: 'old', chunkId: 'c', fence, range: { from: 0, to: 9 }, wave: 1, limit: 9 };
    await expect(upgraded.sweeps.openWave({ ...wave, claimedBy: 'another' })).rejects.toBeInstanceOf(
      SweepNotYoursError,
    );
    expect(await upgraded.sweeps.openWave({ ...wave, claimedBy: RUN })).toHaveLength(3);
  });
});
