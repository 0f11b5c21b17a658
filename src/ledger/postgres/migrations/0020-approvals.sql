-- Signed approvals of sweeps, and the digest of the users that they are about: SHA-256 in hex over all rows of the
-- snapshot; null unless the sweep needs a signed approval.

alter table "sweeps" add column "snapshot_digest" text;

create table "sweep_approvals" (
  "sweep_id" text not null,
  "approver" text not null,
  "signature" text not null,
  "at" timestamptz not null,
  constraint "sweep_approvals_key" primary key ("sweep_id", "approver")
);

create trigger sweep_approvals_append_only before update or delete or truncate on sweep_approvals
for each statement execute function ledger_append_only();
