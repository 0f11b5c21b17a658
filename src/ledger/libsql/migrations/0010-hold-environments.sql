-- The environments that a hold covers, who set it, and a log of every hold that was set, extended or lifted. Older
-- holds have none of these, because nothing can be derived from their hashes.

alter table "holds" add column "environments" text;

alter table "holds" add column "set_by" text;

create table "hold_log" (
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
);

create index "hold_log_hold" on "hold_log" ("hold_id");

create trigger "hold_log_no_update" before update on hold_log
begin select raise(abort, 'this table is append-only'); end;

create trigger "hold_log_no_delete" before delete on hold_log
begin select raise(abort, 'this table is append-only'); end;
