-- What an operator's policy needs: how many users were begun on each day, the policies that workers have read, and
-- the policy under which a sweep was opened.

-- "day" is a day in UTC: 2030-01-31. "adds" is what the write in progress adds.
create table "policy_days" (
  "day" text not null primary key,
  "users" integer not null,
  "adds" integer default 0 not null
);

-- One row whenever a worker of a task queue starts with another policy than the one before it. "digest" is null
-- without a policy; "rules" are JSON.
create table "policy_log" (
  "id" integer primary key,
  "namespace" text not null,
  "task_queue" text not null,
  "digest" text,
  "rules" text,
  "worker" text not null,
  "at" text not null
);

create index "policy_log_queue" on "policy_log" ("namespace", "task_queue", "id");

-- SHA-256 of the policy file of the worker that opened it, in hex; null without a policy.
alter table "sweeps" add column "policy_digest" text;

create trigger policy_log_no_update before update on policy_log
begin select raise(abort, 'this table is append-only'); end;

create trigger policy_log_no_delete before delete on policy_log
begin select raise(abort, 'this table is append-only'); end;

-- The same as ledger_policy_wave in Postgres. "adds" keeps what a trigger finds before it writes: 1 for the first try
-- of a wave.
create view write_policy_wave as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "wave", null as "first",
  null as "last", null as "most", null as "at", null as "claimed_by", null as "sends", null as "day",
  null as "most_users"
where false;

create trigger write_policy_wave_run instead of insert on write_policy_wave begin
    insert into policy_days (day, users) values (new.day, 0) on conflict do nothing;
    update policy_days set adds = not exists (select 1 from targets as t where t.sweep = new.sweep and t.seq between new.first and new.last and t.fence = new.fence and t.wave = new.wave) where day = new.day;
    insert into write_sweep_wave (sweep, sweep_id, chunk_id, fence, wave, first, last, most, at, claimed_by, sends)
    select new.sweep, new.sweep_id, new.chunk_id, new.fence, new.wave, new.first, coalesce((
        select fresh.seq - 1 from (
          select t.seq, row_number() over (order by t.seq) as place from targets as t
          where t.sweep = new.sweep and t.seq between new.first and new.last and t.state = 'pending'
            and t.intent_at is null) as fresh
          join policy_days as d on d.day = new.day and fresh.place = max(new.most_users - d.users, 0) + 1), new.last),
      new.most, new.at, new.claimed_by, new.sends;
    update policy_days set users = users + (
      select count(*) from targets as t where t.sweep = new.sweep and t.seq between new.first and new.last and t.fence = new.fence and t.wave = new.wave and t.state = 'open' and t.round = 0 and t.unsettled = 0)
    where day = new.day and adds = 1;
  end;

-- The same as ledger_policy_intent in Postgres. Nothing is recorded under the conditions of ../writes.ts.
create view write_policy_intent as select
  null as "workflow_id", null as "run_id", null as "activity_id", null as "step", null as "attempt", null as "task",
  null as "service", null as "environment", null as "key_slot", null as "subjects", null as "hold_subjects",
  null as "refuse_unsettled", null as "at", null as "day", null as "most_users", null as "counts"
where false;

create trigger write_policy_intent_run instead of insert on write_policy_intent begin
    insert into policy_days (day, users) values (new.day, 0) on conflict do nothing;
    select raise(abort, 'refused') where exists (select 1 from json_each(new.hold_subjects) as s join holds as h on h.subject = s.value)
      or exists (select 1 from stops where lifted_at is null)
      or (new.refuse_unsettled = 1 and exists (
        select 1 from receipts as sent where sent.workflow_id = new.workflow_id and sent.run_id = new.run_id and sent.activity_id = new.activity_id
        and sent.phase = 'intent' and (sent.attempt >= new.attempt or not exists (
          select 1 from receipts as undone
          where undone.workflow_id = sent.workflow_id and undone.run_id = sent.run_id
            and undone.activity_id = sent.activity_id and undone.seq = sent.seq and undone.step = sent.step
            and undone.phase = 'outcome' and undone.round = sent.round and undone.attempt = sent.attempt
            and undone.outcome = 'failed'))));
    update policy_days set adds = case new.counts when 1 then not exists (
      select 1 from receipts as r where r.workflow_id = new.workflow_id and r.run_id = new.run_id and r.phase = 'intent')
    else (select count(distinct s.value) from json_each(new.subjects) as s where not exists (
      select 1 from receipts as r where r.workflow_id = new.workflow_id and r.run_id = new.run_id and r.phase = 'intent'
        and r.subject = s.value and (s.value <> '' or r.activity_id = new.activity_id))) end where day = new.day;
    select raise(abort, 'day is full') where exists (
      select 1 from policy_days as d where d.day = new.day and d.adds > 0 and d.users + d.adds > new.most_users);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service,
      environment, key_slot, at)
    select new.workflow_id, new.run_id, new.activity_id, list.key, new.step, 'intent', new.attempt, list.value, new.task,
      new.service, new.environment, new.key_slot, new.at
    from json_each(new.subjects) as list where true on conflict do nothing;
    update policy_days set users = users + adds where day = new.day;
  end;
