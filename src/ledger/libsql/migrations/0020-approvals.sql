-- Signed approvals of sweeps, and the digest of the users that they are about: SHA-256 in hex over all rows of the
-- snapshot; null unless the sweep needs a signed approval.

alter table "sweeps" add column "snapshot_digest" text;

create table "sweep_approvals" (
  "sweep_id" text not null,
  "approver" text not null,
  "signature" text not null,
  "at" text not null,
  constraint "sweep_approvals_key" primary key ("sweep_id", "approver")
);

create trigger sweep_approvals_no_update before update on sweep_approvals
begin select raise(abort, 'this table is append-only'); end;

create trigger sweep_approvals_no_delete before delete on sweep_approvals
begin select raise(abort, 'this table is append-only'); end;
