-- Recreates the statement that opens a wave: a user on hold of whom a call is in doubt, or whose request is filed, is opened too
-- if the recorded progress says how to continue. What was sent before the hold is then followed to its end by reads.
--
-- Such a user is marked in "unsettled", to which 2 is added: 3 after an interruption, 4 for one in progress. Only callers that
-- know these values get them: they pass 2 in "sends", or 0, where nothing is sent. For a worker of an earlier version, which
-- passes 1, the user is done as "unknown", as before.

drop view write_sweep_wave;

create view write_sweep_wave as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "wave", null as "first",
  null as "last", null as "most", null as "at", null as "claimed_by", null as "sends"
where false;

create trigger write_sweep_wave_run instead of insert on write_sweep_wave begin
  select raise(abort, 'refused') where exists (
    select 1 from sweeps as s
    where s.number = new.sweep and (s.claimed_by is not new.claimed_by or s.closed_at is not null or (new.sends <> 0 and (
      (s.needs_approval = 1 and s.approved_at is null) or s.total > s.max_users
        or exists (select 1 from stops where lifted_at is null)))));
  select raise(abort, 'fenced') where not exists (
    select 1 from sweep_chunks where sweep = new.sweep and chunk_id = new.chunk_id and fence = new.fence);
  update targets set state = 'open', fence = new.fence, wave = new.wave, intent_at = new.at,
    unsettled = case state when 'open' then 1 else unsettled end
  where sweep = new.sweep and seq in (
    select c.seq from targets as c
    where c.sweep = new.sweep and c.seq between new.first and new.last
      and ((c.state = 'open' and c.fence <> new.fence)
        or (c.state = 'pending' and (c.not_before is null or c.not_before <= new.at)))
      and not exists (
        select 1 from targets as o
        where o.sweep = new.sweep and o.seq between new.first and new.last
          and o.fence = new.fence and o.wave = new.wave)
    order by case c.state when 'open' then 0 else 1 end, c.seq
    limit new.most);
  update targets set unsettled = unsettled + 2
  where new.sends <> 1 and exists (select 1 from holds) and targets.sweep = new.sweep and targets.seq between new.first and new.last
    and targets.state = 'open' and targets.fence = new.fence and targets.wave = new.wave and targets.unsettled in (1, 2)
    and exists (select 1 from target_progress as p where p.sweep = targets.sweep and p.seq = targets.seq)
    and exists (
      select 1 from target_ids as i where i.sweep = targets.sweep and i.seq = targets.seq and exists (select 1 from holds) and exists (
    select 1 from json_each(i.subjects) as s join holds as h on h.subject = s.value));
  insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
    service, environment, outcome, reason, at)
  select new.sweep_id, '', '', targets.seq, 'hold', 'settled', targets.round, 1, new.sweep_id, i.subjects->>0,
    'offboardUsers', 'http-tasks', '', case targets.unsettled when 0 then 'held' else 'unknown' end,
    case targets.unsettled when 0 then null else 'heldBeforeItWasSettled' end, new.at
  from targets join target_ids as i on i.sweep = targets.sweep and i.seq = targets.seq
  where targets.sweep = new.sweep and targets.seq between new.first and new.last
    and targets.state = 'open' and targets.fence = new.fence and targets.wave = new.wave and targets.unsettled <= 2 and exists (select 1 from holds) and exists (
    select 1 from json_each(i.subjects) as s join holds as h on h.subject = s.value)
  on conflict do nothing;
  update targets set state = 'done', worst = case unsettled when 0 then 4 else 2 end
  where targets.sweep = new.sweep and targets.seq between new.first and new.last
    and targets.state = 'open' and targets.fence = new.fence and targets.wave = new.wave and targets.unsettled <= 2 and exists (
    select 1 from target_ids as i where i.sweep = targets.sweep and i.seq = targets.seq and exists (select 1 from holds) and exists (
    select 1 from json_each(i.subjects) as s join holds as h on h.subject = s.value));
end;
