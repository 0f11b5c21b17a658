-- What makes the log cover everything: leaves of sweeps that an earlier version seals, the digest of the users of a hold,
-- and how far running sweeps are in the log; and the purge of receipts, which keeps the hashes of what it deletes.
-- ../../migrations/0022-evidence.ts then queues a first leaf about what was recorded before the log existed.

-- SHA-256 in hex over the sorted keyed hashes of a hold, one a line; null for an entry of an earlier version.
alter table "hold_log" add column "subjects_digest" text;

-- The highest row ID of receipts up to which running sweeps are in the log, and when it was read.
alter table "log_state" add column "parts_id" bigint default 0 not null;

alter table "log_state" add column "parts_at" timestamptz;

-- When its receipts were deleted.
alter table "sweeps" add column "purged_at" timestamptz;

-- The leaf hashes of a purged sweep in the order of its tree, base64url of up to some thousand hashes in each row.
create table "purged_hashes" (
  "sweep" integer not null,
  "part" integer not null,
  "hashes" text not null,
  constraint "purged_hashes_key" primary key ("sweep", "part")
);

-- A purge deletes from these tables, and says so in ledger_meta within its transaction; see sweeps/purge-receipts.ts.
create or replace function ledger_append_only() returns trigger language plpgsql as $$
  begin
    if tg_op = 'DELETE' and tg_table_name in ('receipts', 'sealed_leaves', 'compensation_log') and exists (select 1 from ledger_meta where name = 'purging') then
      return null;
    end if;
    raise exception 'this table is append-only' using errcode = 'restrict_violation';
  end $$;

create trigger purged_hashes_append_only before update or delete or truncate on purged_hashes
for each statement execute function ledger_append_only();

create function ledger_sweeps_sealed_before_logged() returns trigger language plpgsql as $$
  begin
    insert into log_queue (kind, ref, content) values ('sweep', new.sweep_id, null);
    return null;
  end $$;

create trigger sweeps_sealed_before_logged after update on sweeps
for each row when (old.merkle_root is null and new.merkle_root is not null and new.head is null)
execute function ledger_sweeps_sealed_before_logged();
