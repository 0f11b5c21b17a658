import type { Kysely, Transaction } from 'kysely';
import { migrations } from './migrations';
import { LedgerSettingError } from './setting-error';
import type { LedgerDatabase, Store } from './store';
import type { Tables } from './tables';

const FINGERPRINT = 'subject-key-fingerprint';

/**
 * Brings the schema up to date and binds the ledger to its subject key, in one transaction that excludes other
 * processes. Returns the names of the migrations it ran; a process that comes second finds nothing to do.
 *
 * Kysely's own Migrator is not used: for SQLite it takes no lock that other processes respect and runs without a
 * transaction, and in Postgres it creates its own tables before it takes the lock.
 *
 * @param wanted All migrations by default; fewer produce a ledger as an earlier version left it.
 * @throws LedgerSettingError when the ledger was written by a newer version or with another subject key, or when this
 * database user may not run missing migrations. Nothing is changed then.
 */
export async function prepareLedger(
  { db, store }: LedgerDatabase,
  fingerprint: string,
  wanted = migrations,
): Promise<string[]> {
  return db.transaction().execute(async (transaction) => {
    await store.lock(transaction, 'migration');
    const ran = await migrate(transaction, store, wanted);
    await bindToKey(transaction, fingerprint);
    return ran;
  });
}

/** Compares the migrations and the subject key of a ledger with those of this process. Changes nothing. */
export async function readSchemaState(
  { db }: Pick<LedgerDatabase, 'db'>,
  fingerprint: string,
): Promise<{ missing: string[]; unknown: string[]; keyFits?: boolean }> {
  const done = await appliedMigrations(db);
  const bound = await db.selectFrom('ledger_meta').select('value').where('name', '=', FINGERPRINT).executeTakeFirst();
  const known = migrations.map(({ name }) => name);
  return {
    missing: known.filter((name) => !done.includes(name)),
    unknown: done.filter((name) => !known.includes(name)),
    ...(bound && { keyFits: bound.value === fingerprint }),
  };
}

async function migrate(transaction: Transaction<Tables>, store: Store, wanted: typeof migrations): Promise<string[]> {
  // Not CREATE … IF NOT EXISTS, which requires the permission to create tables even if the table exists.
  const begun = await store.hasTable(transaction, 'ledger_migrations');
  const done = begun ? await appliedMigrations(transaction) : [];
  const unknown = done.filter((name) => !wanted.some((migration) => migration.name === name));
  if (unknown.length > 0) {
    throw new LedgerSettingError(
      'HTTP_TASKS_LEDGER_URL',
      `this ledger was written by a newer version of temporal-http-tasks (unknown migration ${unknown.join(', ')}). ` +
        'Nothing was changed. Upgrade this process, or point the setting at another ledger.',
    );
  }
  const missing = wanted.filter((migration) => !done.includes(migration.name));
  const names = missing.map((migration) => migration.name);
  try {
    if (!begun) await createMigrationsTable(transaction, store);
    for (const migration of missing) {
      await migration.up(transaction, store.name);
      await transaction
        .insertInto('ledger_migrations')
        .values({ name: migration.name, at: new Date().toISOString() })
        .execute();
    }
  } catch (error) {
    const code = store.failures.codeOf(error);
    if (code === undefined || !store.failures.mayNotCreate(code)) throw error;
    throw new LedgerSettingError(
      'HTTP_TASKS_LEDGER_URL',
      `this database user may not run the missing migrations: ${names.join(', ')} (${code}). Nothing was changed. ` +
        'Run "http-tasks ledger migrate" with the HTTP_TASKS_LEDGER_URL of the user that owns the tables, then try again.',
    );
  }
  return names;
}

async function createMigrationsTable(transaction: Transaction<Tables>, store: Store): Promise<void> {
  await transaction.schema
    .createTable('ledger_migrations')
    .addColumn('name', 'text', (column) => column.notNull().primaryKey())
    .addColumn('at', store.instantType, (column) => column.notNull())
    .execute();
}

async function appliedMigrations(transaction: Kysely<Tables>): Promise<string[]> {
  const rows = await transaction.selectFrom('ledger_migrations').select('name').orderBy('name').execute();
  return rows.map((row) => row.name);
}

async function bindToKey(transaction: Transaction<Tables>, fingerprint: string): Promise<void> {
  await transaction
    .insertInto('ledger_meta')
    .values({ name: FINGERPRINT, value: fingerprint })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { value } = await transaction
    .selectFrom('ledger_meta')
    .select('value')
    .where('name', '=', FINGERPRINT)
    .executeTakeFirstOrThrow();
  if (value !== fingerprint) {
    throw new LedgerSettingError(
      'HTTP_TASKS_SUBJECT_KEY',
      'this ledger was written with another key; with this one its users and holds would not be recognised. ' +
        'Set the key it was first opened with, or point HTTP_TASKS_LEDGER_URL at another ledger.',
    );
  }
}
