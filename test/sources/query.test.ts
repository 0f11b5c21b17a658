import { existsSync } from 'node:fs';
import { Client } from 'pg';
import { SourceError, SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';
import { freshLibsql, freshPostgres, source } from './query-databases';
import { allOf, failureOf, removeFolders, rowsOf } from './reading';

afterAll(removeFolders);

const USERS = 'create table users (id integer primary key, closed_at text)';

describe.each([
  ['Postgres', freshPostgres],
  ['libSQL', async () => freshLibsql()],
])('a query to %s', (kind, fresh) => {
  it('gives users by the names of its columns; text and null as they are, whole numbers without rounding', async () => {
    const { url, run } = await fresh();
    await run('create table users (plaid text, batch bigint, items text)');
    await run(
      `insert into users values ('usr 1', 9007199254740993, 'a;b'), (null, 2, null), ('', null, null), ('usr_3', null, 'a;;b')`,
    );
    const query = 'select plaid as plaid_user_id, batch as batch_user_id, items as item_ids, 1 as other from users';
    expect(await rowsOf(source(url, query))).toEqual([
      { line: 1, user: { plaidUserId: 'usr 1', batchUserId: '9007199254740993', itemIds: ['a', 'b'] } },
      { line: 2, user: { batchUserId: '2' } },
      { line: 3, problem: expect.stringContaining('has no user ID') as string },
      { line: 4, problem: 'item_ids: entry 2 must not be empty' },
    ]);
    expect(source(url, query).describe()).toBe('the query closed');
  });

  it('binds :scheduledTime, wherever it is outside of texts and comments', async () => {
    const { url, run } = await fresh();
    const before =
      kind === 'Postgres'
        ? `closed_at::timestamptz < :scheduledTime - interval '30 days'`
        : `closed_at < datetime(:scheduledTime, '-30 days')`;
    await run(USERS, `insert into users values (1, '2026-01-01 00:00:00'), (2, '2026-05-25 00:00:00')`);
    const query = `select id as batch_user_id, ':other;' as reference -- :comment;\n from users where ${before} and :scheduledTime is not null;`;
    expect(await rowsOf(source(url, query, '2026-06-01T03:00:00.000Z'))).toEqual([
      { line: 1, user: { batchUserId: '1', reference: ':other;' } },
    ]);
    expect(() => source(url, query)).toThrow('no time is given');
  });

  it('is read page by page, continues behind any row, and refuses to when the rows before have changed', async () => {
    const { url, run } = await fresh();
    await run(
      USERS,
      kind === 'Postgres'
        ? 'insert into users select n from generate_series(1, 2300) n'
        : 'insert into users (id) with recursive c(x) as (select 1 union all select x + 1 from c where x < 2300) select x from c',
    );
    const query = 'select id as batch_user_id from users order by id';
    const rows = await allOf(source(url, query));
    expect(rows.map(({ user }) => user?.batchUserId)).toEqual(
      Array.from({ length: 2300 }, (_, index) => String(index + 1)),
    );
    expect(await allOf(source(url, query), { after: rows[1499]?.position })).toEqual(rows.slice(1500));
    await run('delete from users where id = 7');
    const error = await failureOf(allOf(source(url, query), { after: rows[1499]?.position }));
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toContain('the first 1500 rows differ from those that were read before');
  });

  it('that would change something is refused by the database, and changes nothing', async () => {
    const { url, run } = await fresh();
    await run(USERS, `insert into users values (1, 'x')`);
    const writing =
      kind === 'Postgres'
        ? [
            'with gone as (delete from users returning id) select id as batch_user_id from gone',
            `select wipe() as batch_user_id`,
          ]
        : ['with gone as (select 1) delete from users returning id as batch_user_id'];
    if (kind === 'Postgres')
      await run(
        `create function wipe() returns text language plpgsql as $$ begin delete from users; return 'x'; end $$`,
      );
    for (const query of writing) expect(await failureOf(allOf(source(url, query)))).toBeInstanceOf(SourceError);
    expect(await rowsOf(source(url, 'select id as batch_user_id from users'))).toHaveLength(1);
  });

  it('that returns no known column, or a nearly known one, is refused also when it has no row', async () => {
    const { url, run } = await fresh();
    await run(USERS);
    expect((await failureOf(allOf(source(url, 'select id from users')))).message).toContain(
      'needs at least one of the columns',
    );
    expect(
      (await failureOf(allOf(source(url, 'select id as batch_user_id, id as "plaidUserId" from users')))).message,
    ).toContain('nearly called plaid_user_id');
    expect(await allOf(source(url, 'select id as batch_user_id from users'))).toEqual([]);
  });

  it('that cannot run reports what is wrong with it, and none of its data', async () => {
    const { url, run } = await fresh();
    await run(USERS, `insert into users values (1, 'canary')`);
    const unknown = await failureOf(allOf(source(url, 'select nosuch as batch_user_id from users')));
    expect(unknown).toBeInstanceOf(SourceError);
    expect(unknown.message).toContain('nosuch');
    const quoting = kind === 'Postgres' ? 'closed_at::integer' : `json_extract(closed_at, '$.x')`;
    const failed = await failureOf(allOf(source(url, `select id as batch_user_id, ${quoting} from users`)));
    expect(failed).toBeInstanceOf(SourceError);
    expect(failed.message).not.toContain('canary');
  });

  it('leaves nothing open when its reader stops early', async () => {
    const { url, run } = await fresh();
    await run(USERS, `insert into users values (1, 'x'), (2, 'x')`);
    for await (const { line } of source(url, 'select id as batch_user_id from users').rows()) {
      expect(line).toBe(1);
      break;
    }
    // A transaction that is still open would block a client that changes the table.
    await run(
      ...(kind === 'Postgres' ? [`set lock_timeout = '2s'`] : []),
      'alter table users add column more text',
      'drop table users',
    );
  });

  it('whose database is not there says so', async () => {
    const { url } = await fresh();
    const elsewhere = kind === 'Postgres' ? 'postgres://canary:canary@127.0.0.1:9/none' : `${url}-missing`;
    const error = await failureOf(allOf(source(elsewhere, 'select 1 as batch_user_id')));
    expect(error).toBeInstanceOf(kind === 'Postgres' ? SourceUnavailableError : SourceError);
    expect(error.message).not.toContain('canary');
    if (kind !== 'Postgres') expect(existsSync(elsewhere.slice('file:'.length))).toBe(false);
  });
});

describe('a query to Postgres', () => {
  it('may give Items as a list', async () => {
    const { url } = await freshPostgres();
    expect(await rowsOf(source(url, `select 'usr' as plaid_user_id, array['a;b', 'c"d'] as item_ids`))).toEqual([
      { line: 1, user: { plaidUserId: 'usr', itemIds: ['a;b', 'c"d'] } },
    ]);
  });

  it('that takes long is given up immediately when the reader is stopped', async () => {
    const { url } = await freshPostgres();
    const stop = new AbortController();
    const reading = failureOf(
      allOf(source(url, 'select pg_sleep(60)::text as batch_user_id'), { signal: stop.signal }),
    );
    const client = new Client({ connectionString: url });
    await client.connect();
    const asleep = `select 1 from pg_stat_activity where application_name = 'temporal-http-tasks source' and wait_event = 'PgSleep' and datname = current_database()`;
    while ((await client.query(asleep)).rowCount === 0);
    const began = performance.now();
    stop.abort(new Error('enough'));
    expect((await reading).message).toBe('enough');
    expect(performance.now() - began).toBeLessThan(5_000);
    await client.end();
  });

  it('that loses its connection rejects with what can be tried again', async () => {
    const { url, run } = await freshPostgres();
    const rows = source(url, 'select n as batch_user_id from generate_series(1, 2000) n').rows();
    await rows.next();
    await run(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'temporal-http-tasks source' and datname = current_database()`,
    );
    const rest = (async () => {
      for (;;) if ((await rows.next()).done) return;
    })();
    expect(await failureOf(rest)).toBeInstanceOf(SourceUnavailableError);
  });
});

describe('a query to libSQL', () => {
  it('leaves the main thread free while it runs', async () => {
    const { url, run } = freshLibsql();
    await run(USERS);
    const slow = `with recursive c(x) as (select 1 union all select x + 1 from c where x < 2000000) select max(x) as batch_user_id from c`;
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    expect(await rowsOf(source(url, slow))).toEqual([{ line: 1, user: { batchUserId: '2000000' } }]);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
  });
});

it('a query whose unused column resembles an ID is refused, also without a row', async () => {
  const { url, run } = freshLibsql();
  await run(USERS);
  const query = `select 'b' as batch_user_id, 'x' as user_name where :scheduledTime is null`;
  const error = await failureOf(allOf(source(url, query, '2026-06-01T03:00:00.000Z')));
  expect(error.message).toContain('the column user_name would be ignored');
});
