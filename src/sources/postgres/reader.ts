import { DatabaseError, types } from 'pg';
import { parsePostgresUrl } from '../../transport/postgres-url';
import { clientConfig, GuardedClient, PostgresRefusedError } from '../../ledger/postgres/client';
import { protocolRefusal } from '../../ledger/postgres/failures';
import { PAGE_DEADLINE_MS, ROWS_PER_PAGE } from '../sql-rows';
import type { SqlPage, SqlReader, SqlRun, SqlType } from '../sql-rows';
import { SourceError, SourceUnavailableError } from '../source';

const CONNECT_DEADLINE_MS = 10_000;
/** The server's share of the deadline. It gives up earlier than the client, so that its own error says why. */
const SERVER_SHARE = 0.9;

/**
 * Begins the transaction and sets its limits. Session limits would be refused or ignored by poolers, or applied to
 * another client. The limit on idle time prevents a frozen process from blocking the vacuum of the whole database
 * forever.
 */
const BEGIN = [
  'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  `SET LOCAL statement_timeout = ${PAGE_DEADLINE_MS * SERVER_SHARE}`,
  `SET LOCAL idle_in_transaction_session_timeout = ${2 * PAGE_DEADLINE_MS}`,
  // A role or database may configure another, unparseable format of times.
  "SET LOCAL DateStyle = 'ISO'",
].join('; ');

const TEXT_LIST = 1009;
type ParseText = (text: string) => unknown;
const asText: ParseText = (text) => text;
// The package's type declarations lack the list types.
const asList = (types.getTypeParser as (oid: number) => ParseText)(TEXT_LIST);

/** Reads Postgres. Without the cast it infers a type, and reads "$1 - interval" as a subtraction of intervals. */
export const postgresReader: SqlReader = { rows: postgresRows, placeholder: (number) => `($${number}::timestamptz)` };

/**
 * Streams the rows of a query from Postgres with a cursor in a read-only transaction. Values are returned as Postgres'
 * text form, because a number rounded by JavaScript could be another person's ID.
 *
 * A cursor can only be declared for a query that reads, and the transaction refuses writes by functions it calls.
 */
async function* postgresRows({
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
  // Raised when the server ends the connection between two statements; the next statement fails with the error.
  client.on('error', () => undefined);
  // During a statement this closes the connection, which is the fastest way to cancel.
  const stop = (): void => void client.end();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    signal?.throwIfAborted();
    await client.connect();
    await client.query(BEGIN);
    // The extended protocol allows only one statement, whatever the text. The package's type declarations lack the
    // mode.
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

/** A type from the catalogue; for a list, with the type of its entries. */
interface TypeRow {
  oid: number;
  name: string;
  typname: string;
  typtype: string;
  typcategory: string;
  is_list: boolean;
}

/**
 * Resolves domains over lists and as list entries to their base type; the server resolves other domains of a result.
 */
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
  // Category S contains text types, including those of extensions such as citext.
  return typname === 'uuid' || (typtype === 'b' && typcategory === 'S') ? 'text' : 'other';
}

/** Parses the text form of lists. */
function listsRead(rows: readonly unknown[][], types: readonly SqlType[]): unknown[][] {
  const lists = types.flatMap(({ isList }, index) => (isList ? [index] : []));
  return rows.map((row) =>
    lists.length === 0
      ? row
      : row.map((cell, index) => (typeof cell === 'string' && lists.includes(index) ? asList(cell) : cell)),
  );
}

/**
 * Temporary SQLSTATE classes: connection, login, rollback by the server, resources, locks, operator intervention,
 * system.
 */
const UNAVAILABLE = /^(08|28|40|53|55|57|58)/;
/**
 * SQLSTATEs found when the query is parsed, before any row, so that the message describes only the query. Messages of
 * others may quote data.
 */
const ABOUT_THE_QUERY = /^42/;
const READ_ONLY = '25006';

function explained(error: unknown): unknown {
  if (error instanceof SourceError || error instanceof SourceUnavailableError) return error;
  if (error instanceof PostgresRefusedError) return new SourceError('query', error.message);
  if (!(error instanceof DatabaseError)) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
    return new SourceUnavailableError(
      `The database of the query cannot be reached, or did not respond in time${code}.`,
    );
  }
  const code = error.code ?? 'XX000';
  const refusal = protocolRefusal(error);
  if (refusal !== undefined)
    return new SourceError('query', `its database, or a pooler in front of it, refused the connection (${refusal}).`);
  if (UNAVAILABLE.test(code))
    return new SourceUnavailableError(`The database of the query is temporarily unavailable (${code}).`);
  if (code === READ_ONLY)
    return new SourceError('query', `the database refused it because it would change something (${code}).`);
  const what = ABOUT_THE_QUERY.test(code) ? `: ${error.message.slice(0, 200)}` : '';
  return new SourceError('query', `the database refused it (${code})${what}.`);
}
