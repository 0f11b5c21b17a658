-- The environments that the workers of a task queue use, and when each worker was last seen.

create table "worker_environments" (
  "worker" text not null,
  "service" text not null,
  "identity" text not null,
  "namespace" text not null,
  "task_queue" text not null,
  "environment" text not null,
  "production" integer not null,
  "key_slots" text not null,
  "started_ms" double precision not null,
  "seen_ms" double precision not null,
  "ended" integer default 0 not null,
  constraint "worker_environments_key" primary key ("worker", "service")
);

create index "worker_environments_queue" on "worker_environments" ("namespace", "task_queue");
