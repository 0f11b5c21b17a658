import { Kysely, PostgresDialect, sql } from 'kysely';
import { parsePostgresUrl } from '../../transport/postgres-url';
import type { PostgresTarget } from '../../transport/postgres-url';
import { LedgerSettingError } from '../setting-error';
import type { Store, StoreAddress, StoreLock } from '../store';
import type { Tables } from '../tables';
import { postgresFailures } from './failures';
import { postgresForms } from './forms';
import { createPostgresPool } from './pool';
import { postgresWrites } from './writes';

/** The letters HTTP as a number: separates these advisory locks from those of other software in the same database. */
const LOCK_CLASS = 1214606444;

/** `ledger_record_intent` and the waves take the lock of holds by its number. */
const LOCKS: Readonly<Record<StoreLock, number>> = { migration: 1, holds: 2, log: 3 };

/** A ledger in Postgres. */
export const postgresStore: Store = {
  ...postgresForms,
  ...postgresWrites,
  name: 'postgres',
  schemes: ['postgres', 'postgresql'],
  failures: postgresFailures,
  instantType: 'timestamptz',
  addressOf(url, plaintextAllowed) {
    const target = parsePostgresUrl(url, { item: 'ledger', plaintextAllowed });
    if (typeof target === 'string') throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', target);
    return addressOf(target);
  },
  async hasTable(db, table) {
    const { rows } = await sql<{ name: string | null }>`select to_regclass(${sql.lit(table)})::text as name`.execute(
      db,
    );
    return rows.some(({ name }) => name !== null);
  },
  async lock(transaction, lock) {
    const numbers = sql`${sql.lit(LOCK_CLASS)}, ${sql.lit(LOCKS[lock])}`;
    await sql`select pg_advisory_xact_lock(${numbers})`.execute(transaction);
  },
};

function addressOf(target: PostgresTarget): StoreAddress {
  return {
    label: target.label,
    inMemory: false,
    mayExist: () => true,
    protect: () => undefined,
    connect: (limits) => {
      const pool = createPostgresPool({ target, ...limits });
      return { store: postgresStore, db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }) };
    },
  };
}
