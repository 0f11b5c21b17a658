import { DATABASES, cleanUp, open, runRaw } from './databases';

/** What a database says about its own schema, in an order that does not change. */
const DESCRIBE: Record<'libSQL' | 'Postgres', string> = {
  libSQL: `select sql as line from sqlite_master where sql is not null order by type desc, name`,
  Postgres: `
    select line from (
      select 1 as part, c.table_name || '.' || lpad(c.ordinal_position::text, 2, '0') as place,
        c.table_name || '.' || c.column_name || ' ' || c.data_type
          || case c.is_nullable when 'NO' then ' not null' else '' end
          || case when c.column_default is null then '' else ' default ' || c.column_default end
          || case c.is_identity when 'YES' then ' generated ' || lower(c.identity_generation) || ' as identity' else '' end
          as line
      from information_schema.columns c where c.table_schema = 'public'
      union all
      select 2, indexname, indexdef from pg_indexes where schemaname = 'public'
      union all
      select 3, conname, conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
      from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
      union all
      select 4, tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
      union all
      select 5, proname, pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
    ) as parts order by part, place, line`,
};

// A released migration is never edited: a change of this text that does not come with a new migration is a mistake.
describe.each(DATABASES)('the schema in $name', ({ name, freshUrl }) => {
  afterAll(cleanUp);

  it('is the one that was reviewed', async () => {
    const url = await freshUrl();
    await open(url);
    const lines = (await runRaw(url, DESCRIBE[name])).map(({ line }) => String(line));
    expect(`\n${lines.join('\n')}\n`).toMatchSnapshot();
  });
});
