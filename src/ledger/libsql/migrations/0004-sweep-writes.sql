-- The writes of sweeps. Each touches several tables and must still be one short statement that commits by itself: a
-- process frozen between the statements of a transaction would keep its locks. Therefore they are views whose trigger
-- does the work when a row is "inserted". Lists are JSON, so that any number of rows is one value.
--
-- Each checks its fence first. libSQL has one writer at a time, so that taking a newer fence waits for writes in
-- progress, and later writes of the old fence are refused.

create view write_sweep_rows as select
  null as "sweep", null as "version", null as "rows", null as "keys", null as "position", null as "complete",
  null as "duplicates", null as "rejected"
where false;

create trigger write_sweep_rows_run instead of insert on write_sweep_rows begin
    select raise(abort, 'moved') where not exists (
      select 1 from sweeps
      where number = new.sweep and snapshot_version = new.version and snapshot_complete = 0 and closed_at is null);
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items)
    select new.sweep, s.total + r.key, case when r.value->>2 is null then 'pending' else 'done' end, 0, 0, r.value->>2, 0,
      r.value->>3
    from json_each(new.rows) as r cross join sweeps as s on s.number = new.sweep;
    insert into target_ids (sweep, seq, ids, subjects)
    select new.sweep, s.total + r.key, r.value->>0, r.value->>1
    from json_each(new.rows) as r cross join sweeps as s on s.number = new.sweep;
    insert into target_keys (sweep, key)
    select new.sweep, k.value from json_each(new.keys) as k where true on conflict do nothing;
    update sweeps set snapshot_version = snapshot_version + 1, snapshot_position = new.position,
      snapshot_complete = new.complete, total = total + json_array_length(new.rows),
      duplicates = duplicates + new.duplicates, rejected = rejected + new.rejected
    where number = new.sweep;
  end;

create view write_sweep_fence as select
  null as "sweep", null as "chunk_id", null as "taken_by"
where false;

create trigger write_sweep_fence_run instead of insert on write_sweep_fence begin
    select raise(abort, 'closed') where not exists (
      select 1 from sweeps where number = new.sweep and closed_at is null);
    update sweeps set last_fence = last_fence + 1 where number = new.sweep;
    insert into sweep_chunks (sweep, chunk_id, fence, taken_by)
    select new.sweep, new.chunk_id, last_fence, new.taken_by from sweeps where number = new.sweep
    on conflict (sweep, chunk_id) do update set fence = excluded.fence, taken_by = excluded.taken_by;
  end;

create view write_sweep_close as select
  null as "sweep", null as "at"
where false;

create trigger write_sweep_close_run instead of insert on write_sweep_close begin
    update sweeps set closed_at = coalesce(closed_at, new.at), last_fence = last_fence + 1 where number = new.sweep;
    update sweep_chunks set fence = (select last_fence from sweeps where number = new.sweep), taken_by = ''
    where sweep = new.sweep;
  end;

create view write_sweep_wave as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "wave", null as "first",
  null as "last", null as "most", null as "at"
where false;

-- Idempotent for the same wave: the check for rows that it already opened runs before any row is changed. Usually
-- there is no hold at all, so that is checked first, once for all rows.
create trigger write_sweep_wave_run instead of insert on write_sweep_wave begin
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

create view write_sweep_outcomes as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "users", null as "receipts",
  null as "kinds", null as "queue", null as "at"
where false;

