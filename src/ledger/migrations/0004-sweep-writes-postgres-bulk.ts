/** The functions of bulk calls; see 0004-sweep-writes-postgres.ts. */
export const BULK_FUNCTIONS: readonly string[] = [
  `
  create function ledger_bulk_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer,
    p_app text, p_step text, p_most integer, p_at timestamptz
  ) returns table (seq integer, ids text, subjects text)
  language plpgsql volatile set enable_seqscan = off as $$
  #variable_conflict use_column
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    perform pg_advisory_xact_lock_shared(1214606444, 2);
    if not exists (
      select 1 from bulk_queue q where q.sweep = p_sweep and q.app = p_app and q.fence = p_fence and q.wave = p_wave
    ) then
      update bulk_queue q set fence = p_fence, wave = p_wave, intent_at = p_at,
        unsettled = case when q.fence is null then 0 else 1 end
      from (
        select c.seq from bulk_queue c
        where c.sweep = p_sweep and c.app = p_app and (c.fence is null or c.fence <> p_fence)
        order by c.seq limit p_most
      ) as next
      where q.sweep = p_sweep and q.app = p_app and q.seq = next.seq;
    end if;
    if exists (select 1 from holds) then
      with held as (
        delete from bulk_queue q using target_ids i
        where q.sweep = p_sweep and q.app = p_app and q.fence = p_fence and q.wave = p_wave
          and i.sweep = q.sweep and i.seq = q.seq
          and exists (select 1 from jsonb_array_elements_text(i.subjects::jsonb) s (value)
            join holds h on h.subject = s.value)
        returning q.seq, q.unsettled, i.subjects
      ), marked as (
        update targets t set worst = least(coalesce(t.worst, 99), case held.unsettled when 0 then 4 else 2 end),
          bulk_left = t.bulk_left - 1, state = case when t.bulk_left <= 1 then 'done' else 'bulk' end
        from held where t.sweep = p_sweep and t.seq = held.seq
        returning t.seq, t.round, held.unsettled, held.subjects
      )
      insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
        service, environment, outcome, reason, at)
      select p_sweep_id, '', '', m.seq, p_step, 'settled', m.round, 1, p_sweep_id, m.subjects::jsonb->>0,
        'offboardUsers', 'http-tasks', '', case m.unsettled when 0 then 'held' else 'unknown' end,
        case m.unsettled when 0 then null else 'heldBeforeItWasSettled' end, p_at
      from marked m on conflict do nothing;
    end if;
    return query
      select q.seq, i.ids, i.subjects from bulk_queue q join target_ids i on i.sweep = q.sweep and i.seq = q.seq
      where q.sweep = p_sweep and q.app = p_app and q.fence = p_fence and q.wave = p_wave;
  end $$`,
  `
  create function ledger_bulk_outcomes(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_app text,
    p_receipt jsonb, p_users jsonb, p_worst integer, p_at timestamptz
  ) returns void language plpgsql volatile set enable_seqscan = off as $$
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    with recorded as (
      delete from bulk_queue q using jsonb_array_elements(p_users) u
      where q.sweep = p_sweep and q.app = p_app and q.seq = (u->>0)::integer and q.fence = p_fence
      returning q.seq, u->>1 as subject
    ), marked as (
      update targets t set worst = least(coalesce(t.worst, 99), p_worst), bulk_left = t.bulk_left - 1,
        state = case when t.bulk_left <= 1 then 'done' else 'bulk' end
      from recorded where t.sweep = p_sweep and t.seq = recorded.seq
      returning t.seq, t.round, recorded.subject
    )
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, key_slot, outcome, failure_type, status, code, request_id, token, at)
    select p_sweep_id, '', '', m.seq, p_receipt->>0, 'settled', m.round, 1, p_sweep_id, m.subject, p_receipt->>1,
      p_receipt->>2, p_receipt->>3, p_receipt->>4, p_receipt->>5, p_receipt->>6, (p_receipt->>7)::integer,
      p_receipt->>8, p_receipt->>9, p_receipt->>10, p_at
    from marked m on conflict do nothing;
  end $$`,
];
