import type { Transaction } from 'kysely';
import type { Tables } from '../tables';
import type { Migration } from './migration';

/**
 * Adds, for sweeps started by a Schedule, their series of runs, the nominal times of this and the previous run, and
 * whether all users up to this nominal time were done; and, for workers, the names of their queries.
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
