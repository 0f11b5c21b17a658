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

create trigger sealed_hashes_no_update before update on sealed_hashes
      begin select raise(abort, 'this table is append-only'); end;

create trigger sealed_hashes_no_delete before delete on sealed_hashes when not exists (select 1 from ledger_meta where name = 'purging')
      begin select raise(abort, 'this table is append-only'); end;
