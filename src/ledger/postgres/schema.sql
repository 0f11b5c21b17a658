-- The schema of a ledger after all migrations. Not run by anything: it is for reading, and tests compare it.
-- After a new migration: npx jest test/ledger/schema.test.ts -u

create table bulk_queue (
  sweep integer not null,
  app text not null,
  seq integer not null,
  fence integer,
  wave integer,
  unsettled integer not null,
  intent_at timestamp with time zone,
  constraint bulk_queue_key PRIMARY KEY (sweep, app, seq)
);

create table compensation_log (
  id bigint generated always as identity not null,
  workflow_id text not null,
  run_id text not null,
  position integer not null,
  environment text not null,
  subject text not null,
  step text not null,
  outcome text not null,
  remedy text not null,
  evidence text not null,
  at timestamp with time zone not null,
  constraint compensation_log_pkey PRIMARY KEY (id)
);

create table hold_log (
  id bigint generated always as identity not null,
  hold_id text not null,
  change text not null,
  changed_by text,
  why text,
  reason text,
  held_since timestamp with time zone,
  environments text,
  subjects integer not null,
  at timestamp with time zone not null,
  subjects_digest text,
  constraint hold_log_change_check CHECK ((change = ANY (ARRAY['set'::text, 'extended'::text, 'lifted'::text]))),
  constraint hold_log_pkey PRIMARY KEY (id)
);

create table holds (
  hold_id text not null,
  subject text not null,
  reason text,
  at timestamp with time zone not null,
  environments text,
  set_by text,
  constraint holds_key PRIMARY KEY (hold_id, subject)
);

create table ledger_meta (
  name text not null,
  value text not null,
  constraint ledger_meta_pkey PRIMARY KEY (name)
);

create table ledger_migrations (
  name text not null,
  at timestamp with time zone not null,
  constraint ledger_migrations_pkey PRIMARY KEY (name)
);

create table log_checkpoints (
  id bigint generated always as identity not null,
  size bigint not null,
  root text not null,
  note text not null,
  at timestamp with time zone not null,
  constraint log_checkpoints_pkey PRIMARY KEY (id)
);

create table log_contents (
  number bigint not null,
  kind text not null,
  ref text not null,
  content text not null,
  constraint log_contents_pkey PRIMARY KEY (number)
);

create table log_leaves (
  number bigint not null,
  kind text not null,
  leaf text not null,
  at timestamp with time zone not null,
  constraint log_leaves_pkey PRIMARY KEY (number)
);

create table log_queue (
  id bigint generated always as identity not null,
  kind text not null,
  ref text not null,
  content text,
  constraint log_queue_pkey PRIMARY KEY (id)
);

create table log_state (
  one integer not null,
  origin text not null,
  size bigint not null,
  peaks text not null,
  parts_id bigint default 0 not null,
  parts_at timestamp with time zone,
  constraint log_state_one_check CHECK ((one = 1)),
  constraint log_state_pkey PRIMARY KEY (one)
);

create table notices (
  notice_id text not null,
  kind text not null,
  about text,
  at timestamp with time zone not null,
  sent_at timestamp with time zone,
  claimed_until_ms double precision default 0 not null,
  tries integer default 0 not null,
  constraint notices_pkey PRIMARY KEY (notice_id)
);

create table policy_days (
  day text not null,
  users integer not null,
  adds integer default 0 not null,
  constraint policy_days_pkey PRIMARY KEY (day)
);

create table policy_log (
  id bigint generated always as identity not null,
  namespace text not null,
  task_queue text not null,
  digest text,
  rules text,
  worker text not null,
  at timestamp with time zone not null,
  constraint policy_log_pkey PRIMARY KEY (id)
);

create table purged_hashes (
  sweep integer not null,
  part integer not null,
  hashes text not null,
  constraint purged_hashes_key PRIMARY KEY (sweep, part)
);

