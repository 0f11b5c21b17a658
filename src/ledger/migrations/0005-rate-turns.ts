import type { Transaction } from 'kysely';
import type { Tables } from '../tables';
import type { Migration } from './migration';

/** Adds the turn: the only process that may change a rate for a short time, after others overtook it several times. */
export const rateTurnsMigration: Migration = {
  name: '0005-rate-turns',
  up: async (transaction: Transaction<Tables>) => {
    await transaction.schema.alterTable('rates').addColumn('turn', 'text').execute();
    await transaction.schema.alterTable('rates').addColumn('turn_until_ms', 'double precision').execute();
  },
};
