/**
 * Selects the queue row of a listed user, if it is still part of this fence's call, with the user's target. The fence
 * is compared in a form that no index supports, so that the index on the whole key is used.
 */
const STILL_OPEN = `
      select o.ctid as place, o.seq, k.round, k.unsettled, k.worst, k.bulk_left, k.some_items
      from bulk_queue o cross join lateral (
        select * from targets t where t.sweep = p_sweep and t.seq = o.seq limit 1) k
      where o.sweep = p_sweep and o.app = p_app and o.seq = (u->>0)::integer
        and o.fence is not distinct from p_fence limit 1`;

/** Functions of bulk calls; see 0004-sweep-writes-postgres.ts. */
export const BULK_FUNCTIONS: readonly string[] = [
  `
  create function ledger_bulk_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer,
    p_app text, p_step text, p_most integer, p_at timestamptz
  ) returns table (seq integer, ids text, subjects text, unsettled integer)
  language plpgsql volatile set enable_seqscan = off as $$
  #variable_conflict use_column
  declare
    v_held record;
    v_round integer;
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    perform pg_advisory_xact_lock(hashtextextended('wave ' || p_sweep || ' ' || p_fence, 1214606444));
    perform pg_advisory_xact_lock_shared(1214606444, 2);
    if not exists (
      select 1 from bulk_queue q where q.sweep = p_sweep and q.app = p_app and q.fence = p_fence and q.wave = p_wave
    ) then
      update bulk_queue q set fence = p_fence, wave = p_wave, intent_at = p_at,
        unsettled = case when q.fence is null then 0 else 1 end
      where q.ctid = any (array(
        select c.ctid from bulk_queue c
        where c.sweep = p_sweep and c.app = p_app and (c.fence is null or c.fence <> p_fence)
        order by c.seq limit p_most));
    end if;
    if exists (select 1 from holds) then
      for v_held in
        select q.seq, q.unsettled, i.subjects
        from bulk_queue q cross join lateral (
          select d.subjects from target_ids d where d.sweep = p_sweep and d.seq = q.seq limit 1) i
        where q.sweep = p_sweep and q.app = p_app and q.fence = p_fence and q.wave = p_wave
          and ledger_is_held(i.subjects)
      loop
        delete from bulk_queue q where q.sweep = p_sweep and q.app = p_app and q.seq = v_held.seq;
        update targets t set worst = least(coalesce(t.worst, 99), case v_held.unsettled when 0 then 4 else 2 end),
          bulk_left = t.bulk_left - 1, state = case when t.bulk_left <= 1 then 'done' else 'bulk' end
        where t.sweep = p_sweep and t.seq = v_held.seq returning t.round into v_round;
        perform ledger_held_receipt(p_sweep_id, v_held.seq, v_round, p_step, v_held.subjects, v_held.unsettled, p_at);
      end loop;
    end if;
    return query
      select q.seq, i.ids, i.subjects, q.unsettled
      from bulk_queue q cross join lateral (
        select d.ids, d.subjects from target_ids d where d.sweep = p_sweep and d.seq = q.seq limit 1) i
      where q.sweep = p_sweep and q.app = p_app and q.fence = p_fence and q.wave = p_wave;
  end $$`,
  `
  create function ledger_bulk_outcomes(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_app text,
    p_receipt jsonb, p_users jsonb, p_worst integer, p_at timestamptz
  ) returns void language plpgsql volatile set enable_seqscan = off as $$
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, key_slot, outcome, failure_type, status, code, request_id, token, reason, at)
    select p_sweep_id, '', '', q.seq, p_receipt->>0, 'settled', q.round, 1, p_sweep_id, u->>1, p_receipt->>1,
      p_receipt->>2, p_receipt->>3, p_receipt->>4, p_receipt->>5, p_receipt->>6, (p_receipt->>7)::integer,
      p_receipt->>8, p_receipt->>9, p_receipt->>10, p_receipt->>11, p_at
    from jsonb_array_elements(p_users) u cross join lateral (${STILL_OPEN}) q
    on conflict do nothing;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items)
    select p_sweep, q.seq, case when q.bulk_left <= 1 then 'done' else 'bulk' end, q.round, q.unsettled,
      least(coalesce(q.worst, 99), p_worst), q.bulk_left - 1, q.some_items
    from (select distinct on (value->>0) value from jsonb_array_elements(p_users)) as list (u)
      cross join lateral (${STILL_OPEN}) q
    on conflict (sweep, seq) do update set state = excluded.state, worst = excluded.worst, bulk_left = excluded.bulk_left;
    delete from bulk_queue where ctid = any (array(
      select q.place from jsonb_array_elements(p_users) u cross join lateral (${STILL_OPEN}) q));
  end $$`,
];
