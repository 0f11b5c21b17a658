import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import { canonicalJson } from '../../policy/canonical-json';
import type { LedgerDialect, Tables } from '../tables';
import type { Migration } from './migration';

/**
 * Adds what makes the log cover everything: a first leaf about what was recorded before the log existed, leaves of sweeps
 * that an earlier version seals, the digest of the users of a hold, and how far running sweeps are in the log. Adds the
 * purge of receipts, which keeps the hashes of what it deletes.
 */
export const evidenceMigration: Migration = {
  name: '0022-evidence',
  async up(transaction, dialect) {
    const instant = dialect === 'postgres' ? 'timestamptz' : 'text';
    // SHA-256 in hex over the sorted keyed hashes of a hold, one a line; null for an entry of an earlier version.
    await transaction.schema.alterTable('hold_log').addColumn('subjects_digest', 'text').execute();
    // The highest row ID of receipts up to which running sweeps are in the log, and when it was read.
    await transaction.schema
      .alterTable('log_state')
      .addColumn('parts_id', dialect === 'postgres' ? 'bigint' : 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
    await transaction.schema.alterTable('log_state').addColumn('parts_at', instant).execute();
    // When its receipts were deleted.
    await transaction.schema.alterTable('sweeps').addColumn('purged_at', instant).execute();
    await createHashes(transaction, dialect);
    for (const statement of dialect === 'postgres' ? POSTGRES : LIBSQL) await sql.raw(statement).execute(transaction);
    await queueStart(transaction);
  },
};

/** The leaf hashes of a purged sweep in the order of its tree, base64url of up to some thousand hashes in each row. */
async function createHashes(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema
    .createTable('purged_hashes')
    .addColumn('sweep', 'integer', (column) => column.notNull())
    .addColumn('part', 'integer', (column) => column.notNull())
    .addColumn('hashes', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('purged_hashes_key', ['sweep', 'part']);
  await (dialect === 'postgres' ? table : table.modifyEnd(sql`without rowid`)).execute();
}

/** What a purge deletes from. It says so in `ledger_meta` within its transaction; see log/purge-receipts.ts. */
const PURGED = ['receipts', 'sealed_leaves', 'compensation_log'];

const PURGING = `exists (select 1 from ledger_meta where name = 'purging')`;

const LIBSQL = [
  ...PURGED.flatMap((table) => [
    `drop trigger ${table}_no_delete`,
    `create trigger ${table}_no_delete before delete on ${table} when not ${PURGING}
      begin select raise(abort, 'this table is append-only'); end`,
  ]),
  ...['update', 'delete'].map(
    (change) => `create trigger purged_hashes_no_${change} before ${change} on purged_hashes
      begin select raise(abort, 'this table is append-only'); end`,
  ),
  `create trigger sweeps_sealed_before_logged after update on sweeps
    when old.merkle_root is null and new.merkle_root is not null and new.head is null
    begin insert into log_queue (kind, ref, content) values ('sweep', new.sweep_id, null); end`,
];

const POSTGRES = [
  `create or replace function ledger_append_only() returns trigger language plpgsql as $$
  begin
    if tg_op = 'DELETE' and tg_table_name in (${PURGED.map((table) => `'${table}'`).join(', ')}) and ${PURGING} then
      return null;
    end if;
    raise exception 'this table is append-only' using errcode = 'restrict_violation';
  end $$`,
  `create trigger purged_hashes_append_only before update or delete or truncate on purged_hashes
    for each statement execute function ledger_append_only()`,
  `create function ledger_sweeps_sealed_before_logged() returns trigger language plpgsql as $$
  begin
    insert into log_queue (kind, ref, content) values ('sweep', new.sweep_id, null);
    return null;
  end $$`,
  `create trigger sweeps_sealed_before_logged after update on sweeps for each row
    when (old.merkle_root is null and new.merkle_root is not null and new.head is null)
    execute function ledger_sweeps_sealed_before_logged()`,
];

/** Queues a leaf, the first of the log, that says what was there before; none for a ledger without any of it. */
async function queueStart(transaction: Transaction<Tables>): Promise<void> {
  const { size } = await transaction.selectFrom('log_state').select('size').executeTakeFirstOrThrow();
  if (Number(size) > 0) return;
  const last = async (table: 'receipts' | 'hold_log' | 'compensation_log'): Promise<number> => {
    const row = await transaction.selectFrom(table).select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
    return Number(row?.id ?? 0);
  };
  const sweeps = await transaction
    .selectFrom('sweeps')
    .select(['sweep_id', 'merkle_root', 'approved_at'])
    .where((eb) => eb.or([eb('merkle_root', 'is not', null), eb('approved_at', 'is not', null)]))
    .orderBy('number')
    .execute();
  const holds = await transaction.selectFrom('holds').select('hold_id').distinct().orderBy('hold_id').execute();
  const stops = await transaction.selectFrom('stops').select('number').orderBy('number', 'desc').limit(1).execute();
  const content = {
    v: 1,
    kind: 'start',
    receipts: await last('receipts'),
    compensations: await last('compensation_log'),
    holdLog: await last('hold_log'),
    holds: holds.map(({ hold_id: holdId }) => holdId),
    stops: stops[0]?.number ?? 0,
    // The root of each sealed sweep; null for one that is only approved.
    sweeps: sweeps.map(({ sweep_id: sweepId, merkle_root: root }) => [sweepId, root]),
  };
  const isEmpty = content.receipts + content.compensations + content.holdLog + content.stops === 0;
  if (isEmpty && holds.length + sweeps.length === 0) return;
  const at = new Date().toISOString();
  await transaction.updateTable('log_state').set({ parts_id: content.receipts }).execute();
  await transaction
    .insertInto('log_queue')
    .values({ kind: 'start', ref: '', content: canonicalJson({ ...content, at }) })
    .execute();
}
