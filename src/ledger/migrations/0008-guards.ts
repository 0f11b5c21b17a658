import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';
import { replaceLibsqlWaves } from './0004-sweep-writes-libsql';
import { GUARDS } from './0008-guards-postgres';
import type { Migration } from './migration';

/**
 * Adds the decisions about a sweep (plan, limits, approval) and the kill switch, and recreates the statements that
 * record intents: they now refuse a sweep that belongs to another run, is closed, is larger than allowed or waits for
 * its approval, and all sweeps while the kill switch is on.
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
  // JSON; null for a sweep that no run has claimed, or that was opened by a version without this migration.
  await transaction.schema.alterTable('sweeps').addColumn('plan', 'text').execute();
  await transaction.schema.alterTable('sweeps').addColumn('max_users', 'integer').execute();
  await transaction.schema.alterTable('sweeps').addColumn('needs_approval', 'integer').execute();
  await transaction.schema.alterTable('sweeps').addColumn('approved_at', instant(dialect)).execute();
  await transaction.schema.alterTable('sweeps').addColumn('approved_by', 'text').execute();
}

/** The periods during which everything was stopped. */
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
  // At most one stop is in force, even if two processes set one concurrently.
  await sql`create unique index stops_in_force on stops ((lifted_at is null)) where lifted_at is null`.execute(
    transaction,
  );
}

function instant(dialect: LedgerDialect): 'text' | 'timestamptz' {
  return dialect === 'postgres' ? 'timestamptz' : 'text';
}
