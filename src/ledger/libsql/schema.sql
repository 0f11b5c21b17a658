-- The schema of a ledger after all migrations. Not run by anything: it is for reading, and tests compare it.
-- After a new migration: npx jest test/ledger/schema.test.ts -u

CREATE TABLE "bulk_queue" (
  "sweep" integer not null,
  "app" text not null,
  "seq" integer not null,
  "fence" integer,
  "wave" integer,
  "unsettled" integer not null,
  "intent_at" text,
  constraint "bulk_queue_key" primary key ("sweep", "app", "seq")
) without rowid;

CREATE TABLE "compensation_log" (
  "id" integer primary key,
  "workflow_id" text not null,
  "run_id" text not null,
  "position" integer not null,
  "environment" text not null,
  "subject" text not null,
  "step" text not null,
  "outcome" text not null,
  "remedy" text not null,
  "evidence" text not null,
  "at" text not null
);

CREATE TABLE "hold_log" (
  "id" integer primary key,
  "hold_id" text not null,
  "change" text not null check (change in ('set', 'extended', 'lifted')),
  "changed_by" text,
  "why" text,
  "reason" text,
  "held_since" text,
  "environments" text,
  "subjects" integer not null,
  "at" text not null
, "subjects_digest" text);

CREATE TABLE "holds" (
  "hold_id" text not null,
  "subject" text not null,
  "reason" text,
  "at" text not null, "environments" text, "set_by" text,
  constraint "holds_key" primary key ("hold_id", "subject")
);

CREATE TABLE "ledger_meta" (
  "name" text not null primary key,
  "value" text not null
);

CREATE TABLE "ledger_migrations" ("name" text not null primary key, "at" text not null);

CREATE TABLE "log_checkpoints" (
  "id" integer primary key autoincrement,
  "size" integer not null,
  "root" text not null,
  "note" text not null,
  "at" text not null
);

CREATE TABLE "log_contents" (
  "number" integer not null primary key,
  "kind" text not null,
  "ref" text not null,
  "content" text not null
);

CREATE TABLE "log_leaves" (
  "number" integer not null primary key,
  "kind" text not null,
  "leaf" text not null,
  "at" text not null
);

CREATE TABLE "log_queue" (
  "id" integer primary key autoincrement,
  "kind" text not null,
  "ref" text not null,
  "content" text
);

CREATE TABLE "log_state" (
  "one" integer not null primary key check (one = 1),
  "origin" text not null,
  "size" integer not null,
  "peaks" text not null
, "parts_id" integer default 0 not null, "parts_at" text);

CREATE TABLE "notices" (
  "notice_id" text not null primary key,
  "kind" text not null,
  "about" text,
  "at" text not null,
  "sent_at" text,
  "claimed_until_ms" real default 0 not null,
  "tries" integer default 0 not null
);

CREATE TABLE "policy_days" (
  "day" text not null primary key,
  "users" integer not null,
  "adds" integer default 0 not null
);

CREATE TABLE "policy_log" (
  "id" integer primary key,
  "namespace" text not null,
  "task_queue" text not null,
  "digest" text,
  "rules" text,
  "worker" text not null,
  "at" text not null
);

CREATE TABLE "purged_hashes" (
  "sweep" integer not null,
  "part" integer not null,
  "hashes" text not null,
  constraint "purged_hashes_key" primary key ("sweep", "part")
) without rowid;

CREATE TABLE "rates" (
  "service" text not null,
  "key_slot" text not null,
  "version" integer not null,
  "set_limit" double precision,
  "state" text not null, "turn" text, "turn_until_ms" double precision,
  constraint "rates_key" primary key ("service", "key_slot")
) without rowid;

CREATE TABLE "receipts" (
  "id" integer primary key,
  "workflow_id" text not null,
  "run_id" text not null,
  "activity_id" text not null,
  "seq" integer not null,
  "step" text not null,
  "phase" text not null check (phase in ('intent', 'outcome', 'settled')),
  "round" integer default 0 not null,
  "attempt" integer not null,
  "sweep_id" text,
  "subject" text not null,
  "task" text not null,
  "service" text not null,
  "environment" text not null,
  "key_slot" text,
  "outcome" text,
  "reason" text,
  "failure_type" text,
  "status" integer,
  "code" text,
  "request_id" text,
  "token" text,
  "items" text,
  "at" text not null
);