create table rates (
  service text not null,
  key_slot text not null,
  version integer not null,
  set_limit double precision,
  state text not null,
  turn text,
  turn_until_ms double precision,
  constraint rates_key PRIMARY KEY (service, key_slot)
);

create table receipts (
  id bigint generated always as identity not null,
  workflow_id text not null,
  run_id text not null,
  activity_id text not null,
  seq integer not null,
  step text not null,
  phase text not null,
  round integer default 0 not null,
  attempt integer not null,
  sweep_id text,
  subject text not null,
  task text not null,
  service text not null,
  environment text not null,
  key_slot text,
  outcome text,
  reason text,
  failure_type text,
  status integer,
  code text,
  request_id text,
  token text,
  items text,
  at timestamp with time zone not null,
  constraint receipts_phase_check CHECK ((phase = ANY (ARRAY['intent'::text, 'outcome'::text, 'settled'::text]))),
  constraint receipts_pkey PRIMARY KEY (id)
);

create table requests (
  id bigint generated always as identity not null,
  workflow_id text not null,
  first_run text not null,
  seq integer not null,
  subjects text not null,
  environments text not null,
  reference text,
  law text not null,
  received_at timestamp with time zone,
  received_as text,
  due_at timestamp with time zone,
  requested_by text,
  reason text,
  recorded_at timestamp with time zone not null,
  extended_at timestamp with time zone,
  extended_by text,
  extension_reason text,
  refused_at timestamp with time zone,
  refused_by text,
  refusal_reason text,
  outcome text,
  ended_at timestamp with time zone,
  done integer default 0 not null,
  constraint requests_about UNIQUE (workflow_id, first_run, seq),
  constraint requests_pkey PRIMARY KEY (id)
);

create table run_about (
  workflow_id text not null,
  run_id text not null,
  about text not null,
  constraint run_about_key PRIMARY KEY (workflow_id, run_id)
);

create table sealed_hashes (
  sweep integer not null,
  first_seq integer not null,
  last_seq integer not null,
  hashes text not null,
  receipts text not null,
  constraint sealed_hashes_key PRIMARY KEY (sweep, last_seq, first_seq)
);

create table sealed_leaves (
  sweep integer not null,
  seq integer not null,
  receipt bigint not null,
  step text not null,
  leaf text not null,
  constraint sealed_leaves_key PRIMARY KEY (sweep, seq, receipt)
);

create table stops (
  number integer generated always as identity not null,
  reason text not null,
  set_by text not null,
  at timestamp with time zone not null,
  lifted_by text,
  lifted_at timestamp with time zone,
  constraint stops_pkey PRIMARY KEY (number)
);

create table sweep_approvals (
  sweep_id text not null,
  approver text not null,
  signature text not null,
  at timestamp with time zone not null,
  constraint sweep_approvals_key PRIMARY KEY (sweep_id, approver)
);

create table sweep_chunks (
  sweep integer not null,
  chunk_id text not null,
  fence integer not null,
  taken_by text not null,
  constraint sweep_chunks_key PRIMARY KEY (sweep, chunk_id)
);

create table sweep_rates (
  sweep_id text not null,
  service text not null,
  key_slot text not null,
  limit_per_minute double precision not null,
  counts_until_ms double precision not null,
  constraint sweep_rates_key PRIMARY KEY (sweep_id, service, key_slot)
);

