-- Legal holds, and the function that records an intent after checking them.

create table "holds" (
  "hold_id" text not null,
  "subject" text not null,
  "reason" text,
  "at" timestamptz not null,
  constraint "holds_key" primary key ("hold_id", "subject")
);

create index "holds_subject" on "holds" ("subject");

-- A plain INSERT … WHERE NOT EXISTS would not do: under READ COMMITTED a statement sees the database as it was when
-- the statement began. An intent that began just before a hold was committed, and was then delayed, would miss the
-- hold and still be written after it. Each statement in a volatile function has a new snapshot. Therefore:
--
-- - Recording an intent takes the lock (1214606444, 2) shared and then checks the holds.
-- - Setting a hold takes it exclusively until its commit: it waits for intents in progress, and later intents wait
--   for it.
--
-- The first to commit wins: an intent committed before the hold may be sent; after "addHold" has returned, no intent
-- for its subjects is recorded. The shared lock costs no round trip and excludes no other intent.
--
-- The second lock, on the call itself, serialises two attempts of one call (the older one may be a frozen process
-- that resumed), so that the later one always sees the earlier one's intent. It is taken before the shared lock, so
-- that no transaction waits for it while a hold waits for that transaction.
create function ledger_record_intent(
  p_workflow_id text, p_run_id text, p_activity_id text, p_step text, p_attempt integer, p_task text,
  p_service text, p_environment text, p_key_slot text, p_subjects text[], p_hold_subjects text[],
  p_refuse_unsettled boolean, p_at timestamptz
) returns text language plpgsql volatile as $$
    begin
      if p_refuse_unsettled then
        perform pg_advisory_xact_lock(
          hashtextextended(jsonb_build_array(p_workflow_id, p_run_id, p_activity_id)::text, 1214606444));
      end if;
      perform pg_advisory_xact_lock_shared(1214606444, 2);
      if p_refuse_unsettled and exists (
        select 1 from receipts i where i.workflow_id = p_workflow_id and i.run_id = p_run_id
          and i.activity_id = p_activity_id and i.phase = 'intent'
          and (i.attempt >= p_attempt or not exists (
            select 1 from receipts o where o.workflow_id = i.workflow_id and o.run_id = i.run_id
              and o.activity_id = i.activity_id and o.seq = i.seq and o.step = i.step and o.phase = 'outcome'
              and o.round = i.round and o.attempt = i.attempt and o.outcome = 'failed'))
      ) then
        return 'unsettled';
      end if;
      if exists (select 1 from holds where subject = any (p_hold_subjects)) then
        return 'held';
      end if;
      insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service,
        environment, key_slot, at)
      select p_workflow_id, p_run_id, p_activity_id, s.position - 1, p_step, 'intent', p_attempt, s.subject, p_task,
        p_service, p_environment, p_key_slot, p_at
      from unnest(p_subjects) with ordinality as s (subject, position)
      on conflict do nothing;
      return 'recorded';
    end $$;
