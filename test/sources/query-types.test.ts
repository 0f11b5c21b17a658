import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import { allOf, failureOf, removeFolders, rowsOf } from './reading';
import { freshLibsql, freshPostgres, source } from './query-databases';

afterAll(removeFolders);

const USERS = 'create table users (id integer primary key, closed_at text)';

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
  ])('that cannot hold IDs are refused before any row, by column and type: %s', async (expression, type) => {
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
  ])('that are not a list of Items make a bad row: %s', async (expression, problem) => {
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
  ])('that are not IDs make a bad row: %s', async (expression, problem) => {
    const { url, run } = freshLibsql();
    await run(USERS);
    const [row] = await rowsOf(source(url, `select ${expression} as batch_user_id`));
    expect(row?.problem).toContain(problem);
  });
});

describe('the declared types of a query to libSQL', () => {
  const TABLE = 'create table switches (active boolean, at datetime, photo blob, name text)';

  it.each([
    ['active', 'boolean'],
    ['at', 'datetime'],
    ['photo', 'blob'],
  ])('that are of no ID refuse it, also without a row: %s', async (column, type) => {
    const { url, run } = freshLibsql();
    await run(TABLE);
    const error = await failureOf(allOf(source(url, `select ${column} as batch_user_id from switches`)));
    expect(error.message).toContain(`the column batch_user_id has the type ${type}, which is not supported`);
  });

  it('let a time be the end of an account, and a text whatever it is', async () => {
    const { url, run } = freshLibsql();
    await run(TABLE);
    await run(`insert into switches values (1, '2026-01-31T00:00:00Z', null, 'b')`);
    const [row] = await rowsOf(source(url, 'select name as batch_user_id, at as closed_at from switches'));
    expect(row?.user).toMatchObject({ batchUserId: 'b', closedAt: '2026-01-31T00:00:00Z' });
  });
});
