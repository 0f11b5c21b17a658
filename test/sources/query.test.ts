import { existsSync } from 'node:fs';
import path from 'node:path';
import Database from 'libsql';
import { Client } from 'pg';
import { readSourceSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { QuerySource } from 'temporal-http-tasks/internal/sources/query-source';
import { SourceError, SourceUnavailableError } from 'temporal-http-tasks/internal/sources/source';
import { freshPostgresUrl } from '../support/postgres';
import { allOf, failureOf, removeFolders, rowsOf, temporaryFolder } from './reading';

afterAll(removeFolders);

interface TestDatabase {
  url: string;
  run: (...statements: string[]) => Promise<void>;
}

async function freshPostgres(): Promise<TestDatabase> {
  const url = await freshPostgresUrl();
  return {
    url,
    run: async (...statements) => {
      const client = new Client({ connectionString: url });
      await client.connect();
      for (const statement of statements) await client.query(statement);
      await client.end();
    },
  };
}

function freshLibsql(): TestDatabase {
  const file = path.join(temporaryFolder(), 'source #1?%41.db');
  return {
    url: `file:${file}`,
    run: async (...statements) => {
      const database = new Database(file);
      for (const statement of statements) database.exec(statement);
      database.close();
    },
  };
}

function source(url: string, query: string, scheduledTime?: string): QuerySource {
  const settings = readSourceSettings({ HTTP_TASKS_SOURCE_CLOSED_URL: url, HTTP_TASKS_SOURCE_CLOSED_QUERY: query });
  const named = settings.query('closed');
  if (!named) throw new Error('The query is not there.');
  return new QuerySource(named, { scheduledTime });
}

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

  it('binds :scheduledTime, wherever it stands outside of texts and comments', async () => {
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

  it('is read page by page, goes on behind any row, and refuses to when the rows before have changed', async () => {
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

  it('that answers no known column, or a nearly known one, is refused also when it has no row', async () => {
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

  it('that cannot run tells what is wrong with it, and none of its data', async () => {
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
    // A transaction that is still open would hold back whoever changes the table.
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

  it('that takes long is given up at once when the reader is told to stop', async () => {
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

describe('the types of a query to Postgres', () => {
  const setUp = [
    `create type tier as enum ('gold', 'null')`,
    'create domain customer as varchar(20)',
    'create domain amount as double precision',
    `create table typed (d customer, ds customer[], e tier, es tier[], a amount, v varchar, n name, u uuid, c char(24), s smallint, i integer, l bigint, m numeric(20, 0))`,
    `insert into typed values ('c1', '{c2,c3}', 'gold', '{gold}', 1, 'v', 'n', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', 'u1', 3, 4, 9007199254740993, 123456789012345678)`,
  ];
  let url: string;
  beforeAll(async () => {
    const fresh = await freshPostgres();
    await fresh.run(...setUp);
    url = fresh.url;
  });

  it.each([
    ['d', 'c1'],
    ['e', 'gold'],
    ['v', 'v'],
    ['n', 'n'],
    ['u', '3f2504e0-4f89-11d3-9a0c-0305e82c3301'],
    ['c', 'u1'],
    ['s', '3'],
    ['i', '4'],
    ['l', '9007199254740993'],
    ['m', '123456789012345678'],
    [`'x'`, 'x'],
  ])('that are IDs: %s', async (expression, id) => {
    expect(await rowsOf(source(url, `select ${expression} as batch_user_id from typed`))).toEqual([
      { line: 1, user: { batchUserId: id } },
    ]);
  });

  it.each([
    ['1.5::float8', 'double precision'],
    ['1::real', 'real'],
    ['true', 'boolean'],
    [`'{"id":"u1"}'::jsonb->'id'`, 'jsonb'],
    [`'"u1"'::json`, 'json'],
    [`'a'::bytea`, 'bytea'],
    ['now()', 'timestamp with time zone'],
    ['now()::timestamp', 'timestamp without time zone'],
    ['current_date', 'date'],
    [`'1 day'::interval`, 'interval'],
    [`1::money`, 'money'],
    [`'10.0.0.1'::inet`, 'inet'],
    [`array['u1']`, 'text[]'],
    ['ds', 'customer[]'],
    ['a', 'double precision'],
    [`row(1, 2)`, 'record'],
    [`'<a/>'::xml`, 'xml'],
  ])('that are none are refused before any row, by column and type: %s', async (expression, type) => {
    for (const rows of [`from typed`, 'from typed where false']) {
      const error = await failureOf(allOf(source(url, `select ${expression} as batch_user_id ${rows}`)));
      expect(error).toBeInstanceOf(SourceError);
      expect(error.message).toBe(
        `query: the column batch_user_id has the type ${type}, which is not supported; it must be a text, a uuid or a whole number.`,
      );
    }
    expect(await rowsOf(source(url, `select v as batch_user_id, ${expression} as other from typed`))).toHaveLength(1);
  });

  it('of whole numbers that have decimals make bad rows', async () => {
    const rows = await rowsOf(
      source(
        url,
        `select x::numeric as batch_user_id from unnest(array['7', '123.00', '0.5', 'NaN', '1e30']) with ordinality as list (x, n) order by n`,
      ),
    );
    const problem = 'batch_user_id: must be a string, or a whole number without fraction and exponent';
    expect(rows.map(({ user, problem: why }) => why ?? user)).toEqual([
      { batchUserId: '7' },
      problem,
      problem,
      problem,
      { batchUserId: `1${'0'.repeat(30)}` },
    ]);
  });

  it.each([
    [`array['a;b', 'c']`, ['a;b', 'c']],
    [`array['a']::char(5)[]`, ['a']],
    [`array[7, 9007199254740993]::bigint[]`, ['7', '9007199254740993']],
    ['ds', ['c2', 'c3']],
    ['es', ['gold']],
    [`'["a", "b"]'::jsonb`, ['a', 'b']],
    [`'["a"]'::json`, ['a']],
    [`'a;b'`, ['a', 'b']],
  ])('may be lists of Items: %s', async (expression, itemIds) => {
    expect(await rowsOf(source(url, `select 'usr' as plaid_user_id, ${expression} as item_ids from typed`))).toEqual([
      { line: 1, user: { plaidUserId: 'usr', itemIds } },
    ]);
  });

  it.each([
    [`'{"a":"b"}'::jsonb`, 'must be a list of strings'],
    [`'[1.5]'::jsonb`, 'entry 1 must be a string, or a whole number'],
    [`'[[1]]'::jsonb`, 'entry 1 must be a string'],
    [`'[{"a":1,"a":2}]'::json`, 'is not a list'],
    [`'["a", null]'::jsonb`, 'entry 2 must be a string'],
    [`'[]'::jsonb`, 'must contain at least one ID'],
    [`array['a', null]`, 'entry 2 must be a string'],
    [`array[array['a'], array['b']]`, 'entry 1 must be a string'],
    [`'["a","b"]'`, 'is not a list of IDs joined by semicolons'],
    [`'{a,b}'`, 'is not a list of IDs joined by semicolons'],
    [`'a,b'`, 'is not a list of IDs joined by semicolons'],
  ])('that are no list of Items make a bad row: %s', async (expression, problem) => {
    const [row] = await rowsOf(source(url, `select 'usr' as plaid_user_id, ${expression} as item_ids`));
    expect(row?.problem).toContain(problem);
  });

  it.each(['1.5::float8', 'true', 'array[1.5]::float8[]', `array['{}'::jsonb]`, 'now()'])(
    'of Items that cannot be any are refused: %s',
    async (expression) => {
      const error = await failureOf(allOf(source(url, `select 'usr' as plaid_user_id, ${expression} as item_ids`)));
      expect(error.message).toContain('the column item_ids has the type');
    },
  );

  it('of an unused document are searched for IDs, unless it is ignored', async () => {
    const query = `select 'b' as batch_user_id, '{"accounts":[{"plaid_user_id":"canary"}]}'::jsonb as attributes`;
    const error = await failureOf(allOf(source(url, query)));
    expect(error.message).toContain('the column attributes.accounts.plaid_user_id would be ignored');
    expect(error.message).not.toContain('canary');
    const harmless = `select 'b' as batch_user_id, '{"city":"x"}'::jsonb as attributes, '[1]'::json as more`;
    expect(await rowsOf(source(url, harmless))).toEqual([{ line: 1, user: { batchUserId: 'b' } }]);
  });

  it('of a list in a document are exact numbers or refused', async () => {
    const listed = (list: string): string =>
      `select 'b' as batch_user_id, 'p' as plaid_user_id, '${list}'::jsonb as item_ids`;
    expect(await rowsOf(source(url, listed('[9007199254740993, "i_2"]')))).toEqual([
      { line: 1, user: { batchUserId: 'b', plaidUserId: 'p', itemIds: ['9007199254740993', 'i_2'] } },
    ]);
    const [row] = await rowsOf(source(url, listed('[1.5]')));
    expect(row?.problem).toContain('item_ids: entry 1 must be a string, or a whole number without fraction');
  });

  it('of a reference may be a time or a number, and no list or document', async () => {
    expect(await rowsOf(source(url, `select 'b' as batch_user_id, date '2026-01-31' as reference`))).toEqual([
      { line: 1, user: { batchUserId: 'b', reference: '2026-01-31' } },
    ]);
    expect(
      (await failureOf(allOf(source(url, `select 'b' as batch_user_id, '{}'::jsonb as reference`)))).message,
    ).toContain('the column reference has the type jsonb');
  });
});

describe('the values of a query to libSQL', () => {
  it.each([
    ['1.5', 'must be a string or a whole number, and is a floating-point number'],
    ['cast(2 as real)', 'must be a string or a whole number, and is a floating-point number'],
    [`x'7531'`, 'must be a string'],
  ])('that are no IDs make a bad row: %s', async (expression, problem) => {
    const { url, run } = freshLibsql();
    await run(USERS);
    const [row] = await rowsOf(source(url, `select ${expression} as batch_user_id`));
    expect(row?.problem).toContain(problem);
  });
});

it('a query whose unused column resembles an ID is refused, also without a row', async () => {
  const { url, run } = freshLibsql();
  await run(USERS);
  const query = `select 'b' as batch_user_id, 'x' as user_name where :scheduledTime is null`;
  const error = await failureOf(allOf(source(url, query, '2026-06-01T03:00:00.000Z')));
  expect(error.message).toContain('the column user_name would be ignored');
});
