import { createLibsqlWrites } from './0004-sweep-writes-libsql';
import { createPostgresWrites } from './0004-sweep-writes-postgres';
import type { Migration } from './migration';

/**
 * Creates the writes of sweeps. Each touches several tables and must still be one short statement that commits by
 * itself: a process frozen between the statements of a transaction would keep its locks. In Postgres they are
 * functions; in libSQL views whose trigger does the work when a row is "inserted".
 *
 * Each checks its fence first and locks it (`for share` in Postgres; libSQL has one writer at a time), so that taking a
 * newer fence waits for writes in progress, and later writes of the old fence are refused.
 */
export const sweepWritesMigration: Migration = {
  name: '0004-sweep-writes',
  up: (transaction, dialect) =>
    dialect === 'postgres' ? createPostgresWrites(transaction) : createLibsqlWrites(transaction),
};