CREATE TABLE "requests" (
  "id" integer primary key autoincrement,
  "workflow_id" text not null,
  "first_run" text not null,
  "seq" integer not null,
  "subjects" text not null,
  "environments" text not null,
  "reference" text,
  "law" text not null,
  "received_at" text,
  "received_as" text,
  "due_at" text,
  "requested_by" text,
  "reason" text,
  "recorded_at" text not null,
  "extended_at" text,
  "extended_by" text,
  "extension_reason" text,
  "refused_at" text,
  "refused_by" text,
  "refusal_reason" text,
  "outcome" text,
  "ended_at" text,
  "done" integer default 0 not null,
  constraint "requests_about" unique ("workflow_id", "first_run", "seq")
);

CREATE TABLE "run_about" (
  "workflow_id" text not null,
  "run_id" text not null,
  "about" text not null,
  constraint "run_about_key" primary key ("workflow_id", "run_id")
);

CREATE TABLE "sealed_hashes" (
  "sweep" integer not null,
  "first_seq" integer not null,
  "last_seq" integer not null,
  "hashes" text not null,
  "receipts" text not null,
  constraint "sealed_hashes_key" primary key ("sweep", "last_seq", "first_seq")
);

CREATE TABLE "sealed_leaves" (
  "sweep" integer not null,
  "seq" integer not null,
  "receipt" integer not null,
  "step" text not null,
  "leaf" text not null,
  constraint "sealed_leaves_key" primary key ("sweep", "seq", "receipt")
) without rowid;

CREATE TABLE "stops" (
  "number" integer primary key,
  "reason" text not null,
  "set_by" text not null,
  "at" text not null,
  "lifted_by" text,
  "lifted_at" text
);

CREATE TABLE "sweep_approvals" (
  "sweep_id" text not null,
  "approver" text not null,
  "signature" text not null,
  "at" text not null,
  constraint "sweep_approvals_key" primary key ("sweep_id", "approver")
);

CREATE TABLE "sweep_chunks" (
  "sweep" integer not null,
  "chunk_id" text not null,
  "fence" integer not null,
  "taken_by" text not null,
  constraint "sweep_chunks_key" primary key ("sweep", "chunk_id")
) without rowid;

CREATE TABLE "sweep_rates" (
  "sweep_id" text not null,
  "service" text not null,
  "key_slot" text not null,
  "limit_per_minute" double precision not null,
  "counts_until_ms" double precision not null,
  constraint "sweep_rates_key" primary key ("sweep_id", "service", "key_slot")
);

CREATE TABLE "sweeps" (
  "number" integer primary key,
  "sweep_id" text not null unique,
  "redrive_of" text,
  "claimed_by" text,
  "skip_done" integer not null,
  "status" text not null,
  "paused_because" text,
  "wrapped_key" text,
  "snapshot_version" integer default 0 not null,
  "snapshot_position" text,
  "snapshot_complete" integer default 0 not null,
  "total" integer default 0 not null,
  "duplicates" integer default 0 not null,
  "rejected" integer default 0 not null,
  "last_fence" integer default 0 not null,
  "closed_at" text,
  "merkle_root" text,
  "leaves" integer,
  "created_at" text not null,
  "ended_at" text
, "plaid_environment" text, "plan" text, "max_users" integer, "needs_approval" integer, "approved_at" text, "approved_by" text, "next_wrapped_key" text, "rekeyed_at" text, "snapshot_report" text, "series" text, "scheduled_at" text, "previous_at" text, "series_done" integer default 0 not null, "steps_plan" text, "environments" text, "head" text, "receipts_root" text, "about" text, "policy_digest" text, "snapshot_digest" text, "purged_at" text);

CREATE TABLE "target_ids" (
  "sweep" integer not null,
  "seq" integer not null,
  "ids" text not null,
  "subjects" text not null,
  constraint "target_ids_key" primary key ("sweep", "seq")
) without rowid;

CREATE TABLE "target_key_blocks" (
  "sweep" integer not null,
  "version" integer not null,
  "keys" text not null,
  constraint "target_key_blocks_key" primary key ("sweep", "version")
);

CREATE TABLE "target_key_pages" (
  "sweep" integer not null,
  "page" integer not null,
  "keys" text not null,
  constraint "target_key_pages_key" primary key ("sweep", "page")
) without rowid;

