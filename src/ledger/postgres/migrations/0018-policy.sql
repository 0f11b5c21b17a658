-- What an operator's policy needs: how many users were begun on each day, the policies that workers have read, and
-- the policy under which a sweep was opened.

-- "day" is a day in UTC: 2030-01-31. "adds" is used by libSQL only.
create table "policy_days" (
  "day" text not null primary key,
  "users" integer not null,
  "adds" integer default 0 not null
);

-- One row whenever a worker of a task queue starts with another policy than the one before it. "digest" is null
-- without a policy; "rules" are JSON.
create table "policy_log" (
  "id" bigint generated always as identity primary key,
  "namespace" text not null,
  "task_queue" text not null,
  "digest" text,
  "rules" text,
  "worker" text not null,
  "at" timestamptz not null
);

create index "policy_log_queue" on "policy_log" ("namespace", "task_queue", "id");

-- SHA-256 of the policy file of the worker that opened it, in hex; null without a policy.
alter table "sweeps" add column "policy_digest" text;

create trigger policy_log_append_only before update or delete or truncate on policy_log
for each statement execute function ledger_append_only();

-- Both functions take the day's row first, so that all processes that count take their locks in one order, and then
-- do what the functions that do not count do. SQLSTATE HT008: the day has as many users as the policy allows.
--
-- A user of a wave is counted when it is begun for the first time: only then have its round and "unsettled" their
-- first values. A wave that is repeated counts nothing, and neither do users who are held. Within a chunk, users are
-- begun in their order, so that the range ends before the first user for whom there is no place.
create function ledger_policy_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer,
  p_first integer, p_last integer, p_most integer, p_at timestamptz, p_claimed_by text, p_sends integer, p_day text,
  p_most_users integer
) returns table (seq integer, round integer, unsettled integer, ids text, subjects text)
language plpgsql volatile set enable_seqscan = off as $$
  #variable_conflict use_column
  declare
    v_left integer;
    v_last integer;
    v_is_first boolean;
  begin
    insert into policy_days (day, users) values (p_day, 0) on conflict do nothing;
    select greatest(p_most_users - d.users, 0) into v_left from policy_days d where d.day = p_day for update;
    select t.seq - 1 into v_last from targets t
    where t.sweep = p_sweep and t.seq between p_first and p_last and t.state = 'pending' and t.intent_at is null
    order by t.seq offset v_left limit 1;
    v_is_first := not exists (
      select 1 from targets t where t.sweep = p_sweep and t.seq between p_first and p_last
        and t.fence = p_fence and t.wave = p_wave);
    return query select * from ledger_sweep_wave(p_sweep, p_sweep_id, p_chunk_id, p_fence, p_wave, p_first,
      coalesce(v_last, p_last), p_most, p_at, p_claimed_by, p_sends);
    if v_is_first then
      update policy_days d set users = d.users + (
        select count(*) from targets t where t.sweep = p_sweep and t.seq between p_first and p_last
          and t.fence = p_fence and t.wave = p_wave and t.state = 'open' and t.round = 0 and t.unsettled = 0)
      where d.day = p_day;
    end if;
  end $$;

-- "p_counts" says what is counted if the intent is recorded: 1, one user for the whole run; 2, each subject that the
-- run has no intent for yet, and one user for a call without any.
create function ledger_policy_intent(
  p_workflow_id text, p_run_id text, p_activity_id text, p_step text, p_attempt integer, p_task text,
  p_service text, p_environment text, p_key_slot text, p_subjects text[], p_hold_subjects text[],
  p_refuse_unsettled boolean, p_at timestamptz, p_day text, p_most_users integer, p_counts integer
) returns text language plpgsql volatile as $$
  declare
    v_users integer;
    v_adds integer;
    v_kind text;
  begin
    insert into policy_days (day, users) values (p_day, 0) on conflict do nothing;
    select d.users into v_users from policy_days d where d.day = p_day for update;
    if p_counts = 1 then
      select case when exists (
        select 1 from receipts r where r.workflow_id = p_workflow_id and r.run_id = p_run_id and r.phase = 'intent')
        then 0 else 1 end into v_adds;
    else
      select count(*) into v_adds from (select distinct s from unnest(p_subjects) s) as given (s) where not exists (
        select 1 from receipts r where r.workflow_id = p_workflow_id and r.run_id = p_run_id and r.phase = 'intent'
          and r.subject = given.s and (given.s <> '' or r.activity_id = p_activity_id));
    end if;
    v_kind := ledger_record_intent(p_workflow_id, p_run_id, p_activity_id, p_step, p_attempt, p_task, p_service,
      p_environment, p_key_slot, p_subjects, p_hold_subjects, p_refuse_unsettled, p_at);
    if v_kind = 'recorded' and v_adds > 0 then
      if v_users + v_adds > p_most_users then raise exception 'day is full' using errcode = 'HT008'; end if;
      update policy_days d set users = d.users + v_adds where d.day = p_day;
    end if;
    return v_kind;
  end $$;
