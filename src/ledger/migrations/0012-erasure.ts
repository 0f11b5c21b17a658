import type { Migration } from './migration';

/**
 * Adds the columns for the end of a sweep, when the remaining IDs are encrypted with a new key and the first key is
 * destroyed: `next_wrapped_key` is the new key while rows of both exist; `rekeyed_at` is when the first key was
 * destroyed.
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
