import type { Transaction } from 'kysely';
import type { Tables } from '../tables';
import type { Migration } from './migration';

/** Who alone may change a rate for a moment, after others were faster several times. */
export const rateTurnsMigration: Migration = {
  name: '0005-rate-turns',
  up: async (transaction: Transaction<Tables>) => {
    await transaction.schema.alterTable('rates').addColumn('turn', 'text').execute();
    await transaction.schema.alterTable('rates').addColumn('turn_until_ms', 'double precision').execute();
  },
};
