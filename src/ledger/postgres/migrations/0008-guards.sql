-- The decisions about a sweep (plan, limits, approval) and the kill switch.
--
-- Renames the functions that record intents and wraps them in new ones, which check these decisions after the
-- original function has run, so that a refusal rolls back what it wrote. By then the lock of holds is held shared,
-- which setting a stop takes exclusively: after "stop" has returned, no intent is recorded. Checking first, with that
-- lock taken first, could deadlock two attempts at one wave and a stop. A process of an earlier version calls
-- functions that no longer exist, and so starts nothing.
--
-- SQLSTATEs of refusals: HT004: the sweep belongs to another run, HT005: it is not approved, HT006: everything is
-- stopped, HT007: it has more users than allowed.

-- JSON; null for a sweep that no run has claimed, or that was opened by a version without this migration.
alter table "sweeps" add column "plan" text;

alter table "sweeps" add column "max_users" integer;

alter table "sweeps" add column "needs_approval" integer;

alter table "sweeps" add column "approved_at" timestamptz;

alter table "sweeps" add column "approved_by" text;

-- The periods during which everything was stopped.
create table "stops" (
  "number" integer generated always as identity primary key,
  "reason" text not null,
  "set_by" text not null,
  "at" timestamptz not null,
  "lifted_by" text,
  "lifted_at" timestamptz
);

-- At most one stop is in force, even if two processes set one concurrently.
create unique index stops_in_force on stops ((lifted_at is null)) where lifted_at is null;

alter function ledger_sweep_wave(integer, text, text, integer, integer, integer, integer, integer, timestamptz)
rename to ledger_sweep_wave_unguarded;

alter function ledger_bulk_wave(integer, text, text, integer, integer, text, text, integer, timestamptz)
rename to ledger_bulk_wave_unguarded;

create function ledger_refuse_when_stopped() returns void language plpgsql volatile as $$
  begin
    if exists (select 1 from stops where lifted_at is null) then
      raise exception 'stopped' using errcode = 'HT006';
    end if;
  end $$;

create function ledger_sweep_may_begin(p_sweep integer, p_claimed_by text, p_sends integer)
returns void language plpgsql volatile as $$
  declare
    v_sweep record;
  begin
    select claimed_by, closed_at, needs_approval, approved_at, max_users, total into v_sweep from sweeps where number = p_sweep;
    if v_sweep.claimed_by is distinct from p_claimed_by then raise exception 'not yours' using errcode = 'HT004'; end if;
    if v_sweep.closed_at is not null then raise exception 'closed' using errcode = 'HT001'; end if;
    if p_sends = 0 then return; end if;
    if v_sweep.needs_approval = 1 and v_sweep.approved_at is null then raise exception 'not approved' using errcode = 'HT005'; end if;
    if v_sweep.total > v_sweep.max_users then raise exception 'too many' using errcode = 'HT007'; end if;
    perform ledger_refuse_when_stopped();
  end $$;

create function ledger_sweep_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer,
  p_first integer, p_last integer, p_most integer, p_at timestamptz, p_claimed_by text, p_sends integer
) returns table (seq integer, round integer, unsettled integer, ids text, subjects text)
language plpgsql volatile as $$
  begin
    return query select * from ledger_sweep_wave_unguarded(p_sweep, p_sweep_id, p_chunk_id, p_fence, p_wave, p_first,
      p_last, p_most, p_at);
    perform ledger_sweep_may_begin(p_sweep, p_claimed_by, p_sends);
  end $$;

create function ledger_bulk_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer,
  p_app text, p_step text, p_most integer, p_at timestamptz, p_claimed_by text, p_sends integer
) returns table (seq integer, ids text, subjects text, unsettled integer)
language plpgsql volatile as $$
  begin
    return query select * from ledger_bulk_wave_unguarded(p_sweep, p_sweep_id, p_chunk_id, p_fence, p_wave, p_app, p_step,
      p_most, p_at);
    perform ledger_sweep_may_begin(p_sweep, p_claimed_by, p_sends);
  end $$;

alter function ledger_record_intent(text, text, text, text, integer, text, text, text, text, text[], text[], boolean, timestamptz)
rename to ledger_record_intent_unguarded;

-- A call that is held or unsettled is refused for that reason, stopped or not.
create function ledger_record_intent(
  p_workflow_id text, p_run_id text, p_activity_id text, p_step text, p_attempt integer, p_task text,
  p_service text, p_environment text, p_key_slot text, p_subjects text[], p_hold_subjects text[],
  p_refuse_unsettled boolean, p_at timestamptz
) returns text language plpgsql volatile as $$
  declare
    v_kind text;
  begin
    v_kind := ledger_record_intent_unguarded(p_workflow_id, p_run_id, p_activity_id, p_step, p_attempt, p_task, p_service,
      p_environment, p_key_slot, p_subjects, p_hold_subjects, p_refuse_unsettled, p_at);
    if v_kind = 'recorded' then perform ledger_refuse_when_stopped(); end if;
    return v_kind;
  end $$;
