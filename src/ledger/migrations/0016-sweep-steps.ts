import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';
import type { Migration } from './migration';

/**
 * Adds the steps of a sweep, which are decided when it is opened; the environments of all providers for which its users
 * were hashed; and how far users have come who wait in the middle of their steps.
 */
export const sweepStepsMigration: Migration = {
  name: '0016-sweep-steps',
  async up(transaction, dialect) {
    // JSON; null for a sweep that was opened by a version without this migration.
    await transaction.schema.alterTable('sweeps').addColumn('steps_plan', 'text').execute();
    // A JSON object of environments by provider; null while no user has an ID, and for sweeps of earlier versions.
    await transaction.schema.alterTable('sweeps').addColumn('environments', 'text').execute();
    await createProgress(transaction, dialect);
    if (dialect === 'postgres') await sql.raw(POSTGRES_WRITE).execute(transaction);
    else for (const statement of LIBSQL_WRITE) await sql.raw(statement).execute(transaction);
  },
};

/** A row for each user who was deferred, or whose call is recorded before it is sent; deleted with the user's outcome. */
async function createProgress(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const table = transaction.schema
    .createTable('target_progress')
    .addColumn('sweep', 'integer', (column) => column.notNull())
    .addColumn('seq', 'integer', (column) => column.notNull())
    // Encrypted with the sweep's key.
    .addColumn('progress', 'text', (column) => column.notNull())
    // The step that a person has to do for this user; null for a user who waits for something else.
    .addColumn('waits_for', 'text')
    // JSON: what a person reported about that step.
    .addColumn('report', 'text')
    .addPrimaryKeyConstraint('target_progress_key', ['sweep', 'seq']);
  await (dialect === 'postgres' ? table : table.modifyEnd(sql`without rowid`)).execute();
  await transaction.schema
    .createIndex('target_progress_waits')
    .on('target_progress')
    .columns(['sweep', 'waits_for', 'seq'])
    .where(sql.ref('waits_for'), 'is not', null)
    .execute();
}

/** Selects the target of a list row, unless it was written or taken over in between. */
const LIBSQL_OPEN = `t.sweep = new.sweep and t.seq = u.value->>0 and t.round = u.value->>1 and t.state = 'open'
        and t.fence = new.fence`;

/**
 * Each entry of `users` is [seq, round, progress, waits_for]. Writes only for users who are still the caller's; with
 * `strict` it refuses as a whole if one is not, because a call is about to be sent for each of them.
 */
const LIBSQL_WRITE = [
  `create view write_sweep_progress as
    select null as sweep, null as chunk_id, null as fence, null as users, null as strict where false`,
  `create trigger write_sweep_progress_run instead of insert on write_sweep_progress begin
    select raise(abort, 'fenced') where not exists (
      select 1 from sweep_chunks where sweep = new.sweep and chunk_id = new.chunk_id and fence = new.fence);
    select raise(abort, 'fenced') from json_each(new.users) as u
    where new.strict = 1 and not exists (select 1 from targets as t where ${LIBSQL_OPEN});
    insert into target_progress (sweep, seq, progress, waits_for, report)
    select new.sweep, t.seq, u.value->>2, u.value->>3, null
    from json_each(new.users) as u cross join targets as t on ${LIBSQL_OPEN}
    where true on conflict (sweep, seq) do update set progress = excluded.progress, waits_for = excluded.waits_for,
      report = null;
  end`,
];

const POSTGRES_OPEN = `t.sweep = p_sweep and t.seq = (u->>0)::integer and t.round = (u->>1)::integer
          and t.state = 'open' and t.fence = p_fence`;

const POSTGRES_WRITE = `
  create function ledger_sweep_progress(p_sweep integer, p_chunk_id text, p_fence integer, p_users jsonb, p_strict integer)
  returns void language plpgsql volatile set enable_seqscan = off as $$
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    if p_strict = 1 and exists (
      select 1 from jsonb_array_elements(p_users) u where not exists (
        select 1 from targets t where ${POSTGRES_OPEN})
    ) then raise exception 'fenced' using errcode = 'HT001'; end if;
    insert into target_progress (sweep, seq, progress, waits_for, report)
    select p_sweep, k.seq, u->>2, u->>3, null
    from jsonb_array_elements(p_users) u cross join lateral (select t.seq from targets t where ${POSTGRES_OPEN} limit 1) k
    on conflict (sweep, seq) do update set progress = excluded.progress, waits_for = excluded.waits_for, report = null;
  end $$`;