create table sweeps (
  number integer generated always as identity not null,
  sweep_id text not null,
  redrive_of text,
  claimed_by text,
  skip_done integer not null,
  status text not null,
  paused_because text,
  wrapped_key text,
  snapshot_version integer default 0 not null,
  snapshot_position text,
  snapshot_complete integer default 0 not null,
  total integer default 0 not null,
  duplicates integer default 0 not null,
  rejected integer default 0 not null,
  last_fence integer default 0 not null,
  closed_at timestamp with time zone,
  merkle_root text,
  leaves integer,
  created_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  plaid_environment text,
  plan text,
  max_users integer,
  needs_approval integer,
  approved_at timestamp with time zone,
  approved_by text,
  next_wrapped_key text,
  rekeyed_at timestamp with time zone,
  snapshot_report text,
  series text,
  scheduled_at timestamp with time zone,
  previous_at timestamp with time zone,
  series_done integer default 0 not null,
  steps_plan text,
  environments text,
  head text,
  receipts_root text,
  about text,
  policy_digest text,
  snapshot_digest text,
  purged_at timestamp with time zone,
  constraint sweeps_pkey PRIMARY KEY (number),
  constraint sweeps_sweep_id_key UNIQUE (sweep_id)
);

create table target_ids (
  sweep integer not null,
  seq integer not null,
  ids text not null,
  subjects text not null,
  constraint target_ids_key PRIMARY KEY (sweep, seq)
);

create table target_key_blocks (
  sweep integer not null,
  version integer not null,
  keys text not null,
  constraint target_key_blocks_key PRIMARY KEY (sweep, version)
);

create table target_key_pages (
  sweep integer not null,
  page integer not null,
  keys text not null,
  constraint target_key_pages_key PRIMARY KEY (sweep, page)
);

create table target_keys (
  sweep integer not null,
  key text not null,
  constraint target_keys_key PRIMARY KEY (sweep, key)
);

create table target_progress (
  sweep integer not null,
  seq integer not null,
  progress text not null,
  waits_for text,
  report text,
  constraint target_progress_key PRIMARY KEY (sweep, seq)
);

create table target_references (
  sweep integer not null,
  first integer not null,
  names text not null,
  constraint target_references_key PRIMARY KEY (sweep, first)
);

create table targets (
  sweep integer not null,
  seq integer not null,
  state text not null,
  round integer not null,
  unsettled integer not null,
  fence integer,
  wave integer,
  worst integer,
  bulk_left integer not null,
  some_items integer not null,
  intent_at timestamp with time zone,
  not_before timestamp with time zone,
  source_line integer,
  reference text,
  constraint targets_key PRIMARY KEY (sweep, seq),
  constraint targets_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'open'::text, 'bulk'::text, 'done'::text])))
) with (fillfactor=50);

create table worker_environments (
  worker text not null,
  service text not null,
  identity text not null,
  namespace text not null,
  task_queue text not null,
  environment text not null,
  production integer not null,
  key_slots text not null,
  started_ms double precision not null,
  seen_ms double precision not null,
  ended integer default 0 not null,
  queries text,
  constraint worker_environments_key PRIMARY KEY (worker, service)
);

CREATE INDEX bulk_queue_open ON public.bulk_queue USING btree (sweep, app, fence, wave) WHERE (fence IS NOT NULL);

CREATE UNIQUE INDEX compensation_log_key ON public.compensation_log USING btree (workflow_id, run_id, "position");

CREATE INDEX hold_log_hold ON public.hold_log USING btree (hold_id);

CREATE INDEX holds_subject ON public.holds USING btree (subject);

CREATE INDEX log_checkpoints_size ON public.log_checkpoints USING btree (size);

CREATE INDEX log_contents_ref ON public.log_contents USING btree (kind, ref);

CREATE INDEX policy_log_queue ON public.policy_log USING btree (namespace, task_queue, id);

CREATE UNIQUE INDEX receipts_key ON public.receipts USING btree (workflow_id, run_id, activity_id, seq, step, phase, round, attempt);

CREATE INDEX receipts_subject ON public.receipts USING btree (subject, phase);

CREATE INDEX requests_due ON public.requests USING btree (done, due_at);

CREATE INDEX requests_received ON public.requests USING btree (done, received_at);

CREATE UNIQUE INDEX stops_in_force ON public.stops USING btree (((lifted_at IS NULL))) WHERE (lifted_at IS NULL);

CREATE INDEX sweep_rates_counting ON public.sweep_rates USING btree (service, key_slot, counts_until_ms);

