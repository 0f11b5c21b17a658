import { postgresTarget } from '../support/postgres';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Client } from 'pg';
import { HoldConflictError } from 'temporal-http-tasks/internal/ledger/holds';
import type { NewHold } from 'temporal-http-tasks/internal/ledger/ledger';
import { LibsqlDialect } from 'temporal-http-tasks/internal/ledger/libsql/dialect';
import { migrations } from 'temporal-http-tasks/internal/ledger/migrations/index';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { createPostgresPool } from 'temporal-http-tasks/internal/ledger/postgres/pool';
import type { Tables } from 'temporal-http-tasks/internal/ledger/tables';
import { DATABASES, cleanUp, intentOf, open, runRaw, subject } from './databases';

describe.each(DATABASES)('holds in $name', ({ name, freshUrl }) => {
  let url: string;
  let ledger: OpenedLedger;

  beforeAll(async () => {
    url = await freshUrl();
    ledger = await open(url);
  });
  afterAll(cleanUp);

  it('refuse an intent on any of the ids of a user, and nothing is written', async () => {
    await ledger.addHold({ holdId: 'case-1', subjects: [subject('held-by-batch-id')], reason: 'litigation' });
    const intent = intentOf({
      workflowId: 'held',
      subjects: [subject('plaid-id')],
      holdSubjects: [subject('plaid-id'), subject('held-by-batch-id')],
    });
    expect(await ledger.recordIntent(intent)).toEqual({ kind: 'held' });
    expect(await ledger.readReceipts({ workflowId: 'held' })).toEqual([]);
    expect(await ledger.recordIntent({ ...intent, holdSubjects: [subject('plaid-id')] })).toEqual({ kind: 'recorded' });
  });

  it('refuse a bulk call of ten thousand in which one user is held', async () => {
    await ledger.addHold({ holdId: 'one-of-many', subjects: [subject('many-7777')] });
    const subjects = Array.from({ length: 10_000 }, (_, index) => subject(`many-${index}`));
    expect(await ledger.recordIntent(intentOf({ workflowId: 'many', subjects }))).toEqual({ kind: 'held' });
    expect(await ledger.readReceipts({ workflowId: 'many' })).toEqual([]);
  });

  it('do not refuse a call that is about no user', async () => {
    const intent = intentOf({ workflowId: 'no-subject', subjects: [], holdSubjects: [] });
    expect(await ledger.recordIntent(intent)).toEqual({ kind: 'recorded' });
  });

  it('are found, listed, refused for another user under the same id, and lifted by any of their subjects', async () => {
    const [a, b, c] = [subject('list-a'), subject('list-b'), subject('list-c')] as const;
    await ledger.addHold({ holdId: 'list-1', subjects: [a, b, a], reason: 'first' });
    await expect(ledger.addHold({ holdId: 'list-1', subjects: [c], reason: 'second' })).rejects.toThrow(
      HoldConflictError,
    );
    await ledger.addHold({ holdId: 'list-2', subjects: [b] });
    expect(await ledger.isHeld([c])).toBe(false);
    expect(await ledger.isHeld([c, b])).toBe(true);
    expect(await ledger.isHeld([])).toBe(false);
    const listed = (await ledger.listHolds()).filter(({ holdId }) => holdId.startsWith('list-'));
    expect(listed).toEqual([
      { holdId: 'list-1', subjects: [a, b].sort(), reason: 'first', at: expect.stringMatching(/Z$/) as string },
      { holdId: 'list-2', subjects: [b], at: expect.stringMatching(/Z$/) as string },
    ]);
    expect(await ledger.removeHolds({ subjects: [b] })).toBe(2);
    expect(await ledger.removeHolds({ subjects: [b] })).toBe(0);
    expect(await ledger.removeHolds({ holdId: 'list-1' })).toBe(0);
    expect(await ledger.isHeld([a, b])).toBe(false);
  });

  it('need a user to hold', async () => {
    await expect(ledger.addHold({ holdId: 'empty', subjects: [] })).rejects.toThrow(TypeError);
  });

  it('keep the environments that they cover and who set them; those of 0.1.0 are counted as unknown', async () => {
    const fresh = await open(await freshUrl());
    const environments = { plaid: ['sandbox', 'production'], batch: ['default'] };
    await fresh.addHold({ holdId: 'known', subjects: [subject('known')], environments, by: 'Ann', reason: 'case 1' });
    await fresh.addHold({ holdId: 'old', subjects: [subject('old-1'), subject('old-2')] });
    expect(await fresh.holds.list({ holdIds: ['known', 'old', 'none'] })).toEqual([
      {
        holdId: 'known',
        subjects: [subject('known')],
        environments,
        setBy: 'Ann',
        reason: 'case 1',
        at: expect.any(String) as string,
      },
      { holdId: 'old', subjects: [subject('old-1'), subject('old-2')].sort(), at: expect.any(String) as string },
    ]);
    expect(await fresh.holds.countUnknown()).toBe(1);
    expect(await fresh.isHeld([subject('old-2')])).toBe(true);
    await fresh.removeHolds({ holdId: 'old' });
    expect(await fresh.holds.countUnknown()).toBe(0);
  });

  it('are extended under the same id by a user who has all their subjects and more, and are unchanged by fewer', async () => {
    const fresh = await open(await freshUrl());
    const [a, b, c] = [subject('wide-a'), subject('wide-b'), subject('wide-c')] as const;
    const old = { holdId: 'wide', subjects: [a], reason: 'first' };
    const wide = {
      holdId: 'wide',
      subjects: [a, b],
      reason: 'second',
      environments: { plaid: ['production'] },
      by: 'Bob',
    };
    expect(await fresh.holds.compare([old, old, wide, { ...wide, subjects: [b, c] }])).toEqual([
      'set',
      'unchanged',
      'extended',
      'conflict',
    ]);
    expect(await fresh.holds.list({ limit: 10 })).toEqual([]);
    expect(await fresh.holds.set([old, old, wide])).toEqual(['set', 'unchanged', 'extended']);
    expect(await fresh.holds.set([wide, old])).toEqual(['unchanged', 'unchanged']);
    expect(
      await fresh.holds.set([
        { ...wide, subjects: [a, b, c], environments: { plaid: ['sandbox'], batch: ['default'] } },
      ]),
    ).toEqual(['extended']);
    expect(await fresh.listHolds()).toEqual([
      {
        holdId: 'wide',
        subjects: [a, b, c].sort(),
        reason: 'first',
        environments: { plaid: ['production', 'sandbox'], batch: ['default'] },
        setBy: 'Bob',
        at: expect.any(String) as string,
      },
    ]);
    expect(await fresh.holds.countUnknown()).toBe(0);
    expect(await fresh.holds.naming([c, a, subject('nobody')])).toEqual(
      [a, c].sort().map((one) => ({ subject: one, holdId: 'wide' })),
    );
  });

  it('whose environment was unknown know it once all their subjects are set again', async () => {
    const fresh = await open(await freshUrl());
    const again: NewHold = { holdId: 'again', subjects: [subject('again')], environments: { plaid: ['sandbox'] } };
    await fresh.addHold({ holdId: 'again', subjects: [subject('again'), subject('again-too')] });
    expect(await fresh.holds.set([again])).toEqual(['unchanged']);
    expect(await fresh.holds.countUnknown()).toBe(1);
    expect(await fresh.holds.set([{ ...again, subjects: [subject('again'), subject('again-too')] }])).toEqual([
      'extended',
    ]);
    expect(await fresh.holds.countUnknown()).toBe(0);
  });

  it('of a ledger of version 0.1.0 stay when it is brought up to date, and hold as ones of an unknown environment', async () => {
    const address = await freshUrl();
    const user = subject('since-0.1.0');
    const db = new Kysely<Tables>({
      dialect:
        name === 'Postgres'
          ? new PostgresDialect({ pool: createPostgresPool({ target: postgresTarget(address), deadlineMs: 10_000 }) })
          : new LibsqlDialect({ path: address.slice('file:'.length), deadlineMs: 10_000 }),
    });
    const dialect = name === 'Postgres' ? 'postgres' : 'libsql';
    await db.transaction().execute(async (transaction) => {
      await sql`create table ledger_migrations (name text not null primary key, at ${sql.raw(name === 'Postgres' ? 'timestamptz' : 'text')} not null)`.execute(
        transaction,
      );
      for (const migration of migrations.filter((one) => one.name < '0008')) {
        await migration.up(transaction, dialect);
        await transaction
          .insertInto('ledger_migrations')
          .values({ name: migration.name, at: new Date().toISOString() })
          .execute();
      }
      await sql`insert into holds (hold_id, subject, reason, at) values ('old', ${user}, 'case 1', '2025-01-31T10:00:00.000Z')`.execute(
        transaction,
      );
    });
    await db.destroy();
    const upgraded = await open(address);
    expect(await upgraded.listHolds()).toEqual([
      { holdId: 'old', subjects: [user], reason: 'case 1', at: '2025-01-31T10:00:00.000Z' },
    ]);
    expect(await upgraded.holds.countUnknown()).toBe(1);
    expect(await upgraded.recordIntent(intentOf({ workflowId: 'upgraded', subjects: [user] }))).toEqual({
      kind: 'held',
    });
    await upgraded.holds.lift({ holdId: 'old' }, { by: 'Ann' });
    expect(await upgraded.holds.readLog({ limit: 10 })).toMatchObject([
      { change: 'lifted', by: 'Ann', reason: 'case 1', heldSince: '2025-01-31T10:00:00.000Z', subjects: 1 },
    ]);
  });

  it('are set all or none', async () => {
    const fresh = await open(await freshUrl());
    await fresh.addHold({ holdId: 'there', subjects: [subject('there')] });
    const some = [
      { holdId: 'first', subjects: [subject('first')] },
      { holdId: 'there', subjects: [subject('other')] },
    ];
    await expect(fresh.holds.set(some)).rejects.toThrow(HoldConflictError);
    await expect(fresh.holds.set([{ holdId: 'raw', subjects: ['usr_1'] }])).rejects.toThrow(TypeError);
    expect((await fresh.listHolds()).map(({ holdId }) => holdId)).toEqual(['there']);
    expect((await fresh.holds.readLog({ limit: 10 })).map(({ holdId }) => holdId)).toEqual(['there']);
  });

  it('leave a log of who set, extended and lifted them, which nothing can change', async () => {
    const address = await freshUrl();
    const fresh = await open(address);
    const [a, b] = [subject('log-a'), subject('log-b')] as const;
    await fresh.holds.set([
      { holdId: 'log', subjects: [a], reason: 'case 7', environments: { plaid: ['sandbox'] }, by: 'Ann' },
    ]);
    await fresh.holds.set([
      {
        holdId: 'log',
        subjects: [a, b],
        reason: 'found the token',
        environments: { plaid: ['sandbox', 'production'] },
        by: 'Bob',
      },
    ]);
    expect(await fresh.holds.lift({ subjects: [b] }, { by: 'Cid', why: 'case 7 closed' })).toBe(1);
    expect(await fresh.holds.lift({ subjects: [b] }, { by: 'Cid' })).toBe(0);
    const entries = await fresh.holds.readLog({ limit: 10 });
    const shared = {
      holdId: 'log',
      reason: 'case 7',
      heldSince: entries[0]?.at,
      at: expect.stringMatching(/Z$/) as string,
      id: expect.any(Number) as number,
    };
    expect(entries).toEqual([
      { ...shared, change: 'set', by: 'Ann', environments: { plaid: ['sandbox'] }, subjects: 1 },
      {
        ...shared,
        change: 'extended',
        by: 'Bob',
        why: 'found the token',
        environments: { plaid: ['sandbox', 'production'] },
        subjects: 2,
      },
      {
        ...shared,
        change: 'lifted',
        by: 'Cid',
        why: 'case 7 closed',
        environments: { plaid: ['sandbox', 'production'] },
        subjects: 2,
      },
    ]);
    expect(await fresh.holds.readLog({ limit: 1, afterId: entries[0]?.id ?? 0 })).toEqual([entries[1]]);
    expect(await fresh.holds.readLog({ limit: 10, holdId: 'another' })).toEqual([]);
    expect(JSON.stringify(entries)).not.toContain(a);
    await expect(runRaw(address, `update hold_log set changed_by = 'Dan'`)).rejects.toThrow('append-only');
    await expect(runRaw(address, 'delete from hold_log')).rejects.toThrow('append-only');
    expect(await fresh.isHeld([a, b])).toBe(false);
  });

  it('are listed in pages, each hold whole and once', async () => {
    const fresh = await open(await freshUrl());
    const holds = Array.from({ length: 25 }, (_, number) => ({
      holdId: `page ${number}`,
      subjects: [subject(`page-${number}`), subject(`page-too-${number}`)],
    }));
    await fresh.holds.set(holds);
    const found: string[] = [];
    for (let after: string | undefined; ; after = found.at(-1)) {
      const page = await fresh.holds.list({ limit: 10, ...(after !== undefined && { afterHoldId: after }) });
      if (page.length === 0) break;
      for (const { holdId, subjects } of page) {
        expect(subjects).toHaveLength(2);
        found.push(holdId);
      }
    }
    expect([...found].sort()).toEqual(holds.map(({ holdId }) => holdId).sort());
  });

  it('lifted by two processes together are logged once', async () => {
    const address = await freshUrl();
    const [one, other] = await Promise.all([open(address), open(address)]);
    for (let round = 0; round < 10; round++) {
      await one.addHold({ holdId: `twice ${round}`, subjects: [subject('twice')] });
      const lifted = await Promise.all([
        one.holds.lift({ holdId: `twice ${round}` }),
        other.holds.lift({ subjects: [subject('twice')] }),
      ]);
      expect(lifted.sort()).toEqual([0, 1]);
    }
    expect((await one.holds.readLog({ limit: 100 })).filter(({ change }) => change === 'lifted')).toHaveLength(10);
  });

  it('let no intent through once they are set, however many are being written meanwhile', async () => {
    const writers = [ledger, ...(await Promise.all([open(url), open(url)]))];
    const setter = await open(url);
    for (let round = 0; round < 20; round++) {
      const user = subject(`race-${round}`);
      let set = false;
      const recordedAfter: string[] = [];
      const writing = writers.map(async (writer, number) => {
        for (let call = 0; call < 6; call++) {
          const alreadySet = set;
          const workflowId = `race-${round}-${number}-${call}`;
          const { kind } = await writer.recordIntent(intentOf({ workflowId, subjects: [user] }));
          if (alreadySet && kind !== 'held') recordedAfter.push(workflowId);
          if (kind === 'held') expect(await writer.readReceipts({ workflowId })).toEqual([]);
        }
      });
      const setting = setter.addHold({ holdId: `race-${round}`, subjects: [user] }).then(() => {
        set = true;
      });
      await Promise.all([...writing, setting]);
      expect(recordedAfter).toEqual([]);
      expect(await ledger.recordIntent(intentOf({ workflowId: `race-${round}-last`, subjects: [user] }))).toEqual({
        kind: 'held',
      });
    }
  });

  if (name === 'Postgres') {
    it('wait for an intent in progress, and are seen by one that began before they were committed', async () => {
      const user = subject('under-way');
      const early = new Client({ connectionString: url });
      await early.connect();
      try {
        await early.query('begin');
        await early.query(
          `select ledger_record_intent('early', 'r', '1', 's', 1, 't', 'plaid', 'sandbox', null, $1, $1, true, now())`,
          [[user]],
        );
        let holdIsSet = false;
        const setting = ledger.addHold({ holdId: 'under-way', subjects: [user] }).then(() => {
          holdIsSet = true;
        });
        await waiters(url, 1);
        // Its statement begins now, while the hold is not yet committed.
        const late = ledger.recordIntent(intentOf({ workflowId: 'late', subjects: [user] }));
        await waiters(url, 2);
        expect(holdIsSet).toBe(false);
        await early.query('commit');
        await setting;
        expect(await late).toEqual({ kind: 'held' });
        expect(await ledger.readReceipts({ workflowId: 'early' })).toHaveLength(1);
        expect(await ledger.readReceipts({ workflowId: 'late' })).toEqual([]);
      } finally {
        await early.end();
      }
    });

    it.each(['repeatable read', 'serializable'])(
      'are seen by an intent that waited for them, also where the database isolates by "%s"',
      async (level) => {
        const strict = await freshUrl();
        await runRaw(
          strict,
          `alter database "${new URL(strict).pathname.slice(1)}" set default_transaction_isolation = '${level}'`,
        );
        const strictLedger = await open(strict);
        const user = subject('isolated');
        const setting = new Client({ connectionString: strict });
        await setting.connect();
        try {
          await setting.query('begin');
          await setting.query('select pg_advisory_xact_lock(1214606444, 2)');
          const waiting = strictLedger.recordIntent(intentOf({ workflowId: 'waiting', subjects: [user] }));
          await waiters(strict, 1);
          await setting.query("insert into holds (hold_id, subject, at) values ('isolated', $1, now())", [user]);
          await setting.query('commit');
          expect(await waiting).toEqual({ kind: 'held' });
        } finally {
          await setting.end();
        }
      },
    );
  }
});

/** Resolves when this many connections wait for an advisory lock. */
async function waiters(url: string, count: number): Promise<void> {
  for (;;) {
    const waiting = await runRaw(
      url,
      `select 1 from pg_locks where locktype = 'advisory' and not granted
         and database = (select oid from pg_database where datname = current_database())`,
    );
    if (waiting.length === count) return;
  }
}
