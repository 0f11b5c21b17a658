-- The writes of sweeps. Each touches several tables and must still be one short statement that commits by itself: a
-- process frozen between the statements of a transaction would keep its locks. Therefore they are functions.
--
-- Each checks its fence first and locks it (for share), so that taking a newer fence waits for writes in progress,
-- and later writes of the old fence are refused.
--
-- A newly filled table has no statistics, and the planner then estimates one row for a million and would scan the
-- whole sweep for each list row. Therefore sequential scans are off, and every row is reached by its key: through a
-- lateral subquery (whose limit prevents its conversion to a join), by its ctid, or by a conflict on its key.
--
-- SQLSTATEs of refusals: HT001: fenced, HT002: closed, HT003: the snapshot has moved.

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
  end $$;

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
  end $$;

create function ledger_sweep_close(p_sweep integer, p_at timestamptz) returns void language plpgsql volatile as $$
  begin
    update sweeps set closed_at = coalesce(closed_at, p_at), last_fence = last_fence + 1 where number = p_sweep;
    update sweep_chunks set fence = s.last_fence, taken_by = ''
    from sweeps s where s.number = p_sweep and sweep_chunks.sweep = p_sweep;
  end $$;

-- Waits for a newer fence that is being taken, and then checks again.
create function ledger_sweep_fence_holds(p_sweep integer, p_chunk_id text, p_fence integer)
returns void language plpgsql volatile as $$
  begin
    perform 1 from sweep_chunks where sweep = p_sweep and chunk_id = p_chunk_id and fence = p_fence for share;
    if not found then raise exception 'fenced' using errcode = 'HT001'; end if;
  end $$;

-- Takes the lock of holds for the same reasons as ledger_record_intent. The lock before it serialises a wave that
-- timed out but is still in progress and its retry, so that the later one sees the earlier one.
create function ledger_sweep_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer,
  p_first integer, p_last integer, p_most integer, p_at timestamptz
) returns table (seq integer, round integer, unsettled integer, ids text, subjects text)
language plpgsql volatile set enable_seqscan = off as $$
  #variable_conflict use_column
  declare
    v_held record;
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    perform pg_advisory_xact_lock(hashtextextended('wave ' || p_sweep || ' ' || p_fence, 1214606444));
    perform pg_advisory_xact_lock_shared(1214606444, 2);
    if not exists (
      select 1 from targets t where t.sweep = p_sweep and t.seq between p_first and p_last
        and t.fence = p_fence and t.wave = p_wave
    ) then
      update targets t set state = 'open', fence = p_fence, wave = p_wave, intent_at = p_at,
        unsettled = case t.state when 'open' then 1 else t.unsettled end
      where t.ctid = any (array(
        select c.ctid from targets c
        where c.sweep = p_sweep and c.seq between p_first and p_last
          and ((c.state = 'open' and c.fence <> p_fence)
            or (c.state = 'pending' and (c.not_before is null or c.not_before <= p_at)))
        order by case c.state when 'open' then 0 else 1 end, c.seq limit p_most));
    end if;
    if exists (select 1 from holds) then
      for v_held in
        select t.seq, t.round, t.unsettled, i.subjects
        from targets t cross join lateral (
          select d.subjects from target_ids d where d.sweep = p_sweep and d.seq = t.seq limit 1) i
        where t.sweep = p_sweep and t.seq between p_first and p_last and t.state = 'open' and t.fence = p_fence
          and t.wave = p_wave and ledger_is_held(i.subjects)
      loop
        update targets t set state = 'done', worst = case v_held.unsettled when 0 then 4 else 2 end
        where t.sweep = p_sweep and t.seq = v_held.seq;
        perform ledger_held_receipt(p_sweep_id, v_held.seq, v_held.round, 'hold', v_held.subjects, v_held.unsettled, p_at);
      end loop;
    end if;
    return query
      select t.seq, t.round, t.unsettled, i.ids, i.subjects
      from targets t cross join lateral (
        select d.ids, d.subjects from target_ids d where d.sweep = p_sweep and d.seq = t.seq limit 1) i
      where t.sweep = p_sweep and t.seq between p_first and p_last and t.state = 'open' and t.fence = p_fence
        and t.wave = p_wave;
  end $$;

create function ledger_is_held(p_subjects text) returns boolean language sql stable as $$
    select exists (select 1 from jsonb_array_elements_text(p_subjects::jsonb) s (value)
      join holds h on h.subject = s.value)
  $$;