CREATE INDEX sweeps_series ON public.sweeps USING btree (series, scheduled_at);

CREATE INDEX target_progress_waits ON public.target_progress USING btree (sweep, waits_for, seq) WHERE (waits_for IS NOT NULL);

CREATE INDEX worker_environments_queue ON public.worker_environments USING btree (namespace, task_queue);

CREATE OR REPLACE FUNCTION public.ledger_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    if tg_op = 'DELETE' and tg_table_name in ('receipts', 'sealed_leaves', 'sealed_hashes', 'compensation_log') and exists (select 1 from ledger_meta where name = 'purging') then
      return null;
    end if;
    raise exception 'this table is append-only' using errcode = 'restrict_violation';
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_bulk_outcomes(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_app text, p_receipt jsonb, p_users jsonb, p_worst integer, p_at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_bulk_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer, p_app text, p_step text, p_most integer, p_at timestamp with time zone, p_claimed_by text, p_sends integer)
 RETURNS TABLE(seq integer, ids text, subjects text, unsettled integer)
 LANGUAGE plpgsql
AS $function$
  begin
    return query select * from ledger_bulk_wave_unguarded(p_sweep, p_sweep_id, p_chunk_id, p_fence, p_wave, p_app, p_step,
      p_most, p_at);
    perform ledger_sweep_may_begin(p_sweep, p_claimed_by, p_sends);
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_bulk_wave_unguarded(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer, p_app text, p_step text, p_most integer, p_at timestamp with time zone)
 RETURNS TABLE(seq integer, ids text, subjects text, unsettled integer)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_held_receipt(p_sweep_id text, p_seq integer, p_round integer, p_step text, p_subjects text, p_unsettled integer, p_at timestamp with time zone)
 RETURNS void
 LANGUAGE sql
AS $function$
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, outcome, reason, at)
    values (p_sweep_id, '', '', p_seq, p_step, 'settled', p_round, 1, p_sweep_id, p_subjects::jsonb->>0, 'offboardUsers',
      'http-tasks', '', case p_unsettled when 0 then 'held' else 'unknown' end,
      case p_unsettled when 0 then null else 'heldBeforeItWasSettled' end, p_at)
    on conflict do nothing
  $function$;

