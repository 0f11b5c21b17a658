-- The end of a sweep, when the remaining IDs are encrypted with a new key and the first key is destroyed:
-- "next_wrapped_key" is the new key while rows of both exist; "rekeyed_at" is when the first key was destroyed.

alter table "sweeps" add column "next_wrapped_key" text;

alter table "sweeps" add column "rekeyed_at" timestamptz;
