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
);

create index "target_progress_waits" on "target_progress" ("sweep", "waits_for", "seq") where "waits_for" is not null;

-- Each entry of "users" is [seq, round, progress, waits_for]. Writes only for users who are still the caller's; with
-- "strict" it refuses as a whole if one is not, because a call is about to be sent for each of them.
create function ledger_sweep_progress(p_sweep integer, p_chunk_id text, p_fence integer, p_users jsonb, p_strict integer)
returns void language plpgsql volatile set enable_seqscan = off as $$
  begin
    perform ledger_sweep_fence_holds(p_sweep, p_chunk_id, p_fence);
    if p_strict = 1 and exists (
      select 1 from jsonb_array_elements(p_users) u where not exists (
        select 1 from targets t where t.sweep = p_sweep and t.seq = (u->>0)::integer and t.round = (u->>1)::integer
          and t.state = 'open' and t.fence = p_fence)
    ) then raise exception 'fenced' using errcode = 'HT001'; end if;
    insert into target_progress (sweep, seq, progress, waits_for, report)
    select p_sweep, k.seq, u->>2, u->>3, null
    from jsonb_array_elements(p_users) u cross join lateral (select t.seq from targets t where t.sweep = p_sweep and t.seq = (u->>0)::integer and t.round = (u->>1)::integer
          and t.state = 'open' and t.fence = p_fence limit 1) k
    on conflict (sweep, seq) do update set progress = excluded.progress, waits_for = excluded.waits_for, report = null;
  end $$;
