import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';
import type { Migration } from './migration';

/**
 * Adds the log of the ledger: an append-only Merkle tree (RFC 6962) whose leaves are seals of sweeps and runs, holds,
 * stops, approvals and changes of the policy; its checkpoints; and the queue from which its leaves come. The queue is
 * filled by triggers in the statement that writes the row, or by `enqueue` in the same transaction.
 */
export const logMigration: Migration = {
  name: '0017-log',
  async up(transaction, dialect) {
    await createTables(transaction, dialect);
    await addHeads(transaction);
    for (const statement of dialect === 'postgres' ? POSTGRES_TRIGGERS : LIBSQL_TRIGGERS)
      await sql.raw(statement).execute(transaction);
  },
};

async function createTables(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const instant = dialect === 'postgres' ? 'timestamptz' : 'text';
  const big = dialect === 'postgres' ? 'bigint' : 'integer';
  // Rows are deleted when they are numbered. `ref` names the row that the leaf is about; `content` is the content of
  // the leaf, and null when the sealer makes it from that row.
  await withId(transaction, dialect, 'log_queue')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('ref', 'text', (column) => column.notNull())
    .addColumn('content', 'text')
    .execute();
  await transaction.schema
    .createTable('log_leaves')
    .addColumn('number', big, (column) => column.notNull().primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('leaf', 'text', (column) => column.notNull())
    .addColumn('at', instant, (column) => column.notNull())
    .execute();
  // What was hashed. Not part of the log, and may be deleted without harm to it.
  await transaction.schema
    .createTable('log_contents')
    .addColumn('number', big, (column) => column.notNull().primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('ref', 'text', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .execute();
  await transaction.schema.createIndex('log_contents_ref').on('log_contents').columns(['kind', 'ref']).execute();
  await withId(transaction, dialect, 'log_checkpoints')
    .addColumn('size', big, (column) => column.notNull())
    .addColumn('root', 'text', (column) => column.notNull())
    .addColumn('note', 'text', (column) => column.notNull())
    .addColumn('at', instant, (column) => column.notNull())
    .execute();
  await transaction.schema.createIndex('log_checkpoints_size').on('log_checkpoints').column('size').execute();
  // One row. `peaks` are the roots of the largest whole subtrees, from which the next root is computed.
  await transaction.schema
    .createTable('log_state')
    .addColumn('one', 'integer', (column) =>
      column
        .notNull()
        .primaryKey()
        .check(sql`one = 1`),
    )
    .addColumn('origin', 'text', (column) => column.notNull())
    .addColumn('size', big, (column) => column.notNull())
    .addColumn('peaks', 'text', (column) => column.notNull())
    .execute();
  const origin = `http-tasks.ledger/${randomBytes(12).toString('hex')}`;
  await sql`insert into log_state (one, origin, size, peaks) values (1, ${origin}, 0, '[]')`.execute(transaction);
  for (const table of ['log_leaves', 'log_checkpoints']) await forbidChanges(transaction, dialect, table);
}

/** `head` is what is sealed of a sweep besides its receipts; null for a sweep that an earlier version sealed. */
async function addHeads(transaction: Transaction<Tables>): Promise<void> {
  await transaction.schema.alterTable('sweeps').addColumn('head', 'text').execute();
  await transaction.schema.alterTable('sweeps').addColumn('receipts_root', 'text').execute();
  // JSON: who asked for it and why; null if nothing was given.
  await transaction.schema.alterTable('sweeps').addColumn('about', 'text').execute();
  await transaction.schema
    .createTable('run_about')
    .addColumn('workflow_id', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('about', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('run_about_key', ['workflow_id', 'run_id'])
    .execute();
}

function withId(transaction: Transaction<Tables>, dialect: LedgerDialect, table: string) {
  const create = transaction.schema.createTable(table);
  return dialect === 'postgres'
    ? create.addColumn('id', 'bigint', (column) => column.generatedAlwaysAsIdentity().primaryKey())
    : create.addColumn('id', sql`integer primary key autoincrement`);
}

async function forbidChanges(transaction: Transaction<Tables>, dialect: LedgerDialect, table: string): Promise<void> {
  if (dialect === 'postgres') {
    await sql`
      create trigger ${sql.id(`${table}_append_only`)} before update or delete or truncate on ${sql.table(table)}
      for each statement execute function ledger_append_only()
    `.execute(transaction);
    return;
  }
  for (const change of ['update', 'delete']) {
    await sql`
      create trigger ${sql.id(`${table}_no_${change}`)} before ${sql.raw(change)} on ${sql.table(table)}
      begin select raise(abort, 'this table is append-only'); end
    `.execute(transaction);
  }
}

/**
 * What puts a row into the queue: a table, the change, a condition, the kind of the leaf, and what `ref` and `content`
 * are. Every statement that writes receipts of a run writes one with seq 0; receipts of sweeps have no run.
 */
const QUEUED = [
  {
    name: 'receipts_logged',
    on: 'insert on receipts',
    when: "new.seq = 0 and new.run_id <> ''",
    // The receipts of a run's end belong to no activity.
    values: `case new.activity_id when '' then 'run' else 'call' end,
      new.workflow_id || chr10 || new.run_id || chr10 || new.activity_id, null`,
  },
  { name: 'hold_log_logged', on: 'insert on hold_log', when: 'true', values: "'hold', new.id, null" },
  { name: 'stops_logged', on: 'insert on stops', when: 'true', values: "'stop', new.number || ' set', null" },
  {
    name: 'stops_lifted_logged',
    on: 'update on stops',
    when: 'old.lifted_at is null and new.lifted_at is not null',
    values: "'stop', new.number || ' lifted', null",
  },
  {
    name: 'sweeps_sealed_logged',
    on: 'update on sweeps',
    when: 'old.merkle_root is null and new.merkle_root is not null and new.head is not null',
    values: "'sweep', new.sweep_id, new.head",
  },
] as const;

const INSERT = 'insert into log_queue (kind, ref, content) values';

const LIBSQL_TRIGGERS = QUEUED.map(
  ({ name, on, when, values }) =>
    `create trigger ${name} after ${on} when ${when} begin ${INSERT} (${values.replaceAll('chr10', 'char(10)')}); end`,
);

/** A condition in the trigger itself costs less per row than one in its function. */
const POSTGRES_TRIGGERS = QUEUED.flatMap(({ name, on, when, values }) => [
  `create function ledger_${name}() returns trigger language plpgsql as $$
  begin
    ${INSERT} (${values.replaceAll('chr10', 'chr(10)')});
    return null;
  end $$`,
  `create trigger ${name} after ${on} for each row when (${when}) execute function ledger_${name}()`,
]);
