import { sql } from 'kysely';
import { LATER_BULK_OUTCOMES } from './0006-bulk-outcomes-postgres';
import type { Migration } from './migration';

/**
 * Makes concurrent writes of one user's outcomes at several apps see each other's result. Not needed in libSQL, which
 * has one writer at a time.
 */
export const bulkOutcomesMigration: Migration = {
  name: '0006-bulk-outcomes',
  up: async (transaction, dialect) => {
    if (dialect === 'postgres') await sql.raw(LATER_BULK_OUTCOMES).execute(transaction);
  },
};
