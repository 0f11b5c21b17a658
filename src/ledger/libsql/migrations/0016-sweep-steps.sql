-- The steps of a sweep, which are decided when it is opened; the environments of all providers for which its users
-- were hashed; and how far users have come who wait in the middle of their steps.

-- JSON; null for a sweep that was opened by a version without this migration.
alter table "sweeps" add column "steps_plan" text;

-- A JSON object of environments by provider; null while no user has an ID, and for sweeps of earlier versions.
alter table "sweeps" add column "environments" text;

-- A row for each user who was deferred, or whose call is recorded before it is sent; deleted with the user's outcome.
-- "progress" is encrypted with the sweep's key. "waits_for" is the step that a person has to do for this user, and
-- null for a user who waits for something else; "report" is JSON: what a person reported about that step.
create table "target_progress" (
  "sweep" integer not null,
  "seq" integer not null,
  "progress" text not null,
  "waits_for" text,
  "report" text,
  constraint "target_progress_key" primary key ("sweep", "seq")
) without rowid;

create index "target_progress_waits" on "target_progress" ("sweep", "waits_for", "seq") where "waits_for" is not null;

-- Each entry of "users" is [seq, round, progress, waits_for]. Writes only for users who are still the caller's; with
-- "strict" it refuses as a whole if one is not, because a call is about to be sent for each of them.
create view write_sweep_progress as
    select null as sweep, null as chunk_id, null as fence, null as users, null as strict where false;

create trigger write_sweep_progress_run instead of insert on write_sweep_progress begin
    select raise(abort, 'fenced') where not exists (
      select 1 from sweep_chunks where sweep = new.sweep and chunk_id = new.chunk_id and fence = new.fence);
    select raise(abort, 'fenced') from json_each(new.users) as u
    where new.strict = 1 and not exists (select 1 from targets as t where t.sweep = new.sweep and t.seq = u.value->>0 and t.round = u.value->>1 and t.state = 'open'
        and t.fence = new.fence);
    insert into target_progress (sweep, seq, progress, waits_for, report)
    select new.sweep, t.seq, u.value->>2, u.value->>3, null
    from json_each(new.users) as u cross join targets as t on t.sweep = new.sweep and t.seq = u.value->>0 and t.round = u.value->>1 and t.state = 'open'
        and t.fence = new.fence
    where true on conflict (sweep, seq) do update set progress = excluded.progress, waits_for = excluded.waits_for,
      report = null;
  end;
