import type { Migration } from './migration';

/**
 * Creates the rates that belong to one sweep. `counts_until_ms` is by the database's clock: in the past for a sweep
 * that makes no calls, 0 for one that has ended.
 */
export const sweepRatesMigration: Migration = {
  name: '0015-sweep-rates',
  async up(transaction) {
    await transaction.schema
      .createTable('sweep_rates')
      .addColumn('sweep_id', 'text', (column) => column.notNull())
      .addColumn('service', 'text', (column) => column.notNull())
      .addColumn('key_slot', 'text', (column) => column.notNull())
      .addColumn('limit_per_minute', 'double precision', (column) => column.notNull())
      .addColumn('counts_until_ms', 'double precision', (column) => column.notNull())
      .addPrimaryKeyConstraint('sweep_rates_key', ['sweep_id', 'service', 'key_slot'])
      .execute();
    await transaction.schema
      .createIndex('sweep_rates_counting')
      .on('sweep_rates')
      .columns(['service', 'key_slot', 'counts_until_ms'])
      .execute();
  },
};
