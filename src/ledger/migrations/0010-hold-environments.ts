import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';
import type { Migration } from './migration';

/**
 * Adds the environments that a hold covers, who set it, and a log of every hold that was set, extended or lifted. Older
 * holds have none of these, because nothing can be derived from their hashes.
 */
export const holdEnvironmentsMigration: Migration = {
  name: '0010-hold-environments',
  async up(transaction, dialect) {
    await transaction.schema.alterTable('holds').addColumn('environments', 'text').execute();
    await transaction.schema.alterTable('holds').addColumn('set_by', 'text').execute();
    await createLog(transaction, dialect);
    await transaction.schema.createIndex('hold_log_hold').on('hold_log').column('hold_id').execute();
    await (dialect === 'postgres' ? forbidChangesInPostgres(transaction) : forbidChangesInLibsql(transaction));
  },
};

async function createLog(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const instant = dialect === 'postgres' ? 'timestamptz' : 'text';
  const create = transaction.schema.createTable('hold_log');
  const withId =
    dialect === 'postgres'
      ? create.addColumn('id', 'bigint', (column) => column.generatedAlwaysAsIdentity().primaryKey())
      : create.addColumn('id', 'integer', (column) => column.primaryKey());
  await withId
    .addColumn('hold_id', 'text', (column) => column.notNull())
    .addColumn('change', 'text', (column) => column.notNull().check(sql`change in ('set', 'extended', 'lifted')`))
    .addColumn('changed_by', 'text')
    .addColumn('why', 'text')
    .addColumn('reason', 'text')
    .addColumn('held_since', instant)
    .addColumn('environments', 'text')
    .addColumn('subjects', 'integer', (column) => column.notNull())
    .addColumn('at', instant, (column) => column.notNull())
    .execute();
}

async function forbidChangesInLibsql(transaction: Transaction<Tables>): Promise<void> {
  for (const change of ['update', 'delete']) {
    await sql`
      create trigger ${sql.id(`hold_log_no_${change}`)} before ${sql.raw(change)} on hold_log
      begin select raise(abort, 'this table is append-only'); end
    `.execute(transaction);
  }
}

/** The function comes from 0001-receipts. */
async function forbidChangesInPostgres(transaction: Transaction<Tables>): Promise<void> {
  await sql`
    create trigger hold_log_append_only before update or delete or truncate on hold_log
    for each statement execute function ledger_append_only()
  `.execute(transaction);
}
