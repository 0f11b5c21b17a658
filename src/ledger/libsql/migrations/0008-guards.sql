-- The decisions about a sweep (plan, limits, approval) and the kill switch.
--
-- Recreates the views that record intents: they refuse a sweep that belongs to another run, is closed, is larger than
-- allowed or waits for its approval, and all sweeps while the kill switch is on. "claimed_by" is the calling run;
-- "sends" is 0 for a call that only records final outcomes.

-- JSON; null for a sweep that no run has claimed, or that was opened by a version without this migration.
alter table "sweeps" add column "plan" text;

alter table "sweeps" add column "max_users" integer;

alter table "sweeps" add column "needs_approval" integer;

alter table "sweeps" add column "approved_at" text;

alter table "sweeps" add column "approved_by" text;

-- The periods during which everything was stopped.
create table "stops" (
  "number" integer primary key,
  "reason" text not null,
  "set_by" text not null,
  "at" text not null,
  "lifted_by" text,
  "lifted_at" text
);

-- At most one stop is in force, even if two processes set one concurrently.
create unique index stops_in_force on stops ((lifted_at is null)) where lifted_at is null;

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
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, outcome, reason, at)
    select new.sweep_id, '', '', targets.seq, 'hold', 'settled', targets.round, 1, new.sweep_id, i.subjects->>0,
      'offboardUsers', 'http-tasks', '', case targets.unsettled when 0 then 'held' else 'unknown' end,
      case targets.unsettled when 0 then null else 'heldBeforeItWasSettled' end, new.at
    from targets join target_ids as i on i.sweep = targets.sweep and i.seq = targets.seq
    where targets.sweep = new.sweep and targets.seq between new.first and new.last
      and targets.state = 'open' and targets.fence = new.fence and targets.wave = new.wave and exists (select 1 from holds) and exists (
      select 1 from json_each(i.subjects) as s join holds as h on h.subject = s.value)
    on conflict do nothing;
    update targets set state = 'done', worst = case unsettled when 0 then 4 else 2 end
    where targets.sweep = new.sweep and targets.seq between new.first and new.last
      and targets.state = 'open' and targets.fence = new.fence and targets.wave = new.wave and exists (
      select 1 from target_ids as i where i.sweep = targets.sweep and i.seq = targets.seq and exists (select 1 from holds) and exists (
      select 1 from json_each(i.subjects) as s join holds as h on h.subject = s.value));
  end;

drop view write_bulk_wave;

create view write_bulk_wave as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "wave", null as "app",
  null as "step", null as "most", null as "at", null as "claimed_by", null as "sends"
where false;

create trigger write_bulk_wave_run instead of insert on write_bulk_wave begin
    select raise(abort, 'refused') where exists (
      select 1 from sweeps as s
      where s.number = new.sweep and (s.claimed_by is not new.claimed_by or s.closed_at is not null or (new.sends <> 0 and (
        (s.needs_approval = 1 and s.approved_at is null) or s.total > s.max_users
          or exists (select 1 from stops where lifted_at is null)))));
    select raise(abort, 'fenced') where not exists (
      select 1 from sweep_chunks where sweep = new.sweep and chunk_id = new.chunk_id and fence = new.fence);
    update bulk_queue set fence = new.fence, wave = new.wave, intent_at = new.at,
      unsettled = case when fence is null then 0 else 1 end
    where sweep = new.sweep and app = new.app and seq in (
      select c.seq from bulk_queue as c
      where c.sweep = new.sweep and c.app = new.app and (c.fence is null or c.fence <> new.fence)
        and not exists (select 1 from bulk_queue as q where q.sweep = new.sweep and q.app = new.app and q.fence = new.fence and q.wave = new.wave)
      order by c.seq limit new.most);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, outcome, reason, at)
    select new.sweep_id, '', '', t.seq, new.step, 'settled', t.round, 1, new.sweep_id, d.subjects->>0, 'offboardUsers',
      'http-tasks', '', case q.unsettled when 0 then 'held' else 'unknown' end,
      case q.unsettled when 0 then null else 'heldBeforeItWasSettled' end, new.at
    from bulk_queue as q join targets as t on t.sweep = q.sweep and t.seq = q.seq
      join target_ids as d on d.sweep = q.sweep and d.seq = q.seq
    where q.sweep = new.sweep and q.app = new.app and q.fence = new.fence and q.wave = new.wave and exists (select 1 from holds) and exists (
      select 1 from target_ids as i cross join json_each(i.subjects) as s join holds as h on h.subject = s.value
      where i.sweep = q.sweep and i.seq = q.seq)
    on conflict do nothing;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items)
    select t.sweep, t.seq, case when t.bulk_left <= 1 then 'done' else 'bulk' end, t.round, t.unsettled, min(coalesce(t.worst, 99), case q.unsettled when 0 then 4 else 2 end),
      t.bulk_left - 1, t.some_items
    from bulk_queue as q cross join targets as t on t.sweep = q.sweep and t.seq = q.seq
    where q.sweep = new.sweep and q.app = new.app and q.fence = new.fence and q.wave = new.wave and exists (select 1 from holds) and exists (
      select 1 from target_ids as i cross join json_each(i.subjects) as s join holds as h on h.subject = s.value
      where i.sweep = q.sweep and i.seq = q.seq)
    on conflict (sweep, seq) do update set state = excluded.state, worst = excluded.worst, bulk_left = excluded.bulk_left;
    delete from bulk_queue where sweep = new.sweep and app = new.app and seq in (
      select q.seq from bulk_queue as q where q.sweep = new.sweep and q.app = new.app and q.fence = new.fence and q.wave = new.wave and exists (select 1 from holds) and exists (
      select 1 from target_ids as i cross join json_each(i.subjects) as s join holds as h on h.subject = s.value
      where i.sweep = q.sweep and i.seq = q.seq));
  end;