CREATE TABLE "target_keys" (
  "sweep" integer not null,
  "key" text not null,
  constraint "target_keys_key" primary key ("sweep", "key")
) without rowid;

CREATE TABLE "target_progress" (
  "sweep" integer not null,
  "seq" integer not null,
  "progress" text not null,
  "waits_for" text,
  "report" text,
  constraint "target_progress_key" primary key ("sweep", "seq")
) without rowid;

CREATE TABLE "target_references" (
  "sweep" integer not null,
  "first" integer not null,
  "names" text not null,
  constraint "target_references_key" primary key ("sweep", "first")
) without rowid;

CREATE TABLE "targets" (
  "sweep" integer not null,
  "seq" integer not null,
  "state" text not null check (state in ('pending', 'open', 'bulk', 'done')),
  "round" integer not null,
  "unsettled" integer not null,
  "fence" integer,
  "wave" integer,
  "worst" integer,
  "bulk_left" integer not null,
  "some_items" integer not null,
  "intent_at" text,
  "not_before" text, "source_line" integer, "reference" text,
  constraint "targets_key" primary key ("sweep", "seq")
) without rowid;

CREATE TABLE "worker_environments" (
  "worker" text not null,
  "service" text not null,
  "identity" text not null,
  "namespace" text not null,
  "task_queue" text not null,
  "environment" text not null,
  "production" integer not null,
  "key_slots" text not null,
  "started_ms" double precision not null,
  "seen_ms" double precision not null,
  "ended" integer default 0 not null, "queries" text,
  constraint "worker_environments_key" primary key ("worker", "service")
);

CREATE INDEX "bulk_queue_open" on "bulk_queue" ("sweep", "app", "fence", "wave") where "fence" is not null;

CREATE UNIQUE INDEX "compensation_log_key" on "compensation_log" ("workflow_id", "run_id", "position");

CREATE INDEX "hold_log_hold" on "hold_log" ("hold_id");

CREATE INDEX "holds_subject" on "holds" ("subject");

CREATE INDEX "log_checkpoints_size" on "log_checkpoints" ("size");

CREATE INDEX "log_contents_ref" on "log_contents" ("kind", "ref");

CREATE INDEX "policy_log_queue" on "policy_log" ("namespace", "task_queue", "id");

CREATE UNIQUE INDEX "receipts_key" on "receipts" ("workflow_id", "run_id", "activity_id", "seq", "step", "phase", "round", "attempt");

CREATE INDEX "receipts_subject" on "receipts" ("subject", "phase");

CREATE INDEX "requests_due" on "requests" ("done", "due_at");

CREATE INDEX "requests_received" on "requests" ("done", "received_at");

CREATE UNIQUE INDEX stops_in_force on stops ((lifted_at is null)) where lifted_at is null;

CREATE INDEX "sweep_rates_counting" on "sweep_rates" ("service", "key_slot", "counts_until_ms");

CREATE INDEX "sweeps_series" on "sweeps" ("series", "scheduled_at");

CREATE INDEX "target_progress_waits" on "target_progress" ("sweep", "waits_for", "seq") where "waits_for" is not null;

CREATE INDEX targets_failed on targets (sweep) where worst <= 2;

CREATE INDEX "worker_environments_queue" on "worker_environments" ("namespace", "task_queue");

CREATE VIEW write_bulk_outcomes as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "app", null as "receipt",
  null as "users", null as "worst", null as "at"
where false;

CREATE VIEW write_bulk_wave as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "wave", null as "app",
  null as "step", null as "most", null as "at", null as "claimed_by", null as "sends"
where false;

CREATE VIEW write_policy_intent as select
  null as "workflow_id", null as "run_id", null as "activity_id", null as "step", null as "attempt", null as "task",
  null as "service", null as "environment", null as "key_slot", null as "subjects", null as "hold_subjects",
  null as "refuse_unsettled", null as "at", null as "day", null as "most_users", null as "counts"
where false;

CREATE VIEW write_policy_wave as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "wave", null as "first",
  null as "last", null as "most", null as "at", null as "claimed_by", null as "sends", null as "day",
  null as "most_users"
where false;

CREATE VIEW write_sweep_block as select
  null as "sweep", null as "version", null as "users", null as "marks", null as "keys", null as "names", null as "position",
  null as "complete", null as "duplicates", null as "rejected", null as "report"
where false;

