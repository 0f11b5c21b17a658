import { Client } from 'pg';
import { readSourceSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { OpenedLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import { QuerySource } from 'temporal-http-tasks/internal/sources/query-source';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { allOf, failureOf } from '../sources/reading';
import { offboard, seedUser } from '../support/offboarding-runs';
import { freshPostgresUrl } from '../support/postgres';
import { startPgBouncer } from '../support/pgbouncer';
import type { PgBouncer } from '../support/pgbouncer';
import { openSweepPlace } from '../support/sweep-runs';
import { SUBJECT_KEY, cleanUp, intentOf, open, subject } from './databases';
import { unhurriedMs } from '../support/unhurried';

// A real PgBouncer in transaction mode, in its usual configuration, which refuses settings of a session, and in one that
// ignores them. The database's usual isolation is one in which recording an intent would not see a hold.

const IGNORING = { ignore_startup_parameters: 'statement_timeout, lock_timeout, idle_in_transaction_session_timeout' };

jest.setTimeout(120_000);

async function serializableDatabase(): Promise<string> {
  const url = await freshPostgresUrl();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(
    `alter database ${new URL(url).pathname.slice(1)} set default_transaction_isolation to 'serializable'`,
  );
  await client.end();
  return url;
}

describe.each([
  ['refuses', {}],
  ['ignores', IGNORING],
])('a ledger behind a PgBouncer that %s settings of a session', (_how, settings) => {
  let direct: string;
  let pooler: PgBouncer;
  let ledger: OpenedLedger;

  beforeAll(async () => {
    direct = await serializableDatabase();
    pooler = await startPgBouncer(direct, settings);
    ledger = await open(pooler.url, { deadlineMs: 4_000 });
  });
  afterAll(async () => {
    await cleanUp();
    await pooler.stop();
  });

  it('is brought up to date, and works for many concurrent clients', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => open(pooler.url, { deadlineMs: 20_000 })));
    const recorded = await Promise.all(
      clients.flatMap((one, at) =>
        Array.from({ length: 12 }, (_, number) => one.recordIntent(intentOf({ workflowId: `${at}-${number}` }))),
      ),
    );
    expect(recorded.filter(({ kind }) => kind !== 'recorded')).toEqual([]);
    expect(await ledger.readReceipts({ workflowId: '3-7' })).toHaveLength(1);
  });

  it('records no intent for a hold that is being set, although the isolation of the database would hide it', async () => {
    const other = new Client({ connectionString: direct });
    await other.connect();
    try {
      const held = subject(`held-${_how}`);
      await other.query('begin isolation level read committed; select pg_advisory_xact_lock(1214606444, 2)');
      const recording = ledger.recordIntent(intentOf({ subjects: [held] }));
      await waiting(other);
      await other.query('insert into holds (hold_id, subject, reason, at) values ($1, $2, null, now())', [
        `hold-${_how}`,
        held,
      ]);
      await other.query('commit');
      expect(await recording).toEqual({ kind: 'held' });
    } finally {
      await other.end();
    }
  });

  it('responds in time while its table is locked, and leaves no limit of its own behind for other clients', async () => {
    const other = new Client({ connectionString: direct });
    await other.connect();
    await other.query('begin; lock table receipts in access exclusive mode');
    const tookMs = await unhurriedMs(() =>
      expect(ledger.recordIntent(intentOf({ workflowId: 'locked' }))).rejects.toMatchObject({
        name: 'LedgerUnavailableError',
      }),
    );
    // The server gave up by itself: 55P03 or 57014.
    expect(tookMs).toBeLessThan(4_500);
    await other.query('rollback');
    await other.end();
    expect(await ledger.recordIntent(intentOf({ workflowId: 'free' }))).toEqual({ kind: 'recorded' });
    const clients = await Promise.all(Array.from({ length: 3 }, () => connected(pooler.url)));
    const found = await Promise.all(
      clients.map(async (client) => {
        await client.query('begin');
        const { rows } = await client.query<{ statement: string; isolation: string }>(
          "select current_setting('statement_timeout') as statement, current_setting('default_transaction_isolation') as isolation",
        );
        await client.query('commit');
        await client.end();
        return rows[0];
      }),
    );
    expect(found).toEqual(Array(3).fill({ statement: '0', isolation: 'serializable' }));
  });

  it('serves a worker: a user and a sweep', async () => {
    const place = await openSweepPlace({ ledgerUrl: (await startedFor(settings)).url });
    try {
      await place.startWorker();
      const { user } = seedUser(place);
      expect(await offboard(place, { user })).toMatchObject({ status: 'completed' });
      const sweep = await place.start({
        source: { file: await place.users(300) },
        granularity: 'chunk',
        rate: 100_000,
      });
      expect(await sweep.result()).toMatchObject({ status: 'completed', counts: { total: 300 } });
    } finally {
      await place.close();
    }
  });

  it('feeds a source of users', async () => {
    const source = querySource(pooler.url, "select 'b_' || n as batch_user_id from generate_series(1, 3) n order by n");
    expect(await allOf(source)).toHaveLength(3);
  });
});

describe('what a PgBouncer refuses', () => {
  let pooler: PgBouncer;

  beforeAll(async () => {
    pooler = await startPgBouncer(await freshPostgresUrl());
  });
  afterAll(() => pooler.stop());

  it.each([
    [
      'a database that it does not have',
      (url: URL, who: string) => (url.pathname = `/nosuch-${who}`),
      /\(08P01: .*nosuch/,
    ],
    [
      'options of a session in the URL',
      (url: URL) => (url.search = '?options=-c%20search_path%3Dpublic'),
      /\(08P01: unsupported startup parameter: options\)/,
    ],
  ])('is final, and named: %s', async (_what, change, words) => {
    // PgBouncer keeps the next client of such a database waiting.
    const urlFor = (who: string): string => {
      const url = new URL(pooler.url);
      change(url, who);
      return url.href;
    };
    const error: unknown = await openLedger({ url: urlFor('ledger'), subjectKey: SUBJECT_KEY }).then(
      () => 'opened',
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LedgerSettingError);
    expect(String(error)).toMatch(/HTTP_TASKS_LEDGER_URL: /);
    expect(String(error)).toMatch(words);
    const failure = await failureOf(allOf(querySource(urlFor('source'), "select 'b' as batch_user_id")));
    expect(failure).toBeInstanceOf(SourceError);
    expect(String(failure)).toMatch(words);
  });
});

const started: PgBouncer[] = [];
afterAll(() => Promise.all(started.map((pooler) => pooler.stop())));

async function startedFor(settings: Readonly<Record<string, string>>): Promise<PgBouncer> {
  const pooler = await startPgBouncer(await serializableDatabase(), settings);
  started.push(pooler);
  return pooler;
}

function querySource(url: string, query: string): QuerySource {
  const named = readSourceSettings({ HTTP_TASKS_SOURCE_CLOSED_URL: url, HTTP_TASKS_SOURCE_CLOSED_QUERY: query }).query(
    'closed',
  );
  if (!named) throw new Error('The query is not there.');
  return new QuerySource(named, undefined);
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Resolves once another session waits for an advisory lock. */
async function waiting(client: Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query(
      "select 1 from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())",
    );
    if (rows.length > 0) return;
  }
}
