import type { Migration } from './migration';

/**
 * For the end of a sweep, when the IDs that stay are encrypted under a new key and the first one is destroyed:
 * `next_wrapped_key` is the new key while rows of both are there; `rekeyed_at` is when the first one was destroyed.
 */
export const erasureMigration: Migration = {
  name: '0012-erasure',
  async up(transaction, dialect) {
    await transaction.schema.alterTable('sweeps').addColumn('next_wrapped_key', 'text').execute();
    await transaction.schema
      .alterTable('sweeps')
      .addColumn('rekeyed_at', dialect === 'postgres' ? 'timestamptz' : 'text')
      .execute();
  },
};
