import { sql } from 'kysely';
import type { RawBuilder, SqlBool } from 'kysely';
import { isKeyedHash } from './subject';
import type { LedgerDialect } from './tables';

/** NUL, which Postgres cannot store, and lone surrogates, which UTF-8 cannot encode. */
const NOT_STORABLE = /\0|\p{Surrogate}/gu;

/** Replaces the characters that a database cannot store. */
export function storable(text: string): string {
  return text.replace(NOT_STORABLE, '\uFFFD');
}

/** The same for an optional text; null if it is missing. */
export function storableOrNull(text: string | undefined): string | null {
  return text === undefined ? null : storable(text);
}

/**
 * Throws unless all values are keyed hashes, because no raw ID may reach the database. The error does not contain the
 * value.
 */
export function requireHashes(field: string, hashes: readonly string[]): void {
  const wrong = hashes.findIndex((hash) => !isKeyedHash(hash));
  if (wrong >= 0) {
    throw new TypeError(`${field}[${wrong}] is not a keyed hash of 24 base64url characters (see createSubjectHasher).`);
  }
}

/**
 * Returns a list as rows of (value, seq from 0), passed as one parameter, so that 10,000 values are one short
 * statement.
 */
export function rowsOf(dialect: LedgerDialect, values: readonly string[]): RawBuilder<{ value: string; seq: number }> {
  const json = JSON.stringify(values);
  return dialect === 'postgres'
    ? sql`(select value, (position - 1)::integer as seq
           from jsonb_array_elements_text(${json}::jsonb) with ordinality as list (value, position))`
    : sql`(select value, key as seq from json_each(${json}))`;
}

/** Returns the same list as the right side of `in`. */
export function valuesOf(dialect: LedgerDialect, values: readonly string[]): RawBuilder<string> {
  return sql`(select value from ${rowsOf(dialect, values)} as list)`;
}

/**
 * Returns the condition that a column equals one of many texts, in a form for which Postgres uses the index even
 * without statistics.
 */
export function isOneOf(dialect: LedgerDialect, column: string, texts: readonly string[]): RawBuilder<SqlBool> {
  return dialect === 'postgres'
    ? sql`${sql.ref(column)} = any(${texts}::text[])`
    : sql`${sql.ref(column)} in ${valuesOf(dialect, texts)}`;
}

/** Returns the time by the database's clock, in milliseconds since 1970. */
export function databaseClockMs(dialect: LedgerDialect): RawBuilder<number> {
  return dialect === 'postgres'
    ? sql`cast(extract(epoch from clock_timestamp()) * 1000 as double precision)`
    : sql`unixepoch('subsec') * 1000`;
}
