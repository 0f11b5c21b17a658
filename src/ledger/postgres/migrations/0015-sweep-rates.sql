-- The rates that belong to one sweep. "counts_until_ms" is by the database's clock: in the past for a sweep that
-- makes no calls, 0 for one that has ended.

create table "sweep_rates" (
  "sweep_id" text not null,
  "service" text not null,
  "key_slot" text not null,
  "limit_per_minute" double precision not null,
  "counts_until_ms" double precision not null,
  constraint "sweep_rates_key" primary key ("sweep_id", "service", "key_slot")
);

create index "sweep_rates_counting" on "sweep_rates" ("service", "key_slot", "counts_until_ms");
