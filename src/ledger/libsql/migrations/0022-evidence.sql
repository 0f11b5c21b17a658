-- What makes the log cover everything: leaves of sweeps that an earlier version seals, the digest of the users of a hold,
-- and how far running sweeps are in the log; and the purge of receipts, which keeps the hashes of what it deletes.
-- ../../migrations/0022-evidence.ts then queues a first leaf about what was recorded before the log existed.

-- SHA-256 in hex over the sorted keyed hashes of a hold, one a line; null for an entry of an earlier version.
alter table "hold_log" add column "subjects_digest" text;

-- The highest row ID of receipts up to which running sweeps are in the log, and when it was read.
alter table "log_state" add column "parts_id" integer default 0 not null;

alter table "log_state" add column "parts_at" text;

-- When its receipts were deleted.
alter table "sweeps" add column "purged_at" text;

-- The leaf hashes of a purged sweep in the order of its tree, base64url of up to some thousand hashes in each row.
create table "purged_hashes" (
  "sweep" integer not null,
  "part" integer not null,
  "hashes" text not null,
  constraint "purged_hashes_key" primary key ("sweep", "part")
) without rowid;

-- A purge deletes from these tables, and says so in ledger_meta within its transaction; see sweeps/purge-receipts.ts.
drop trigger receipts_no_delete;

create trigger receipts_no_delete before delete on receipts when not exists (select 1 from ledger_meta where name = 'purging')
      begin select raise(abort, 'this table is append-only'); end;

drop trigger sealed_leaves_no_delete;

create trigger sealed_leaves_no_delete before delete on sealed_leaves when not exists (select 1 from ledger_meta where name = 'purging')
      begin select raise(abort, 'this table is append-only'); end;

drop trigger compensation_log_no_delete;

create trigger compensation_log_no_delete before delete on compensation_log when not exists (select 1 from ledger_meta where name = 'purging')
      begin select raise(abort, 'this table is append-only'); end;

create trigger purged_hashes_no_update before update on purged_hashes
      begin select raise(abort, 'this table is append-only'); end;

create trigger purged_hashes_no_delete before delete on purged_hashes
      begin select raise(abort, 'this table is append-only'); end;

create trigger sweeps_sealed_before_logged after update on sweeps
    when old.merkle_root is null and new.merkle_root is not null and new.head is null
    begin insert into log_queue (kind, ref, content) values ('sweep', new.sweep_id, null); end;
