import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { Tables } from '../tables';
import { BULK_FUNCTIONS } from './0004-sweep-writes-postgres-bulk';

/**
 * The SQLSTATEs by which these functions refuse; sweeps/sweep-writes.ts turns them into typed errors.
 * HT001: fenced, HT002: closed, HT003: the snapshot has moved.
 */
const FUNCTIONS: readonly string[] = [
  `
  create function ledger_sweep_rows(p_sweep integer, p_version integer, p_rows jsonb, p_keys jsonb, p_position text,
    p_complete integer, p_duplicates integer, p_rejected integer
  ) returns void language plpgsql volatile as $$
  declare
    v_first integer;
  begin
    select total into v_first from sweeps
    where number = p_sweep and snapshot_version = p_version and snapshot_complete = 0 and closed_at is null
    for update;
    if not found then raise exception 'moved' using errcode = 'HT003'; end if;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items)
    select p_sweep, v_first + r.place - 1, case when r.value->>2 is null then 'pending' else 'done' end, 0, 0,
      (r.value->>2)::integer, 0, (r.value->>3)::integer
    from jsonb_array_elements(p_rows) with ordinality as r (value, place);
    insert into target_ids (sweep, seq, ids, subjects)
    select p_sweep, v_first + r.place - 1, r.value->>0, r.value->>1
    from jsonb_array_elements(p_rows) with ordinality as r (value, place);
    insert into target_keys (sweep, key)
    select p_sweep, k.value from jsonb_array_elements_text(p_keys) as k (value) on conflict do nothing;
    update sweeps set snapshot_version = snapshot_version + 1, snapshot_position = p_position,
      snapshot_complete = p_complete, total = total + jsonb_array_length(p_rows),
      duplicates = duplicates + p_duplicates, rejected = rejected + p_rejected
    where number = p_sweep;
  end $$`,
  `
  create function ledger_sweep_fence(p_sweep integer, p_chunk_id text, p_taken_by text)
  returns integer language plpgsql volatile as $$
  declare
    v_fence integer;
  begin
    update sweeps set last_fence = last_fence + 1 where number = p_sweep and closed_at is null
    returning last_fence into v_fence;
    if not found then raise exception 'closed' using errcode = 'HT002'; end if;
    insert into sweep_chunks (sweep, chunk_id, fence, taken_by) values (p_sweep, p_chunk_id, v_fence, p_taken_by)
    on conflict (sweep, chunk_id) do update set fence = excluded.fence, taken_by = excluded.taken_by;
    return v_fence;
  end $$`,
  `
  create function ledger_sweep_close(p_sweep integer, p_at timestamptz) returns void language plpgsql volatile as $$
  begin
    update sweeps set closed_at = coalesce(closed_at, p_at), last_fence = last_fence + 1 where number = p_sweep;
    update sweep_chunks set fence = s.last_fence, taken_by = ''
    from sweeps s where s.number = p_sweep and sweep_chunks.sweep = p_sweep;
  end $$`,
  // A fence that a newer one is just replacing is waited for, and then looked at again.
  `
  create function ledger_sweep_fence_holds(p_sweep integer, p_chunk_id text, p_fence integer)
  returns void language plpgsql volatile as $$
  begin
    perform 1 from sweep_chunks where sweep = p_sweep and chunk_id = p_chunk_id and fence = p_fence for share;
    if not found then raise exception 'fenced' using errcode = 'HT001'; end if;
  end $$`,
  // Takes the lock of holds, as ledger_record_intent does, and for its reasons. Without statistics of a table that has
  // just been filled, the planner would read all of it: hence no sequential scans.
  `
  create function ledger_sweep_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer,
    p_first integer, p_last integer, p_most integer, p_at timestamptz
  ) returns table (seq integer, round integer, unsettled integer, ids text, subjects text)
  language plpgsql volatile set enable_seqscan = off as $$
  #variable_conflict use_column
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    perform pg_advisory_xact_lock_shared(1214606444, 2);
    if not exists (
      select 1 from targets t where t.sweep = p_sweep and t.seq between p_first and p_last
        and t.fence = p_fence and t.wave = p_wave
    ) then
      update targets t set state = 'open', fence = p_fence, wave = p_wave, intent_at = p_at,
        unsettled = case t.state when 'open' then 1 else t.unsettled end
      from (
        select c.seq from targets c
        where c.sweep = p_sweep and c.seq between p_first and p_last
          and ((c.state = 'open' and c.fence <> p_fence)
            or (c.state = 'pending' and (c.not_before is null or c.not_before <= p_at)))
        order by case c.state when 'open' then 0 else 1 end, c.seq limit p_most
      ) as next
      where t.sweep = p_sweep and t.seq = next.seq;
    end if;
    if exists (select 1 from holds) then
      with held as (
        update targets t set state = 'done', worst = case t.unsettled when 0 then 4 else 2 end
        from target_ids i
        where t.sweep = p_sweep and t.seq between p_first and p_last and t.state = 'open' and t.fence = p_fence
          and t.wave = p_wave and i.sweep = t.sweep and i.seq = t.seq
          and exists (select 1 from jsonb_array_elements_text(i.subjects::jsonb) s (value)
            join holds h on h.subject = s.value)
        returning t.seq, t.round, t.unsettled, i.subjects
      )
      insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
        service, environment, outcome, reason, at)
      select p_sweep_id, '', '', held.seq, 'hold', 'settled', held.round, 1, p_sweep_id, held.subjects::jsonb->>0,
        'offboardUsers', 'http-tasks', '', case held.unsettled when 0 then 'held' else 'unknown' end,
        case held.unsettled when 0 then null else 'heldBeforeItWasSettled' end, p_at
      from held on conflict do nothing;
    end if;
    return query
      select t.seq, t.round, t.unsettled, i.ids, i.subjects
      from targets t join target_ids i on i.sweep = t.sweep and i.seq = t.seq
      where t.sweep = p_sweep and t.seq between p_first and p_last and t.state = 'open' and t.fence = p_fence
        and t.wave = p_wave;
  end $$`,
  `
  create function ledger_sweep_outcomes(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer,
    p_users jsonb, p_receipts jsonb, p_queue jsonb, p_at timestamptz
  ) returns void language plpgsql volatile set enable_seqscan = off as $$
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, key_slot, outcome, reason, failure_type, status, code, request_id, token, items, at)
    select p_sweep_id, '', '', t.seq, r->>2, r->>3, t.round, (r->>4)::integer, p_sweep_id, r->>5, r->>6, r->>7, r->>8,
      r->>9, r->>10, r->>11, r->>12, (r->>13)::integer, r->>14, r->>15, r->>16, r->>17, p_at
    from jsonb_array_elements(p_receipts) r join targets t on t.sweep = p_sweep and t.seq = (r->>0)::integer
      and t.round = (r->>1)::integer and t.state = 'open' and t.fence = p_fence
    on conflict do nothing;
    insert into bulk_queue (sweep, app, seq, unsettled)
    select p_sweep, q->>2, t.seq, 0
    from jsonb_array_elements(p_queue) q join targets t on t.sweep = p_sweep and t.seq = (q->>0)::integer
      and t.round = (q->>1)::integer and t.state = 'open' and t.fence = p_fence
    on conflict do nothing;
    update targets t set state = u->>2, worst = (u->>3)::integer, bulk_left = (u->>4)::integer,
      not_before = (u->>5)::timestamptz, unsettled = (u->>6)::integer,
      round = t.round + case u->>2 when 'pending' then 1 else 0 end
    from jsonb_array_elements(p_users) u
    where t.sweep = p_sweep and t.seq = (u->>0)::integer and t.round = (u->>1)::integer and t.state = 'open'
      and t.fence = p_fence;
  end $$`,
];

/** Makes the functions. */
export async function createPostgresWrites(transaction: Transaction<Tables>): Promise<void> {
  for (const create of [...FUNCTIONS, ...BULK_FUNCTIONS]) await sql.raw(create).execute(transaction);
}
