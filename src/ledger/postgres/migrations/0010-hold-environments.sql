-- The environments that a hold covers, who set it, and a log of every hold that was set, extended or lifted. Older
-- holds have none of these, because nothing can be derived from their hashes.

alter table "holds" add column "environments" text;

alter table "holds" add column "set_by" text;

create table "hold_log" (
  "id" bigint generated always as identity primary key,
  "hold_id" text not null,
  "change" text not null check (change in ('set', 'extended', 'lifted')),
  "changed_by" text,
  "why" text,
  "reason" text,
  "held_since" timestamptz,
  "environments" text,
  "subjects" integer not null,
  "at" timestamptz not null
);

create index "hold_log_hold" on "hold_log" ("hold_id");

-- The function comes from 0001-receipts.
create trigger hold_log_append_only before update or delete or truncate on hold_log
for each statement execute function ledger_append_only();
