import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';
import type { Migration } from './migration';

/** Creates receipts and compensation log, both append-only, and the ledger's metadata. */
export const receiptsMigration: Migration = {
  name: '0001-receipts',
  async up(transaction, dialect) {
    await createReceipts(transaction, dialect);
    await createCompensationLog(transaction, dialect);
    await transaction.schema
      .createTable('ledger_meta')
      .addColumn('name', 'text', (column) => column.notNull().primaryKey())
      .addColumn('value', 'text', (column) => column.notNull())
      .execute();
    await (dialect === 'postgres' ? forbidChangesInPostgres(transaction) : forbidChangesInLibsql(transaction));
  },
};

async function createReceipts(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  await withId(transaction, dialect, 'receipts')
    .addColumn('workflow_id', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('activity_id', 'text', (column) => column.notNull())
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('step', 'text', (column) => column.notNull())
    .addColumn('phase', 'text', (column) => column.notNull().check(sql`phase in ('intent', 'outcome', 'settled')`))
    .addColumn('round', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('attempt', 'integer', (column) => column.notNull())
    .addColumn('sweep_id', 'text')
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('task', 'text', (column) => column.notNull())
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('environment', 'text', (column) => column.notNull())
    .addColumn('key_slot', 'text')
    .addColumn('outcome', 'text')
    .addColumn('reason', 'text')
    .addColumn('failure_type', 'text')
    .addColumn('status', 'integer')
    .addColumn('code', 'text')
    .addColumn('request_id', 'text')
    .addColumn('token', 'text')
    .addColumn('items', 'text')
    .addColumn('at', instant(dialect), (column) => column.notNull())
    .execute();
  // Its first columns serve reads by workflow and the search for earlier attempts.
  await transaction.schema
    .createIndex('receipts_key')
    .unique()
    .on('receipts')
    .columns(['workflow_id', 'run_id', 'activity_id', 'seq', 'step', 'phase', 'round', 'attempt'])
    .execute();
  await transaction.schema.createIndex('receipts_subject').on('receipts').columns(['subject', 'phase']).execute();
}

async function createCompensationLog(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  await withId(transaction, dialect, 'compensation_log')
    .addColumn('workflow_id', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('environment', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('step', 'text', (column) => column.notNull())
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('remedy', 'text', (column) => column.notNull())
    .addColumn('evidence', 'text', (column) => column.notNull())
    .addColumn('at', instant(dialect), (column) => column.notNull())
    .execute();
  await transaction.schema
    .createIndex('compensation_log_key')
    .unique()
    .on('compensation_log')
    .columns(['workflow_id', 'run_id', 'position'])
    .execute();
}

function withId(transaction: Transaction<Tables>, dialect: LedgerDialect, table: string) {
  const create = transaction.schema.createTable(table);
  return dialect === 'postgres'
    ? create.addColumn('id', 'bigint', (column) => column.generatedAlwaysAsIdentity().primaryKey())
    : create.addColumn('id', 'integer', (column) => column.primaryKey());
}

function instant(dialect: LedgerDialect): 'text' | 'timestamptz' {
  return dialect === 'postgres' ? 'timestamptz' : 'text';
}

async function forbidChangesInLibsql(transaction: Transaction<Tables>): Promise<void> {
  for (const table of ['receipts', 'compensation_log']) {
    for (const change of ['update', 'delete']) {
      await sql`
        create trigger ${sql.id(`${table}_no_${change}`)} before ${sql.raw(change)} on ${sql.table(table)}
        begin select raise(abort, 'this table is append-only'); end
      `.execute(transaction);
    }
  }
}

async function forbidChangesInPostgres(transaction: Transaction<Tables>): Promise<void> {
  await sql`
    create function ledger_append_only() returns trigger language plpgsql as $$
    begin
      raise exception 'this table is append-only' using errcode = 'restrict_violation';
    end $$
  `.execute(transaction);
  for (const table of ['receipts', 'compensation_log']) {
    await sql`
      create trigger ${sql.id(`${table}_append_only`)} before update or delete or truncate on ${sql.table(table)}
      for each statement execute function ledger_append_only()
    `.execute(transaction);
  }
}
