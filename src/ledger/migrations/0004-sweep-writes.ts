import { createLibsqlWrites } from './0004-sweep-writes-libsql';
import { createPostgresWrites } from './0004-sweep-writes-postgres';
import type { Migration } from './migration';

/**
 * The writes of sweeps, each of which touches several tables and must still be one short statement that commits by
 * itself: a process that is frozen between the statements of a transaction would sit on its locks. In Postgres they are
 * functions; in libSQL views whose trigger does the work when a row is "inserted".
 *
 * Each looks at its fence first and holds on to it (`for share` in Postgres; libSQL has one writer at a time), so that
 * taking a newer fence waits for writes under way, and later ones of the old fence are refused.
 */
export const sweepWritesMigration: Migration = {
  name: '0004-sweep-writes',
  up: (transaction, dialect) =>
    dialect === 'postgres' ? createPostgresWrites(transaction) : createLibsqlWrites(transaction),
};
