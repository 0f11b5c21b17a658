-- Sweeps and their working tables, and the append-only leaves of seals.

-- "number" identifies the sweep in tables with a row per user, where its ID would take more space than the rest of
-- the row. "claimed_by" is the workflow's first run; null for a snapshot that no run has claimed.
create table "sweeps" (
  "number" integer generated always as identity primary key,
  "sweep_id" text not null unique,
  "redrive_of" text,
  "claimed_by" text,
  "skip_done" integer not null,
  "status" text not null,
  "paused_because" text,
  "wrapped_key" text,
  "snapshot_version" integer default 0 not null,
  "snapshot_position" text,
  "snapshot_complete" integer default 0 not null,
  "total" integer default 0 not null,
  "duplicates" integer default 0 not null,
  "rejected" integer default 0 not null,
  "last_fence" integer default 0 not null,
  "closed_at" timestamptz,
  "merkle_root" text,
  "leaves" integer,
  "created_at" timestamptz not null,
  "ended_at" timestamptz
);

-- "taken_by" identifies the caller who took the fence.
create table "sweep_chunks" (
  "sweep" integer not null,
  "chunk_id" text not null,
  "fence" integer not null,
  "taken_by" text not null,
  constraint "sweep_chunks_key" primary key ("sweep", "chunk_id")
);

-- The progress of each user. Separate from the IDs to keep the rows small: each is written three times and counted
-- often. "worst" is the rank of the worst outcome so far; see policy/worst-outcome.ts.
create table "targets" (
  "sweep" integer not null,
  "seq" integer not null,
  "state" text not null check (state in ('pending', 'open', 'bulk', 'done')),
  "round" integer not null,
  "unsettled" integer not null,
  "fence" integer,
  "wave" integer,
  "worst" integer,
  "bulk_left" integer not null,
  "some_items" integer not null,
  "intent_at" timestamptz,
  "not_before" timestamptz,
  constraint "targets_key" primary key ("sweep", "seq")
);

-- No indexed column changes, so with free space on its page an update touches no index.
alter table targets set (fillfactor = 50);

-- "ids" is encrypted with the sweep's key; "subjects" is a JSON array of keyed hashes.
create table "target_ids" (
  "sweep" integer not null,
  "seq" integer not null,
  "ids" text not null,
  "subjects" text not null,
  constraint "target_ids_key" primary key ("sweep", "seq")
);

-- The keys that make a later row a duplicate; see sweeps/duplicate-keys.ts.
create table "target_keys" (
  "sweep" integer not null,
  "key" text not null,
  constraint "target_keys_key" primary key ("sweep", "key")
);

-- Users waiting for an app's bulk call; "fence" and "wave" are those of the call in progress.
create table "bulk_queue" (
  "sweep" integer not null,
  "app" text not null,
  "seq" integer not null,
  "fence" integer,
  "wave" integer,
  "unsettled" integer not null,
  "intent_at" timestamptz,
  constraint "bulk_queue_key" primary key ("sweep", "app", "seq")
);

create index "bulk_queue_open" on "bulk_queue" ("sweep", "app", "fence", "wave") where "fence" is not null;

-- The leaf hashes of a seal, so that a later difference can be located and not only detected.
create table "sealed_leaves" (
  "sweep" integer not null,
  "seq" integer not null,
  "receipt" bigint not null,
  "step" text not null,
  "leaf" text not null,
  constraint "sealed_leaves_key" primary key ("sweep", "seq", "receipt")
);

create trigger sealed_leaves_append_only before update or delete or truncate on sealed_leaves
for each statement execute function ledger_append_only();

-- One row per service and key slot; "state" is the state of policy/rate.ts as JSON.
create table "rates" (
  "service" text not null,
  "key_slot" text not null,
  "version" integer not null,
  "set_limit" double precision,
  "state" text not null,
  constraint "rates_key" primary key ("service", "key_slot")
);
