import { sql } from 'kysely';
import { LATER_BULK_OUTCOMES } from './0006-bulk-outcomes-postgres';
import type { Migration } from './migration';

/**
 * Outcomes of one user at several apps may be written at the same moment, and each has to take the user off from what the
 * other one left. In libSQL there is one writer at a time.
 */
export const bulkOutcomesMigration: Migration = {
  name: '0006-bulk-outcomes',
  up: async (transaction, dialect) => {
    if (dialect === 'postgres') await sql.raw(LATER_BULK_OUTCOMES).execute(transaction);
  },
};
