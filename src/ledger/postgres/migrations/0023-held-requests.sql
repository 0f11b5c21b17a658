-- Recreates the statement that opens a wave: a user on hold of whom a call is in doubt, or whose request is filed, is opened too
-- if the recorded progress says how to continue. What was sent before the hold is then followed to its end by reads.
--
-- Such a user is marked in "unsettled", to which 2 is added: 3 after an interruption, 4 for one in progress. Only callers that
-- know these values get them: they pass 2 in "sends", or 0, where nothing is sent. For a worker of an earlier version, which
-- passes 1, the user is done as "unknown", as before.

drop function ledger_sweep_wave_unguarded(integer, text, text, integer, integer, integer, integer, integer, timestamptz);

-- See 0004-sweep-writes for the locks.
create function ledger_sweep_wave_unguarded(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer,
  p_wave integer, p_first integer, p_last integer, p_most integer, p_at timestamptz, p_follows boolean
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
        and t.wave = p_wave and t.unsettled <= 2 and ledger_is_held(i.subjects)
    loop
      if p_follows and v_held.unsettled > 0 and exists (
        select 1 from target_progress p where p.sweep = p_sweep and p.seq = v_held.seq
      ) then
        update targets t set unsettled = v_held.unsettled + 2 where t.sweep = p_sweep and t.seq = v_held.seq;
      else
        update targets t set state = 'done', worst = case v_held.unsettled when 0 then 4 else 2 end
        where t.sweep = p_sweep and t.seq = v_held.seq;
        perform ledger_held_receipt(p_sweep_id, v_held.seq, v_held.round, 'hold', v_held.subjects, v_held.unsettled, p_at);
      end if;
    end loop;
  end if;
  return query
    select t.seq, t.round, t.unsettled, i.ids, i.subjects
    from targets t cross join lateral (
      select d.ids, d.subjects from target_ids d where d.sweep = p_sweep and d.seq = t.seq limit 1) i
    where t.sweep = p_sweep and t.seq between p_first and p_last and t.state = 'open' and t.fence = p_fence
      and t.wave = p_wave;
end $$;

create or replace function ledger_sweep_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer,
  p_wave integer, p_first integer, p_last integer, p_most integer, p_at timestamptz, p_claimed_by text, p_sends integer
) returns table (seq integer, round integer, unsettled integer, ids text, subjects text)
language plpgsql volatile as $$
begin
  return query select * from ledger_sweep_wave_unguarded(p_sweep, p_sweep_id, p_chunk_id, p_fence, p_wave, p_first,
    p_last, p_most, p_at, p_sends <> 1);
  perform ledger_sweep_may_begin(p_sweep, p_claimed_by, p_sends);
end $$;