-- Writes only for users who are still open under this fence and in this round; what was written before is kept.
--
-- Reading values out of JSON costs the most, so values that many receipts share are passed once, as their kind.
--
-- Changes the targets with an INSERT whose rows all exist: for UPDATE … FROM the planner would scan all targets of
-- the sweep and search the list for each, and the join order can be forced only in a SELECT (cross join).
create trigger write_sweep_outcomes_run instead of insert on write_sweep_outcomes begin
    select raise(abort, 'fenced') where not exists (
      select 1 from sweep_chunks where sweep = new.sweep and chunk_id = new.chunk_id and fence = new.fence);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, key_slot, outcome, reason, failure_type, status, code, request_id, token, items, at)
    select new.sweep_id, '', '', t.seq, k.step, k.phase, t.round, k.attempt, new.sweep_id, r.value->>3, k.task, k.service,
      k.environment, k.key_slot, k.outcome, k.reason, k.failure_type, k.status, k.code, r.value->>4, r.value->>5,
      r.value->>6, new.at
    from json_each(new.receipts) as r cross join targets as t on t.sweep = new.sweep and t.seq = r.value->>0 and t.round = r.value->>1
        and t.state = 'open' and t.fence = new.fence
      cross join (
        select key as kind, value->>0 as step, value->>1 as phase, value->>2 as attempt, value->>3 as task,
          value->>4 as service, value->>5 as environment, value->>6 as key_slot, value->>7 as outcome,
          value->>8 as reason, value->>9 as failure_type, value->>10 as status, value->>11 as code
        from json_each(new.kinds) limit -1
      ) as k on k.kind = r.value->>2
    where true on conflict do nothing;
    insert into bulk_queue (sweep, app, seq, unsettled)
    select new.sweep, q.value->>2, t.seq, 0 from json_each(new.queue) as q cross join targets as t on t.sweep = new.sweep and t.seq = q.value->>0 and t.round = q.value->>1
        and t.state = 'open' and t.fence = new.fence
    where true on conflict do nothing;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, not_before)
    select t.sweep, t.seq, u.value->>2, t.round + (u.value->>2 = 'pending'), u.value->>6, u.value->>3, u.value->>4,
      t.some_items, u.value->>5
    from json_each(new.users) as u cross join targets as t on t.sweep = new.sweep and t.seq = u.value->>0 and t.round = u.value->>1
        and t.state = 'open' and t.fence = new.fence
    where true on conflict (sweep, seq) do update set state = excluded.state, round = excluded.round,
      unsettled = excluded.unsettled, worst = excluded.worst, bulk_left = excluded.bulk_left,
      not_before = excluded.not_before;
  end;

create view write_bulk_wave as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "wave", null as "app",
  null as "step", null as "most", null as "at"
where false;

create trigger write_bulk_wave_run instead of insert on write_bulk_wave begin
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

create view write_bulk_outcomes as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "app", null as "receipt",
  null as "users", null as "worst", null as "at"
where false;

create trigger write_bulk_outcomes_run instead of insert on write_bulk_outcomes begin
    select raise(abort, 'fenced') where not exists (
      select 1 from sweep_chunks where sweep = new.sweep and chunk_id = new.chunk_id and fence = new.fence);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, key_slot, outcome, failure_type, status, code, request_id, token, reason, at)
    select new.sweep_id, '', '', t.seq, new.receipt->>0, 'settled', t.round, 1, new.sweep_id, u.value->>1,
      new.receipt->>1, new.receipt->>2, new.receipt->>3, new.receipt->>4, new.receipt->>5, new.receipt->>6,
      new.receipt->>7, new.receipt->>8, new.receipt->>9, new.receipt->>10, new.receipt->>11, new.at
    from json_each(new.users) as u cross join bulk_queue as q on q.sweep = new.sweep and q.app = new.app and q.seq = u.value->>0 and q.fence = new.fence
      join targets as t on t.sweep = q.sweep and t.seq = q.seq
    where true on conflict do nothing;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items)
    select t.sweep, t.seq, case when t.bulk_left <= 1 then 'done' else 'bulk' end, t.round, t.unsettled, min(coalesce(t.worst, 99), new.worst),
      t.bulk_left - 1, t.some_items
    from json_each(new.users) as u cross join bulk_queue as q cross join targets as t on t.sweep = q.sweep and t.seq = q.seq
    where q.sweep = new.sweep and q.app = new.app and q.seq = u.value->>0 and q.fence = new.fence
    on conflict (sweep, seq) do update set state = excluded.state, worst = excluded.worst, bulk_left = excluded.bulk_left;
    delete from bulk_queue where sweep = new.sweep and app = new.app and fence = new.fence
      and seq in (select u.value->>0 from json_each(new.users) as u);
  end;
