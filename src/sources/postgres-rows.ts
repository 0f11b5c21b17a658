import { DatabaseError, types } from 'pg';
import { parsePostgresUrl } from '../transport/postgres-url';
import { clientConfig, GuardedClient, PostgresRefusedError } from '../ledger/postgres-client';
import { protocolRefusal } from '../ledger/sql-failure';
import { PAGE_DEADLINE_MS, ROWS_PER_PAGE } from './sql-rows';
import type { SqlPage, SqlRun, SqlType } from './sql-rows';
import { SourceError, SourceUnavailableError } from './source';

const CONNECT_DEADLINE_MS = 10_000;
/** The server gives up a little earlier than this side, so that its own answer says why. */
const SERVER_SHARE = 0.9;

/**
 * The limits belong to the transaction and not to the session: poolers refuse or ignore those of a session, or give them to
 * another client. A process that freezes must not hold back the clean-up of the whole database forever.
 */
const BEGIN = [
  'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  `SET LOCAL statement_timeout = ${PAGE_DEADLINE_MS * SERVER_SHARE}`,
  `SET LOCAL idle_in_transaction_session_timeout = ${2 * PAGE_DEADLINE_MS}`,
  // A role or database may write times in another form, which no one could read.
  "SET LOCAL DateStyle = 'ISO'",
].join('; ');

const TEXT_LIST = 1009;
type ParseText = (text: string) => unknown;
const asText: ParseText = (text) => text;
// The package's own types leave out the lists.
const asList = (types.getTypeParser as (oid: number) => ParseText)(TEXT_LIST);

/**
 * Streams a query from Postgres by a cursor in a read-only transaction, every value as the text that Postgres writes
 * it as: a number that JavaScript rounds would be another person's id.
 *
 * A cursor can only be declared for a query that reads, and the transaction refuses what its functions might write.
 */
export async function* postgresRows({
  url,
  plaintextAllowed,
  sql,
  values,
  signal,
}: SqlRun): AsyncGenerator<SqlPage, void, undefined> {
  const target = parsePostgresUrl(url, { item: 'source.name', plaintextAllowed });
  if (typeof target === 'string') throw new SourceError('query', `the URL of its database ${target}`);
  const client = new GuardedClient({
    ...clientConfig(target),
    application_name: target.applicationName ?? 'temporal-http-tasks source',
    connectionTimeoutMillis: CONNECT_DEADLINE_MS,
    query_timeout: PAGE_DEADLINE_MS,
    keepAlive: true,
    types: { getTypeParser: () => asText },
  });
  // Raised when the server ends the connection between two statements; the next one fails and says so.
  client.on('error', () => undefined);
  // In the middle of a statement this breaks the connection, which is the quickest way to give it up.
  const stop = (): void => void client.end();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    await client.connect();
    await client.query(BEGIN);
    // The extended protocol takes one statement only, whatever the text says; the package's types do not know the mode.
    const declare = {
      text: `DECLARE source_rows NO SCROLL CURSOR FOR ${sql}`,
      values: [...values],
      queryMode: 'extended',
    };
    await client.query(declare);
    let types: SqlType[] | undefined;
    for (;;) {
      const page = await client.query<unknown[]>({ text: `FETCH ${ROWS_PER_PAGE} FROM source_rows`, rowMode: 'array' });
      types ??= await typesOf(
        client,
        page.fields.map(({ dataTypeID }) => dataTypeID),
      );
      signal?.throwIfAborted();
      yield { columns: page.fields.map(({ name }) => name), types, rows: listsRead(page.rows, types) };
      if (page.rows.length < ROWS_PER_PAGE) return;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw explained(error);
  } finally {
    signal?.removeEventListener('abort', stop);
    await client.end().catch(() => undefined);
  }
}

/** A type as the catalogue knows it, and what its entries are when it is a list. */
interface TypeRow {
  oid: number;
  name: string;
  typname: string;
  typtype: string;
  typcategory: string;
  is_list: boolean;
}

/** A domain over a list or as a list's entry counts as what it is over; a result's own domains are resolved by the server. */
const TYPES = `
  select t.oid::int8::text as oid, pg_catalog.format_type(t.oid, null) as name, b.typname, b.typtype, b.typcategory,
    (t.typcategory = 'A')::text as is_list
  from pg_catalog.pg_type t
  left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
  join pg_catalog.pg_type b on b.oid = coalesce(nullif(e.typbasetype, 0), e.oid, nullif(t.typbasetype, 0), t.oid)
  where t.oid = any ($1::text[]::int8[]::oid[])`;

async function typesOf(client: GuardedClient, oids: readonly number[]): Promise<SqlType[]> {
  const { rows } = await client.query<Record<keyof TypeRow, string>>({
    text: TYPES,
    values: [[...new Set(oids)].map(String)],
  });
  const byOid = new Map(rows.map((row) => [row.oid, row]));
  return oids.map((oid) => {
    const row = byOid.get(String(oid));
    return row === undefined
      ? { name: `with the OID ${oid}`, kind: 'other', isList: false }
      : { name: row.name, kind: kindOf(row), isList: row.is_list === 'true' };
  });
}

function kindOf({
  typname,
  typtype,
  typcategory,
}: Pick<TypeRow, 'typname' | 'typtype' | 'typcategory'>): SqlType['kind'] {
  if (typtype === 'e') return 'text';
  if (typname === 'bpchar') return 'padded';
  if (['int2', 'int4', 'int8'].includes(typname)) return 'integer';
  if (typname === 'numeric') return 'numeric';
  if (typname === 'json' || typname === 'jsonb') return 'json';
  if (typname === 'timestamptz') return 'moment';
  if (typname === 'date' || typname === 'timestamp') return 'time';
  // Category S is of texts, also of an extension's, such as citext.
  return typname === 'uuid' || (typtype === 'b' && typcategory === 'S') ? 'text' : 'other';
}

/** The text forms of lists as lists. */
function listsRead(rows: readonly unknown[][], types: readonly SqlType[]): unknown[][] {
  const lists = types.flatMap(({ isList }, index) => (isList ? [index] : []));
  return rows.map((row) =>
    lists.length === 0
      ? row
      : row.map((cell, index) => (typeof cell === 'string' && lists.includes(index) ? asList(cell) : cell)),
  );
}

/** Connection, login, resources, locks, operator, system, and a transaction that the server rolled back. */
const UNAVAILABLE = /^(08|28|40|53|55|57|58)/;
/** Found while the query is read, before any row: the message speaks of the query only. Others may quote data. */
const ABOUT_THE_QUERY = /^42/;
const READ_ONLY = '25006';

function explained(error: unknown): unknown {
  if (error instanceof SourceError || error instanceof SourceUnavailableError) return error;
  if (error instanceof PostgresRefusedError) return new SourceError('query', error.message);
  if (!(error instanceof DatabaseError)) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
    return new SourceUnavailableError(`The database of the query cannot be reached, or did not answer in time${code}.`);
  }
  const code = error.code ?? 'XX000';
  const refusal = protocolRefusal(error);
  if (refusal !== undefined)
    return new SourceError('query', `its database, or a pooler before it, refused the connection (${refusal}).`);
  if (UNAVAILABLE.test(code))
    return new SourceUnavailableError(`The database of the query cannot work right now (${code}).`);
  if (code === READ_ONLY)
    return new SourceError('query', `the database refused it because it would change something (${code}).`);
  const what = ABOUT_THE_QUERY.test(code) ? `: ${error.message.slice(0, 200)}` : '';
  return new SourceError('query', `the database refused it (${code})${what}.`);
}
