import type { Transaction } from 'kysely';
import type { Tables } from '../tables';
import type { Migration } from './migration';

/**
 * For sweeps that a Schedule starts: which series of runs they belong to, the nominal time of this run and of the run
 * before it, and whether everyone up to this nominal time was done. And the names of the queries that a worker knows.
 */
export const schedulesMigration: Migration = {
  name: '0014-schedules',
  async up(transaction: Transaction<Tables>, dialect) {
    const instant = dialect === 'postgres' ? 'timestamptz' : 'text';
    await transaction.schema.alterTable('sweeps').addColumn('series', 'text').execute();
    await transaction.schema.alterTable('sweeps').addColumn('scheduled_at', instant).execute();
    await transaction.schema.alterTable('sweeps').addColumn('previous_at', instant).execute();
    await transaction.schema
      .alterTable('sweeps')
      .addColumn('series_done', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
    await transaction.schema.createIndex('sweeps_series').on('sweeps').columns(['series', 'scheduled_at']).execute();
    await transaction.schema.alterTable('worker_environments').addColumn('queries', 'text').execute();
  },
};
