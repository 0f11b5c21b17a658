import type { Transaction } from 'kysely';
import type { Tables } from '../tables';
import type { Migration } from './migration';

/** Creates the table of the environments that the workers of a task queue use, and when each worker was last seen. */
export const workerEnvironmentsMigration: Migration = {
  name: '0011-worker-environments',
  up: async (transaction: Transaction<Tables>) => {
    await transaction.schema
      .createTable('worker_environments')
      .addColumn('worker', 'text', (column) => column.notNull())
      .addColumn('service', 'text', (column) => column.notNull())
      .addColumn('identity', 'text', (column) => column.notNull())
      .addColumn('namespace', 'text', (column) => column.notNull())
      .addColumn('task_queue', 'text', (column) => column.notNull())
      .addColumn('environment', 'text', (column) => column.notNull())
      .addColumn('production', 'integer', (column) => column.notNull())
      .addColumn('key_slots', 'text', (column) => column.notNull())
      .addColumn('started_ms', 'double precision', (column) => column.notNull())
      .addColumn('seen_ms', 'double precision', (column) => column.notNull())
      .addColumn('ended', 'integer', (column) => column.notNull().defaultTo(0))
      .addPrimaryKeyConstraint('worker_environments_key', ['worker', 'service'])
      .execute();
    await transaction.schema
      .createIndex('worker_environments_queue')
      .on('worker_environments')
      .columns(['namespace', 'task_queue'])
      .execute();
  },
};
