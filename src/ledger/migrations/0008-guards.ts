import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';
import { replaceLibsqlWaves } from './0004-sweep-writes-libsql';
import { GUARDS } from './0008-guards-postgres';
import type { Migration } from './migration';

/**
 * What was decided about a sweep (its plan, its limits, its approval), the kill switch, and the statements that record
 * intents once more: they now refuse a sweep that belongs to another run, is closed, is larger than allowed or waits for
 * its approval, and everything while the kill switch is on.
 */
export const guardsMigration: Migration = {
  name: '0008-guards',
  async up(transaction, dialect) {
    await addDecisions(transaction, dialect);
    await createStops(transaction, dialect);
    if (dialect === 'libsql') await replaceLibsqlWaves(transaction);
    else for (const statement of GUARDS) await sql.raw(statement).execute(transaction);
  },
};

async function addDecisions(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  // JSON; null for a sweep that no run has claimed, or that was opened by a version before this migration.
  await transaction.schema.alterTable('sweeps').addColumn('plan', 'text').execute();
  await transaction.schema.alterTable('sweeps').addColumn('max_users', 'integer').execute();
  await transaction.schema.alterTable('sweeps').addColumn('needs_approval', 'integer').execute();
  await transaction.schema.alterTable('sweeps').addColumn('approved_at', instant(dialect)).execute();
  await transaction.schema.alterTable('sweeps').addColumn('approved_by', 'text').execute();
}

/** Each time that everything was stopped, and when it was started again. */
async function createStops(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema.createTable('stops');
  const numbered =
    dialect === 'postgres'
      ? table.addColumn('number', 'integer', (column) => column.generatedAlwaysAsIdentity().primaryKey())
      : table.addColumn('number', 'integer', (column) => column.primaryKey());
  await numbered
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('set_by', 'text', (column) => column.notNull())
    .addColumn('at', instant(dialect), (column) => column.notNull())
    .addColumn('lifted_by', 'text')
    .addColumn('lifted_at', instant(dialect))
    .execute();
  // At most one is in force, so that two processes cannot set two.
  await sql`create unique index stops_in_force on stops ((lifted_at is null)) where lifted_at is null`.execute(
    transaction,
  );
}

function instant(dialect: LedgerDialect): 'text' | 'timestamptz' {
  return dialect === 'postgres' ? 'timestamptz' : 'text';
}
