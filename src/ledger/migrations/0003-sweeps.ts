import { sql } from 'kysely';
import type { CreateTableBuilder, Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';
import type { Migration } from './migration';

/** Creates sweeps and their working tables, and the append-only leaves of seals. */
export const sweepsMigration: Migration = {
  name: '0003-sweeps',
  async up(transaction, dialect) {
    await createSweeps(transaction, dialect);
    await createChunks(transaction, dialect);
    await createTargets(transaction, dialect);
    await createTargetIds(transaction, dialect);
    await createTargetKeys(transaction, dialect);
    await createBulkQueue(transaction, dialect);
    await createSealedLeaves(transaction, dialect);
    await createRates(transaction, dialect);
  },
};

/**
 * `number` identifies the sweep in tables with a row per user, where its ID would take more space than the rest of the
 * row.
 */
async function createSweeps(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema.createTable('sweeps');
  const numbered =
    dialect === 'postgres'
      ? table.addColumn('number', 'integer', (column) => column.generatedAlwaysAsIdentity().primaryKey())
      : table.addColumn('number', 'integer', (column) => column.primaryKey());
  await numbered
    .addColumn('sweep_id', 'text', (column) => column.notNull().unique())
    .addColumn('redrive_of', 'text')
    // The workflow's first run; null for a snapshot that no run has claimed.
    .addColumn('claimed_by', 'text')
    .addColumn('skip_done', 'integer', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('paused_because', 'text')
    .addColumn('wrapped_key', 'text')
    .addColumn('snapshot_version', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('snapshot_position', 'text')
    .addColumn('snapshot_complete', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('total', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('duplicates', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('rejected', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('last_fence', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('closed_at', instant(dialect))
    .addColumn('merkle_root', 'text')
    .addColumn('leaves', 'integer')
    .addColumn('created_at', instant(dialect), (column) => column.notNull())
    .addColumn('ended_at', instant(dialect))
    .execute();
}

async function createChunks(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema
    .createTable('sweep_chunks')
    .addColumn('sweep', 'integer', (column) => column.notNull())
    .addColumn('chunk_id', 'text', (column) => column.notNull())
    .addColumn('fence', 'integer', (column) => column.notNull())
    // Identifies the caller, who reads the fence back by it, because RETURNING cannot be used.
    .addColumn('taken_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('sweep_chunks_key', ['sweep', 'chunk_id']);
  await clustered(table, dialect).execute();
}

/**
 * The progress of each user. Separate from the IDs to keep the rows small: each is written three times and counted
 * often.
 */
async function createTargets(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema
    .createTable('targets')
    .addColumn('sweep', 'integer', (column) => column.notNull())
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull().check(sql`state in ('pending', 'open', 'bulk', 'done')`))
    .addColumn('round', 'integer', (column) => column.notNull())
    .addColumn('unsettled', 'integer', (column) => column.notNull())
    .addColumn('fence', 'integer')
    .addColumn('wave', 'integer')
    // The rank of the worst outcome so far; see policy/worst-outcome.ts.
    .addColumn('worst', 'integer')
    .addColumn('bulk_left', 'integer', (column) => column.notNull())
    .addColumn('some_items', 'integer', (column) => column.notNull())
    .addColumn('intent_at', instant(dialect))
    .addColumn('not_before', instant(dialect))
    .addPrimaryKeyConstraint('targets_key', ['sweep', 'seq']);
  await clustered(table, dialect).execute();
  // In Postgres no indexed column changes, so with free space on its page an update touches no index.
  if (dialect === 'postgres') {
    await sql`alter table targets set (fillfactor = 50)`.execute(transaction);
    return;
  }
  // libSQL has one connection, so a frequent check whether too many users failed must not read a million rows.
  await sql`create index targets_failed on targets (sweep) where worst <= 2`.execute(transaction);
}

async function createTargetIds(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema
    .createTable('target_ids')
    .addColumn('sweep', 'integer', (column) => column.notNull())
    .addColumn('seq', 'integer', (column) => column.notNull())
    // Encrypted with the sweep's key.
    .addColumn('ids', 'text', (column) => column.notNull())
    // A JSON array of keyed hashes.
    .addColumn('subjects', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('target_ids_key', ['sweep', 'seq']);
  await clustered(table, dialect).execute();
}

/** The keys that make a later row a duplicate; see sweeps/duplicate-keys.ts. */
async function createTargetKeys(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema
    .createTable('target_keys')
    .addColumn('sweep', 'integer', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('target_keys_key', ['sweep', 'key']);
  await clustered(table, dialect).execute();
}

/** Users waiting for an app's bulk call; `fence` and `wave` are those of the call in progress. */
async function createBulkQueue(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema
    .createTable('bulk_queue')
    .addColumn('sweep', 'integer', (column) => column.notNull())
    .addColumn('app', 'text', (column) => column.notNull())
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('fence', 'integer')
    .addColumn('wave', 'integer')
    .addColumn('unsettled', 'integer', (column) => column.notNull())
    .addColumn('intent_at', instant(dialect))
    .addPrimaryKeyConstraint('bulk_queue_key', ['sweep', 'app', 'seq']);
  await clustered(table, dialect).execute();
  await transaction.schema
    .createIndex('bulk_queue_open')
    .on('bulk_queue')
    .columns(['sweep', 'app', 'fence', 'wave'])
    .where(sql.ref('fence'), 'is not', null)
    .execute();
}

/** The leaf hashes of a seal, so that a later difference can be located and not only detected. */
async function createSealedLeaves(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema
    .createTable('sealed_leaves')
    .addColumn('sweep', 'integer', (column) => column.notNull())
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('receipt', dialect === 'postgres' ? 'bigint' : 'integer', (column) => column.notNull())
    .addColumn('step', 'text', (column) => column.notNull())
    .addColumn('leaf', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('sealed_leaves_key', ['sweep', 'seq', 'receipt']);
  await clustered(table, dialect).execute();
  if (dialect === 'postgres') {
    await sql`
      create trigger sealed_leaves_append_only before update or delete or truncate on sealed_leaves
      for each statement execute function ledger_append_only()
    `.execute(transaction);
    return;
  }
  for (const change of ['update', 'delete']) {
    await sql`
      create trigger ${sql.id(`sealed_leaves_no_${change}`)} before ${sql.raw(change)} on sealed_leaves
      begin select raise(abort, 'this table is append-only'); end
    `.execute(transaction);
  }
}

/** One row per service and key slot; `state` is the state of policy/rate.ts as JSON. */
async function createRates(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema
    .createTable('rates')
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('key_slot', 'text', (column) => column.notNull())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('set_limit', 'double precision')
    .addColumn('state', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('rates_key', ['service', 'key_slot']);
  await clustered(table, dialect).execute();
}

/** In libSQL the primary key is the table itself rather than a second tree. */
function clustered<T extends string, C extends string>(
  table: CreateTableBuilder<T, C>,
  dialect: LedgerDialect,
): CreateTableBuilder<T, C> {
  return dialect === 'postgres' ? table : table.modifyEnd(sql`without rowid`);
}

function instant(dialect: LedgerDialect): 'text' | 'timestamptz' {
  return dialect === 'postgres' ? 'timestamptz' : 'text';
}