CREATE OR REPLACE FUNCTION public.ledger_hold_log_logged()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    insert into log_queue (kind, ref, content) values ('hold', new.id, null);
    return null;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_is_held(p_subjects text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
    select exists (select 1 from jsonb_array_elements_text(p_subjects::jsonb) s (value)
      join holds h on h.subject = s.value)
  $function$;

CREATE OR REPLACE FUNCTION public.ledger_policy_intent(p_workflow_id text, p_run_id text, p_activity_id text, p_step text, p_attempt integer, p_task text, p_service text, p_environment text, p_key_slot text, p_subjects text[], p_hold_subjects text[], p_refuse_unsettled boolean, p_at timestamp with time zone, p_day text, p_most_users integer, p_counts integer)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
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
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_policy_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer, p_first integer, p_last integer, p_most integer, p_at timestamp with time zone, p_claimed_by text, p_sends integer, p_day text, p_most_users integer)
 RETURNS TABLE(seq integer, round integer, unsettled integer, ids text, subjects text)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_receipts_logged()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    insert into log_queue (kind, ref, content) values (case new.activity_id when '' then 'run' else 'call' end,
      new.workflow_id || chr(10) || new.run_id || chr(10) || new.activity_id, null);
    return null;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_record_intent(p_workflow_id text, p_run_id text, p_activity_id text, p_step text, p_attempt integer, p_task text, p_service text, p_environment text, p_key_slot text, p_subjects text[], p_hold_subjects text[], p_refuse_unsettled boolean, p_at timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
  declare
    v_kind text;
  begin
    v_kind := ledger_record_intent_unguarded(p_workflow_id, p_run_id, p_activity_id, p_step, p_attempt, p_task, p_service,
      p_environment, p_key_slot, p_subjects, p_hold_subjects, p_refuse_unsettled, p_at);
    if v_kind = 'recorded' then perform ledger_refuse_when_stopped(); end if;
    return v_kind;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_record_intent_unguarded(p_workflow_id text, p_run_id text, p_activity_id text, p_step text, p_attempt integer, p_task text, p_service text, p_environment text, p_key_slot text, p_subjects text[], p_hold_subjects text[], p_refuse_unsettled boolean, p_at timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
    begin
      if p_refuse_unsettled then
        perform pg_advisory_xact_lock(
          hashtextextended(jsonb_build_array(p_workflow_id, p_run_id, p_activity_id)::text, 1214606444));
      end if;
      perform pg_advisory_xact_lock_shared(1214606444, 2);
      if p_refuse_unsettled and exists (
        select 1 from receipts i where i.workflow_id = p_workflow_id and i.run_id = p_run_id
          and i.activity_id = p_activity_id and i.phase = 'intent'
          and (i.attempt >= p_attempt or not exists (
            select 1 from receipts o where o.workflow_id = i.workflow_id and o.run_id = i.run_id
              and o.activity_id = i.activity_id and o.seq = i.seq and o.step = i.step and o.phase = 'outcome'
              and o.round = i.round and o.attempt = i.attempt and o.outcome = 'failed'))
      ) then
        return 'unsettled';
      end if;
      if exists (select 1 from holds where subject = any (p_hold_subjects)) then
        return 'held';
      end if;
      insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service,
        environment, key_slot, at)
      select p_workflow_id, p_run_id, p_activity_id, s.position - 1, p_step, 'intent', p_attempt, s.subject, p_task,
        p_service, p_environment, p_key_slot, p_at
      from unnest(p_subjects) with ordinality as s (subject, position)
      on conflict do nothing;
      return 'recorded';
    end $function$;

CREATE OR REPLACE FUNCTION public.ledger_refuse_when_stopped()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
  begin
    if exists (select 1 from stops where lifted_at is null) then
      raise exception 'stopped' using errcode = 'HT006';
    end if;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_stops_lifted_logged()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    insert into log_queue (kind, ref, content) values ('stop', new.number || ' lifted', null);
    return null;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_stops_logged()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    insert into log_queue (kind, ref, content) values ('stop', new.number || ' set', null);
    return null;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_block(p_sweep integer, p_version integer, p_ids text, p_subjects text, p_worst text, p_some_items text, p_lines text, p_keys text, p_names text, p_position text, p_complete integer, p_duplicates integer, p_rejected integer, p_report text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
  declare
    v_first integer;
    v_rows integer;
    v_names text[] = string_to_array(p_names, ' ');
  begin
    select total into v_first from sweeps
    where number = p_sweep and snapshot_version = p_version and snapshot_complete = 0 and closed_at is null
    for update;
    if not found then raise exception 'moved' using errcode = 'HT003'; end if;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, source_line)
    select p_sweep, v_first + r.place - 1, case when r.worst is null then 'pending' else 'done' end, 0, 0,
      r.worst::integer, 0, r.some_items::integer, r.line::integer
    from unnest(string_to_array(p_worst, ' ', '-'), string_to_array(p_some_items, ' '), string_to_array(p_lines, ' ', '-'))
      with ordinality as r (worst, some_items, line, place);
    get diagnostics v_rows = row_count;
    insert into target_ids (sweep, seq, ids, subjects)
    select p_sweep, v_first + r.place - 1, r.ids, r.subjects
    from unnest(string_to_array(p_ids, ' '), string_to_array(p_subjects, ' ')) with ordinality as r (ids, subjects, place);
    insert into target_key_blocks (sweep, version, keys) select p_sweep, p_version, p_keys where p_keys <> '';
    insert into target_references (sweep, first, names)
    select p_sweep, v_names[2 * n - 1]::integer, v_names[2 * n] from generate_series(1, cardinality(v_names) / 2) as n;
    update sweeps set snapshot_version = snapshot_version + 1, snapshot_position = p_position,
      snapshot_complete = p_complete, total = total + v_rows,
      duplicates = duplicates + p_duplicates, rejected = rejected + p_rejected,
      snapshot_report = coalesce(p_report, snapshot_report)
    where number = p_sweep;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_close(p_sweep integer, p_at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
  begin
    update sweeps set closed_at = coalesce(closed_at, p_at), last_fence = last_fence + 1 where number = p_sweep;
    update sweep_chunks set fence = s.last_fence, taken_by = ''
    from sweeps s where s.number = p_sweep and sweep_chunks.sweep = p_sweep;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_fence(p_sweep integer, p_chunk_id text, p_taken_by text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
  declare
    v_fence integer;
  begin
    update sweeps set last_fence = last_fence + 1 where number = p_sweep and closed_at is null
    returning last_fence into v_fence;
    if not found then raise exception 'closed' using errcode = 'HT002'; end if;
    insert into sweep_chunks (sweep, chunk_id, fence, taken_by) values (p_sweep, p_chunk_id, v_fence, p_taken_by)
    on conflict (sweep, chunk_id) do update set fence = excluded.fence, taken_by = excluded.taken_by;
    return v_fence;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_fence_holds(p_sweep integer, p_chunk_id text, p_fence integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
  begin
    perform 1 from sweep_chunks where sweep = p_sweep and chunk_id = p_chunk_id and fence = p_fence for share;
    if not found then raise exception 'fenced' using errcode = 'HT001'; end if;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_may_begin(p_sweep integer, p_claimed_by text, p_sends integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
  declare
    v_sweep record;
  begin
    select claimed_by, closed_at, needs_approval, approved_at, max_users, total into v_sweep from sweeps where number = p_sweep;
    if v_sweep.claimed_by is distinct from p_claimed_by then raise exception 'not yours' using errcode = 'HT004'; end if;
    if v_sweep.closed_at is not null then raise exception 'closed' using errcode = 'HT001'; end if;
    if p_sends = 0 then return; end if;
    if v_sweep.needs_approval = 1 and v_sweep.approved_at is null then raise exception 'not approved' using errcode = 'HT005'; end if;
    if v_sweep.total > v_sweep.max_users then raise exception 'too many' using errcode = 'HT007'; end if;
    perform ledger_refuse_when_stopped();
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_outcomes(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_users jsonb, p_receipts jsonb, p_kinds jsonb, p_queue jsonb, p_at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_progress(p_sweep integer, p_chunk_id text, p_fence integer, p_users jsonb, p_strict integer)
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    if p_strict = 1 and exists (
      select 1 from jsonb_array_elements(p_users) u where not exists (
        select 1 from targets t where t.sweep = p_sweep and t.seq = (u->>0)::integer and t.round = (u->>1)::integer
          and t.state = 'open' and t.fence = p_fence)
    ) then raise exception 'fenced' using errcode = 'HT001'; end if;
    insert into target_progress (sweep, seq, progress, waits_for, report)
    select p_sweep, k.seq, u->>2, u->>3, null
    from jsonb_array_elements(p_users) u cross join lateral (select t.seq from targets t where t.sweep = p_sweep and t.seq = (u->>0)::integer and t.round = (u->>1)::integer
          and t.state = 'open' and t.fence = p_fence limit 1) k
    on conflict (sweep, seq) do update set progress = excluded.progress, waits_for = excluded.waits_for, report = null;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_rows(p_sweep integer, p_version integer, p_rows jsonb, p_keys jsonb, p_position text, p_complete integer, p_duplicates integer, p_rejected integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
  declare
    v_first integer;
  begin
    select total into v_first from sweeps
    where number = p_sweep and snapshot_version = p_version and snapshot_complete = 0 and closed_at is null
    for update;
    if not found then raise exception 'moved' using errcode = 'HT003'; end if;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, source_line, reference)
    select p_sweep, v_first + r.place - 1, case when r.value->>2 is null then 'pending' else 'done' end, 0, 0,
      (r.value->>2)::integer, 0, (r.value->>3)::integer, (r.value->>4)::integer, r.value->>5
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
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_rows(p_sweep integer, p_version integer, p_rows jsonb, p_keys jsonb, p_position text, p_complete integer, p_duplicates integer, p_rejected integer, p_report text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
  begin
    perform ledger_sweep_rows(p_sweep, p_version, p_rows, p_keys, p_position, p_complete, p_duplicates, p_rejected);
    update sweeps set snapshot_report = coalesce(p_report, snapshot_report) where number = p_sweep;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer, p_first integer, p_last integer, p_most integer, p_at timestamp with time zone, p_claimed_by text, p_sends integer)
 RETURNS TABLE(seq integer, round integer, unsettled integer, ids text, subjects text)
 LANGUAGE plpgsql
AS $function$
begin
  return query select * from ledger_sweep_wave_unguarded(p_sweep, p_sweep_id, p_chunk_id, p_fence, p_wave, p_first,
    p_last, p_most, p_at, p_sends <> 1);
  perform ledger_sweep_may_begin(p_sweep, p_claimed_by, p_sends);
end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweep_wave_unguarded(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer, p_first integer, p_last integer, p_most integer, p_at timestamp with time zone, p_follows boolean)
 RETURNS TABLE(seq integer, round integer, unsettled integer, ids text, subjects text)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweeps_sealed_before_logged()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    insert into log_queue (kind, ref, content) values ('sweep', new.sweep_id, null);
    return null;
  end $function$;

CREATE OR REPLACE FUNCTION public.ledger_sweeps_sealed_logged()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
  begin
    insert into log_queue (kind, ref, content) values ('sweep', new.sweep_id, new.head);
    return null;
  end $function$;

CREATE TRIGGER compensation_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.compensation_log FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER hold_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.hold_log FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER hold_log_logged AFTER INSERT ON public.hold_log FOR EACH ROW WHEN (true) EXECUTE FUNCTION ledger_hold_log_logged();

CREATE TRIGGER log_checkpoints_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.log_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER log_leaves_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.log_leaves FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER policy_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.policy_log FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER purged_hashes_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.purged_hashes FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER receipts_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.receipts FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER receipts_logged AFTER INSERT ON public.receipts FOR EACH ROW WHEN (((new.seq = 0) AND (new.run_id <> ''::text))) EXECUTE FUNCTION ledger_receipts_logged();

CREATE TRIGGER sealed_hashes_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.sealed_hashes FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER sealed_leaves_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.sealed_leaves FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER stops_lifted_logged AFTER UPDATE ON public.stops FOR EACH ROW WHEN (((old.lifted_at IS NULL) AND (new.lifted_at IS NOT NULL))) EXECUTE FUNCTION ledger_stops_lifted_logged();

CREATE TRIGGER stops_logged AFTER INSERT ON public.stops FOR EACH ROW WHEN (true) EXECUTE FUNCTION ledger_stops_logged();

CREATE TRIGGER sweep_approvals_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.sweep_approvals FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER sweeps_sealed_before_logged AFTER UPDATE ON public.sweeps FOR EACH ROW WHEN (((old.merkle_root IS NULL) AND (new.merkle_root IS NOT NULL) AND (new.head IS NULL))) EXECUTE FUNCTION ledger_sweeps_sealed_before_logged();

CREATE TRIGGER sweeps_sealed_logged AFTER UPDATE ON public.sweeps FOR EACH ROW WHEN (((old.merkle_root IS NULL) AND (new.merkle_root IS NOT NULL) AND (new.head IS NOT NULL))) EXECUTE FUNCTION ledger_sweeps_sealed_logged();
