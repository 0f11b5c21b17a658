import type { Transaction } from 'kysely';
import type { Tables } from '../tables';
import type { Migration } from './migration';

/** Adds the Plaid environment for which the users of a sweep were hashed. */
export const snapshotEnvironmentMigration: Migration = {
  name: '0007-snapshot-environment',
  up: async (transaction: Transaction<Tables>) => {
    await transaction.schema.alterTable('sweeps').addColumn('plaid_environment', 'text').execute();
  },
};
