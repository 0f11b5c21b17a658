-- Keys by which duplicates are found are moved from the blocks of a source to pages of neighbouring keys: a run of several
-- hundred thousand keys is divided into parts, each of which is a row. The keys of another run change none of them, where an
-- index of single keys was changed nearly everywhere. target_keys has those of sweeps whose reading an earlier version
-- began; see sweeps/known-keys.ts.

create table "target_key_pages" (
  "sweep" integer not null,
  "page" integer not null,
  "keys" text not null,
  constraint "target_key_pages_key" primary key ("sweep", "page")
);
