import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { isKeyedHash } from './subject';
import type { Store } from './store';

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

/** Returns texts as the right side of `in`, passed as one parameter. */
export function valuesOf(store: Store, texts: readonly string[]): RawBuilder<string> {
  return sql`(select value from ${store.rowsOf(texts)} as list)`;
}
