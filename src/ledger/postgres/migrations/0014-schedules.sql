-- For sweeps started by a Schedule: their series of runs, the nominal times of this and the previous run, and whether
-- all users up to this nominal time were done. For workers: the names of their queries.

alter table "sweeps" add column "series" text;

alter table "sweeps" add column "scheduled_at" timestamptz;

alter table "sweeps" add column "previous_at" timestamptz;

alter table "sweeps" add column "series_done" integer default 0 not null;

create index "sweeps_series" on "sweeps" ("series", "scheduled_at");

alter table "worker_environments" add column "queries" text;