create function ledger_held_receipt(p_sweep_id text, p_seq integer, p_round integer, p_step text, p_subjects text,
  p_unsettled integer, p_at timestamptz
) returns void language sql volatile as $$
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, outcome, reason, at)
    values (p_sweep_id, '', '', p_seq, p_step, 'settled', p_round, 1, p_sweep_id, p_subjects::jsonb->>0, 'offboardUsers',
      'http-tasks', '', case p_unsettled when 0 then 'held' else 'unknown' end,
      case p_unsettled when 0 then null else 'heldBeforeItWasSettled' end, p_at)
    on conflict do nothing
  $$;

create function ledger_sweep_outcomes(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer,
  p_users jsonb, p_receipts jsonb, p_kinds jsonb, p_queue jsonb, p_at timestamptz
) returns void language plpgsql volatile set enable_seqscan = off as $$
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, key_slot, outcome, reason, failure_type, status, code, request_id, token, items, at)
    select p_sweep_id, '', '', t.seq, k->>0, k->>1, t.round, (k->>2)::integer, p_sweep_id, r->>3, k->>3, k->>4, k->>5,
      k->>6, k->>7, k->>8, k->>9, (k->>10)::integer, k->>11, r->>4, r->>5, r->>6, p_at
    from jsonb_array_elements(p_receipts) r cross join lateral (
      select o.seq, o.round, o.some_items from targets o
      where o.sweep = p_sweep and o.seq = (r->>0)::integer and o.round = (r->>1)::integer
        and o.state = 'open' and o.fence = p_fence limit 1) t
      cross join lateral (select p_kinds->((r->>2)::integer)) kind (k)
    on conflict do nothing;
    insert into bulk_queue (sweep, app, seq, unsettled)
    select p_sweep, q->>2, t.seq, 0
    from jsonb_array_elements(p_queue) q cross join lateral (
      select o.seq, o.round, o.some_items from targets o
      where o.sweep = p_sweep and o.seq = (q->>0)::integer and o.round = (q->>1)::integer
        and o.state = 'open' and o.fence = p_fence limit 1) t
    on conflict do nothing;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, not_before)
    select p_sweep, t.seq, u->>2, t.round + case u->>2 when 'pending' then 1 else 0 end, (u->>6)::integer,
      (u->>3)::integer, (u->>4)::integer, t.some_items, (u->>5)::timestamptz
    from (select distinct on (value->>0) value from jsonb_array_elements(p_users)) as list (u)
      cross join lateral (
      select o.seq, o.round, o.some_items from targets o
      where o.sweep = p_sweep and o.seq = (u->>0)::integer and o.round = (u->>1)::integer
        and o.state = 'open' and o.fence = p_fence limit 1) t
    on conflict (sweep, seq) do update set state = excluded.state, round = excluded.round,
      unsettled = excluded.unsettled, worst = excluded.worst, bulk_left = excluded.bulk_left,
      not_before = excluded.not_before;
  end $$;

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
  end $$;

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
    from jsonb_array_elements(p_users) u cross join lateral (
      select o.ctid as place, o.seq, k.round, k.unsettled, k.worst, k.bulk_left, k.some_items
      from bulk_queue o cross join lateral (
        select * from targets t where t.sweep = p_sweep and t.seq = o.seq limit 1) k
      where o.sweep = p_sweep and o.app = p_app and o.seq = (u->>0)::integer
        and o.fence is not distinct from p_fence limit 1) q
    on conflict do nothing;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items)
    select p_sweep, q.seq, case when q.bulk_left <= 1 then 'done' else 'bulk' end, q.round, q.unsettled,
      least(coalesce(q.worst, 99), p_worst), q.bulk_left - 1, q.some_items
    from (select distinct on (value->>0) value from jsonb_array_elements(p_users)) as list (u)
      cross join lateral (
      select o.ctid as place, o.seq, k.round, k.unsettled, k.worst, k.bulk_left, k.some_items
      from bulk_queue o cross join lateral (
        select * from targets t where t.sweep = p_sweep and t.seq = o.seq limit 1) k
      where o.sweep = p_sweep and o.app = p_app and o.seq = (u->>0)::integer
        and o.fence is not distinct from p_fence limit 1) q
    on conflict (sweep, seq) do update set state = excluded.state, worst = excluded.worst, bulk_left = excluded.bulk_left;
    delete from bulk_queue where ctid = any (array(
      select q.place from jsonb_array_elements(p_users) u cross join lateral (
      select o.ctid as place, o.seq, k.round, k.unsettled, k.worst, k.bulk_left, k.some_items
      from bulk_queue o cross join lateral (
        select * from targets t where t.sweep = p_sweep and t.seq = o.seq limit 1) k
      where o.sweep = p_sweep and o.app = p_app and o.seq = (u->>0)::integer
        and o.fence is not distinct from p_fence limit 1) q));
  end $$;
