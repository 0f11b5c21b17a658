-- The log of the ledger: an append-only Merkle tree (RFC 6962) whose leaves are seals of sweeps and runs, holds,
-- stops, approvals and changes of the policy; its checkpoints; and the queue from which its leaves come. The queue is
-- filled by triggers in the statement that writes the row, or by the process in the same transaction.
-- ../../migrations/index.ts inserts the row of log_state, with a random origin.

-- Rows are deleted when they are numbered. "ref" names the row that the leaf is about; "content" is the content of
-- the leaf, and null when the sealer makes it from that row.
create table "log_queue" (
  "id" integer primary key autoincrement,
  "kind" text not null,
  "ref" text not null,
  "content" text
);

create table "log_leaves" (
  "number" integer not null primary key,
  "kind" text not null,
  "leaf" text not null,
  "at" text not null
);

-- What was hashed. Not part of the log, and may be deleted without harm to it.
create table "log_contents" (
  "number" integer not null primary key,
  "kind" text not null,
  "ref" text not null,
  "content" text not null
);

create index "log_contents_ref" on "log_contents" ("kind", "ref");

create table "log_checkpoints" (
  "id" integer primary key autoincrement,
  "size" integer not null,
  "root" text not null,
  "note" text not null,
  "at" text not null
);

create index "log_checkpoints_size" on "log_checkpoints" ("size");

-- One row. "peaks" are the roots of the largest whole subtrees, from which the next root is computed.
create table "log_state" (
  "one" integer not null primary key check (one = 1),
  "origin" text not null,
  "size" integer not null,
  "peaks" text not null
);

create trigger "log_leaves_no_update" before update on "log_leaves"
begin select raise(abort, 'this table is append-only'); end;

create trigger "log_leaves_no_delete" before delete on "log_leaves"
begin select raise(abort, 'this table is append-only'); end;

create trigger "log_checkpoints_no_update" before update on "log_checkpoints"
begin select raise(abort, 'this table is append-only'); end;

create trigger "log_checkpoints_no_delete" before delete on "log_checkpoints"
begin select raise(abort, 'this table is append-only'); end;

-- What is sealed of a sweep besides its receipts; null for a sweep that an earlier version sealed.
alter table "sweeps" add column "head" text;

alter table "sweeps" add column "receipts_root" text;

-- JSON: who asked for it and why; null if nothing was given.
alter table "sweeps" add column "about" text;

create table "run_about" (
  "workflow_id" text not null,
  "run_id" text not null,
  "about" text not null,
  constraint "run_about_key" primary key ("workflow_id", "run_id")
);

-- Every statement that writes receipts of a run writes one with seq 0; receipts of sweeps have no run. The receipts
-- of a run's end belong to no activity.
create trigger receipts_logged after insert on receipts when new.seq = 0 and new.run_id <> ''
begin
  insert into log_queue (kind, ref, content) values (case new.activity_id when '' then 'run' else 'call' end,
    new.workflow_id || char(10) || new.run_id || char(10) || new.activity_id, null);
end;

create trigger hold_log_logged after insert on hold_log when true
begin
  insert into log_queue (kind, ref, content) values ('hold', new.id, null);
end;

create trigger stops_logged after insert on stops when true
begin
  insert into log_queue (kind, ref, content) values ('stop', new.number || ' set', null);
end;

create trigger stops_lifted_logged after update on stops when old.lifted_at is null and new.lifted_at is not null
begin
  insert into log_queue (kind, ref, content) values ('stop', new.number || ' lifted', null);
end;

create trigger sweeps_sealed_logged after update on sweeps when old.merkle_root is null and new.merkle_root is not null and new.head is not null
begin
  insert into log_queue (kind, ref, content) values ('sweep', new.sweep_id, new.head);
end;