CREATE VIEW write_sweep_close as select
  null as "sweep", null as "at"
where false;

CREATE VIEW write_sweep_fence as select
  null as "sweep", null as "chunk_id", null as "taken_by"
where false;

CREATE VIEW write_sweep_outcomes as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "users", null as "receipts",
  null as "kinds", null as "queue", null as "at"
where false;

CREATE VIEW write_sweep_progress as
    select null as sweep, null as chunk_id, null as fence, null as users, null as strict where false;

CREATE VIEW write_sweep_rows as select
  null as "sweep", null as "version", null as "rows", null as "keys", null as "position", null as "complete",
  null as "duplicates", null as "rejected", null as "report"
where false;

CREATE VIEW write_sweep_wave as select
  null as "sweep", null as "sweep_id", null as "chunk_id", null as "fence", null as "wave", null as "first",
  null as "last", null as "most", null as "at", null as "claimed_by", null as "sends"
where false;

CREATE TRIGGER compensation_log_no_delete before delete on compensation_log when not exists (select 1 from ledger_meta where name = 'purging')
      begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER "compensation_log_no_update" before update on "compensation_log"
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER hold_log_logged after insert on hold_log when true
begin
  insert into log_queue (kind, ref, content) values ('hold', new.id, null);
end;

CREATE TRIGGER "hold_log_no_delete" before delete on hold_log
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER "hold_log_no_update" before update on hold_log
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER "log_checkpoints_no_delete" before delete on "log_checkpoints"
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER "log_checkpoints_no_update" before update on "log_checkpoints"
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER "log_leaves_no_delete" before delete on "log_leaves"
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER "log_leaves_no_update" before update on "log_leaves"
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER policy_log_no_delete before delete on policy_log
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER policy_log_no_update before update on policy_log
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER purged_hashes_no_delete before delete on purged_hashes
      begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER purged_hashes_no_update before update on purged_hashes
      begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER receipts_logged after insert on receipts when new.seq = 0 and new.run_id <> ''
begin
  insert into log_queue (kind, ref, content) values (case new.activity_id when '' then 'run' else 'call' end,
    new.workflow_id || char(10) || new.run_id || char(10) || new.activity_id, null);
end;

CREATE TRIGGER receipts_no_delete before delete on receipts when not exists (select 1 from ledger_meta where name = 'purging')
      begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER "receipts_no_update" before update on "receipts"
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER sealed_hashes_no_delete before delete on sealed_hashes when not exists (select 1 from ledger_meta where name = 'purging')
      begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER sealed_hashes_no_update before update on sealed_hashes
      begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER sealed_leaves_no_delete before delete on sealed_leaves when not exists (select 1 from ledger_meta where name = 'purging')
      begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER "sealed_leaves_no_update" before update on sealed_leaves
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER stops_lifted_logged after update on stops when old.lifted_at is null and new.lifted_at is not null
begin
  insert into log_queue (kind, ref, content) values ('stop', new.number || ' lifted', null);
end;

CREATE TRIGGER stops_logged after insert on stops when true
begin
  insert into log_queue (kind, ref, content) values ('stop', new.number || ' set', null);
end;

CREATE TRIGGER sweep_approvals_no_delete before delete on sweep_approvals
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER sweep_approvals_no_update before update on sweep_approvals
begin select raise(abort, 'this table is append-only'); end;

CREATE TRIGGER sweeps_sealed_before_logged after update on sweeps
    when old.merkle_root is null and new.merkle_root is not null and new.head is null
    begin insert into log_queue (kind, ref, content) values ('sweep', new.sweep_id, null); end;

CREATE TRIGGER sweeps_sealed_logged after update on sweeps when old.merkle_root is null and new.merkle_root is not null and new.head is not null
begin
  insert into log_queue (kind, ref, content) values ('sweep', new.sweep_id, new.head);
end;

CREATE TRIGGER write_bulk_outcomes_run instead of insert on write_bulk_outcomes begin
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

CREATE TRIGGER write_bulk_wave_run instead of insert on write_bulk_wave begin
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

CREATE TRIGGER write_policy_intent_run instead of insert on write_policy_intent begin
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

CREATE TRIGGER write_policy_wave_run instead of insert on write_policy_wave begin
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

