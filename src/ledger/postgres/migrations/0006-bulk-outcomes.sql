-- Makes concurrent writes of one user's outcomes at several apps see each other's result. As before, except that a
-- target is changed based on the row as locked by the conflict, not as read before, because another app's outcomes
-- may have changed it in between. The order of the list prevents deadlocks.

create or replace function ledger_bulk_outcomes(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer,
  p_app text, p_receipt jsonb, p_users jsonb, p_worst integer, p_at timestamptz
) returns void language plpgsql volatile set enable_seqscan = off as $$
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, key_slot, outcome, failure_type, status, code, request_id, token, reason, at)
    select p_sweep_id, '', '', q.seq, p_receipt->>0, 'settled', q.round, 1, p_sweep_id, u->>1, p_receipt->>1,
      p_receipt->>2, p_receipt->>3, p_receipt->>4, p_receipt->>5, p_receipt->>6, (p_receipt->>7)::integer,
      p_receipt->>8, p_receipt->>9, p_receipt->>10, p_receipt->>11, p_at
    from jsonb_array_elements(p_users) u cross join lateral (
      select o.ctid as place, o.seq, k.round, k.some_items
      from bulk_queue o cross join lateral (
        select * from targets t where t.sweep = p_sweep and t.seq = o.seq limit 1) k
      where o.sweep = p_sweep and o.app = p_app and o.seq = (u->>0)::integer
        and o.fence is not distinct from p_fence limit 1) q
    on conflict do nothing;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items)
    select p_sweep, q.seq, 'bulk', q.round, 0, p_worst, 0, q.some_items
    from (
      select distinct on ((value->>0)::integer) value from jsonb_array_elements(p_users) order by (value->>0)::integer
    ) as list (u) cross join lateral (
      select o.ctid as place, o.seq, k.round, k.some_items
      from bulk_queue o cross join lateral (
        select * from targets t where t.sweep = p_sweep and t.seq = o.seq limit 1) k
      where o.sweep = p_sweep and o.app = p_app and o.seq = (u->>0)::integer
        and o.fence is not distinct from p_fence limit 1) q
    on conflict (sweep, seq) do update set bulk_left = targets.bulk_left - 1,
      state = case when targets.bulk_left <= 1 then 'done' else 'bulk' end,
      worst = least(coalesce(targets.worst, 99), excluded.worst);
    delete from bulk_queue where ctid = any (array(
      select q.place from jsonb_array_elements(p_users) u cross join lateral (
      select o.ctid as place, o.seq, k.round, k.some_items
      from bulk_queue o cross join lateral (
        select * from targets t where t.sweep = p_sweep and t.seq = o.seq limit 1) k
      where o.sweep = p_sweep and o.app = p_app and o.seq = (u->>0)::integer
        and o.fence is not distinct from p_fence limit 1) q));
  end $$;
