-- Receipts and compensation log, both append-only, and the ledger's metadata.

create table "receipts" (
  "id" bigint generated always as identity primary key,
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
  "at" timestamptz not null
);

-- Its first columns serve reads by workflow and the search for earlier attempts.
create unique index "receipts_key" on "receipts" ("workflow_id", "run_id", "activity_id", "seq", "step", "phase", "round", "attempt");

create index "receipts_subject" on "receipts" ("subject", "phase");

create table "compensation_log" (
  "id" bigint generated always as identity primary key,
  "workflow_id" text not null,
  "run_id" text not null,
  "position" integer not null,
  "environment" text not null,
  "subject" text not null,
  "step" text not null,
  "outcome" text not null,
  "remedy" text not null,
  "evidence" text not null,
  "at" timestamptz not null
);

create unique index "compensation_log_key" on "compensation_log" ("workflow_id", "run_id", "position");

create table "ledger_meta" (
  "name" text not null primary key,
  "value" text not null
);

create function ledger_append_only() returns trigger language plpgsql as $$
    begin
      raise exception 'this table is append-only' using errcode = 'restrict_violation';
    end $$;

create trigger "receipts_append_only" before update or delete or truncate on "receipts"
for each statement execute function ledger_append_only();

create trigger "compensation_log_append_only" before update or delete or truncate on "compensation_log"
for each statement execute function ledger_append_only();