CREATE TRIGGER write_sweep_block_run instead of insert on write_sweep_block begin
  select raise(abort, 'moved') where not exists (
    select 1 from sweeps
    where number = new.sweep and snapshot_version = new.version and snapshot_complete = 0 and closed_at is null);
  insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, source_line)
  select new.sweep, s.total + m.key, case when m.type = 'array' and m.value->>0 is not null then 'done' else 'pending' end,
    0, 0, case m.type when 'array' then m.value->>0 end, 0, case m.type when 'array' then m.value->>1 else 0 end,
    case m.type when 'array' then m.value->>2 else m.value end
  from json_each(new.marks) as m cross join sweeps as s on s.number = new.sweep;
  insert into target_ids (sweep, seq, ids, subjects)
  select new.sweep, s.total + u.key, substr(u.value, instr(u.value, ' ') + 1),
    '["' || replace(substr(u.value, 1, instr(u.value, ' ') - 1), ',', '","') || '"]'
  from json_each(new.users) as u cross join sweeps as s on s.number = new.sweep;
  insert into target_key_blocks (sweep, version, keys) select new.sweep, new.version, new.keys where new.keys <> '';
  insert into target_references (sweep, first, names)
  select new.sweep, n.value->>0, n.value->>1 from json_each(new.names) as n;
  update sweeps set snapshot_version = snapshot_version + 1, snapshot_position = new.position,
    snapshot_complete = new.complete, total = total + json_array_length(new.users),
    duplicates = duplicates + new.duplicates, rejected = rejected + new.rejected,
    snapshot_report = coalesce(new.report, snapshot_report)
  where number = new.sweep;
end;

CREATE TRIGGER write_sweep_close_run instead of insert on write_sweep_close begin
    update sweeps set closed_at = coalesce(closed_at, new.at), last_fence = last_fence + 1 where number = new.sweep;
    update sweep_chunks set fence = (select last_fence from sweeps where number = new.sweep), taken_by = ''
    where sweep = new.sweep;
  end;

CREATE TRIGGER write_sweep_fence_run instead of insert on write_sweep_fence begin
    select raise(abort, 'closed') where not exists (
      select 1 from sweeps where number = new.sweep and closed_at is null);
    update sweeps set last_fence = last_fence + 1 where number = new.sweep;
    insert into sweep_chunks (sweep, chunk_id, fence, taken_by)
    select new.sweep, new.chunk_id, last_fence, new.taken_by from sweeps where number = new.sweep
    on conflict (sweep, chunk_id) do update set fence = excluded.fence, taken_by = excluded.taken_by;
  end;

CREATE TRIGGER write_sweep_outcomes_run instead of insert on write_sweep_outcomes begin
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

CREATE TRIGGER write_sweep_progress_run instead of insert on write_sweep_progress begin
    select raise(abort, 'fenced') where not exists (
      select 1 from sweep_chunks where sweep = new.sweep and chunk_id = new.chunk_id and fence = new.fence);
    select raise(abort, 'fenced') from json_each(new.users) as u
    where new.strict = 1 and not exists (select 1 from targets as t where t.sweep = new.sweep and t.seq = u.value->>0 and t.round = u.value->>1 and t.state = 'open'
        and t.fence = new.fence);
    insert into target_progress (sweep, seq, progress, waits_for, report)
    select new.sweep, t.seq, u.value->>2, u.value->>3, null
    from json_each(new.users) as u cross join targets as t on t.sweep = new.sweep and t.seq = u.value->>0 and t.round = u.value->>1 and t.state = 'open'
        and t.fence = new.fence
    where true on conflict (sweep, seq) do update set progress = excluded.progress, waits_for = excluded.waits_for,
      report = null;
  end;

CREATE TRIGGER write_sweep_rows_run instead of insert on write_sweep_rows begin
    select raise(abort, 'moved') where not exists (
      select 1 from sweeps
      where number = new.sweep and snapshot_version = new.version and snapshot_complete = 0 and closed_at is null);
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, source_line, reference)
    select new.sweep, s.total + r.key, case when r.value->>2 is null then 'pending' else 'done' end, 0, 0, r.value->>2, 0,
      r.value->>3, r.value->>4, r.value->>5
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
  update sweeps set snapshot_report = coalesce(new.report, snapshot_report) where number = new.sweep; end;

CREATE TRIGGER write_sweep_wave_run instead of insert on write_sweep_wave begin
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
