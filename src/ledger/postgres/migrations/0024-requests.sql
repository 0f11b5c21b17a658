-- The register of requests: one row for each request to be deleted that has a date of receipt, a law or a due date. A row
-- is about a run, a whole sweep (seq -1), a user of a sweep, or a request for which nothing was started yet (first_run '-').
-- It contains keyed hashes and no IDs; a reference is encrypted under a key derived from the subject key. Rows are changed as
-- their request proceeds, and deleted some time after its end. Also the notices that workers send: an ID, what it is about,
-- and whether it was sent.

create table "requests" (
  "id" bigint generated always as identity primary key,
  "workflow_id" text not null,
  "first_run" text not null,
  "seq" integer not null,
  "subjects" text not null,
  "environments" text not null,
  "reference" text,
  "law" text not null,
  "received_at" timestamptz,
  "received_as" text,
  "due_at" timestamptz,
  "requested_by" text,
  "reason" text,
  "recorded_at" timestamptz not null,
  "extended_at" timestamptz,
  "extended_by" text,
  "extension_reason" text,
  "refused_at" timestamptz,
  "refused_by" text,
  "refusal_reason" text,
  "outcome" text,
  "ended_at" timestamptz,
  "done" integer default 0 not null,
  constraint "requests_about" unique ("workflow_id", "first_run", "seq")
);

create index "requests_received" on "requests" ("done", "received_at");

create index "requests_due" on "requests" ("done", "due_at");

create table "notices" (
  "notice_id" text not null primary key,
  "kind" text not null,
  "about" text,
  "at" timestamptz not null,
  "sent_at" timestamptz,
  "claimed_until_ms" double precision default 0 not null,
  "tries" integer default 0 not null
);
