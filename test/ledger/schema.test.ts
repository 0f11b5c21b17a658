import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'libsql';
import { statementsIn } from 'temporal-http-tasks/internal/ledger/migrations/index';
import { DATABASES, cleanUp, open, runRaw } from './databases';

/** Queries whose rows are the statements that create a schema, in an order in which they can be run. */
const DUMPS: Record<'libSQL' | 'Postgres', readonly string[]> = {
  libSQL: [
    `select sql as statement from sqlite_master where sql is not null and name not like 'sqlite_%'
     order by case type when 'table' then 1 when 'index' then 2 when 'view' then 3 else 4 end, name`,
  ],
  Postgres: [
    `select format(E'create table %s (%s\\n)%s', c.relname, string_agg(p.part, ',' order by p.kind, p.place),
       ' with (' || array_to_string(c.reloptions, ', ') || ')') as statement
     from pg_class c cross join lateral (
       select 1 as kind, a.attnum::text::integer as place, E'\\n  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
         || case a.attidentity when 'a' then ' generated always as identity' else '' end
         || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
         || case when a.attnotnull then ' not null' else '' end as part
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       union all
       select 2, (row_number() over (order by o.conname))::integer,
         E'\\n  constraint ' || o.conname || ' ' || pg_get_constraintdef(o.oid)
       from pg_constraint o where o.conrelid = c.oid and o.contype <> 'n'
     ) p
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by c.oid, c.relname, c.reloptions order by c.relname`,
    `select indexdef as statement from pg_indexes i
     where schemaname = 'public' and not exists (select 1 from pg_constraint o where o.conname = i.indexname)
     order by indexname`,
    `select rtrim(pg_get_functiondef(oid), E'\\n') as statement from pg_proc where pronamespace = 'public'::regnamespace
     order by proname, pronargs`,
    `select pg_get_triggerdef(oid) as statement from pg_trigger where not tgisinternal order by tgname`,
  ],
};

const FOLDERS = { libSQL: 'libsql', Postgres: 'postgres' } as const;

const HEADER = `-- The schema of a ledger after all migrations. Not run by anything: it is for reading, and tests compare it.
-- After a new migration: npx jest test/ledger/schema.test.ts -u
`;

async function dump(url: string, name: 'libSQL' | 'Postgres'): Promise<string> {
  let text = HEADER;
  for (const query of DUMPS[name])
    for (const { statement } of await runRaw(url, query)) text += `\n${String(statement)};\n`;
  return text;
}

function runInFile(file: string, text: string): void {
  const database = new Database(file);
  database.exec(text);
  database.close();
}

/** Whether jest was started with -u. */
function isUpdate(): boolean {
  const { snapshotState } = expect.getState() as unknown as { snapshotState: { _updateSnapshot: string } };
  return snapshotState._updateSnapshot === 'all';
}

// A released migration is never edited: a change of this text that does not come with a new migration is a mistake.
describe.each(DATABASES)('the schema in $name', ({ name, freshUrl }) => {
  const file = path.join(__dirname, '../../src/ledger', FOLDERS[name], 'schema.sql');
  afterAll(cleanUp);

  it('is the one in the committed dump', async () => {
    const url = await freshUrl();
    await open(url);
    const found = await dump(url, name);
    if (isUpdate()) writeFileSync(file, found);
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(found);
  });

  it('is what the committed dump creates in an empty database', async () => {
    const url = await freshUrl();
    const text = readFileSync(file, 'utf8');
    if (name === 'Postgres') await runRaw(url, text);
    else runInFile(url.slice('file:'.length), text);
    expect(await dump(url, name)).toBe(text);
  });
});

it('each statement in a file of a migration is one statement', () => {
  expect(
    statementsIn(
      "-- About this file.\n\ncreate table a (\n  b text\n);\n\n-- Why.\n-- More.\ninsert into a values (';');\n",
    ),
  ).toEqual(['create table a (\n  b text\n)', "insert into a values (';')"]);
  expect(statementsIn('-- Nothing to do.\n')).toEqual([]);
});
