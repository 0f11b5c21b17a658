-- The leaves of a seal, which had a row for each receipt in sealed_leaves, are packed: a row for up to some thousand of them.
-- Rows of sealed_leaves stay and are still read. See sweeps/kept-leaves.ts.

-- Leaves of whole users in the order of the tree: their hashes in base64url, and as JSON which receipt each belongs to.
create table "sealed_hashes" (
  "sweep" integer not null,
  "first_seq" integer not null,
  "last_seq" integer not null,
  "hashes" text not null,
  "receipts" text not null,
  constraint "sealed_hashes_key" primary key ("sweep", "last_seq", "first_seq")
);

create or replace function ledger_append_only() returns trigger language plpgsql as $$
  begin
    if tg_op = 'DELETE' and tg_table_name in ('receipts', 'sealed_leaves', 'sealed_hashes', 'compensation_log') and exists (select 1 from ledger_meta where name = 'purging') then
      return null;
    end if;
    raise exception 'this table is append-only' using errcode = 'restrict_violation';
  end $$;

create trigger sealed_hashes_append_only before update or delete or truncate on sealed_hashes
for each statement execute function ledger_append_only();
