import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Intent, IntentResult } from '../ledger';
import type { Tables } from '../tables';
import { libsqlFailures } from './failures';
import { libsqlForms } from './forms';

type Kind = IntentResult['kind'];

/** What the trigger of `write_policy_intent` counts. */
const COUNTS = { run: 1, ids: 2 } as const;

/**
 * Checks and inserts in one statement, which is atomic because libSQL runs one write at a time across all processes.
 * Reads the reason only if nothing was written; if a hold was lifted in between there is none, and the insert is
 * retried.
 */
export async function recordIntent(db: Kysely<Tables>, intent: Intent): Promise<Kind> {
  if (intent.daily) return recordCounted(db, intent, intent.daily);
  for (;;) {
    if ((await insertUnlessRefused(db, intent)) > 0n) return 'recorded';
    const reason = await reasonOfRefusal(db, intent);
    if (reason !== undefined) return reason;
  }
}

/**
 * Like {@link recordIntent}. The write refuses as a whole, and libSQL does not report why; without a reason the day is full,
 * unless the reason is gone by then, which a second try shows.
 */
async function recordCounted(
  db: Kysely<Tables>,
  intent: Intent,
  { day, mostUsers, counts }: NonNullable<Intent['daily']>,
): Promise<Kind> {
  const values = sql.join([
    intent.workflowId,
    intent.runId,
    intent.activityId,
    intent.step,
    intent.attempt,
    intent.task,
    intent.service,
    intent.environment,
    intent.keySlot ?? null,
    JSON.stringify(intent.subjects),
    JSON.stringify(intent.holdSubjects),
    intent.refuseUnsettled ? 1 : 0,
    new Date().toISOString(),
    day,
    mostUsers,
    COUNTS[counts],
  ]);
  const write = sql`
    insert into write_policy_intent (workflow_id, run_id, activity_id, step, attempt, task, service, environment,
      key_slot, subjects, hold_subjects, refuse_unsettled, at, day, most_users, counts) values (${values})`;
  for (let tries = 1; ; tries += 1) {
    try {
      await write.execute(db);
      return 'recorded';
    } catch (error) {
      if (!libsqlFailures.isRefusal(libsqlFailures.codeOf(error) ?? '')) throw error;
      const reason = await reasonOfRefusal(db, intent);
      if (reason !== undefined) return reason;
      if (tries === 2) return 'dayIsFull';
    }
  }
}

async function insertUnlessRefused(db: Kysely<Tables>, intent: Intent): Promise<bigint> {
  const { held, unsettled, stopped } = conditions(intent);
  const result = await sql`
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service,
      environment, key_slot, at)
    select ${intent.workflowId}, ${intent.runId}, ${intent.activityId}, list.seq, ${intent.step}, 'intent',
      ${intent.attempt}, list.value, ${intent.task}, ${intent.service}, ${intent.environment},
      ${intent.keySlot ?? null}, ${new Date().toISOString()}
    from ${libsqlForms.rowsOf(intent.subjects)} as list
    where not ${held} and not ${unsettled} and not ${stopped}
    on conflict do nothing`.execute(db);
  return result.numAffectedRows ?? 0n;
}

async function reasonOfRefusal(db: Kysely<Tables>, intent: Intent): Promise<Kind | undefined> {
  const { recorded, held, unsettled, stopped } = conditions(intent);
  const { rows } = await sql<{ kind: Kind | null }>`
    select case when ${unsettled} then 'unsettled' when ${held} then 'held' when ${stopped} then 'stopped'
      when ${recorded} then 'recorded' end as kind
  `.execute(db);
  return rows[0]?.kind ?? undefined;
}

function conditions(intent: Intent) {
  const sentByThisCall = sql`
    sent.workflow_id = ${intent.workflowId} and sent.run_id = ${intent.runId}
      and sent.activity_id = ${intent.activityId} and sent.phase = 'intent'`;
  return {
    recorded: sql`exists (
      select 1 from receipts as sent
      where ${sentByThisCall} and sent.step = ${intent.step} and sent.attempt = ${intent.attempt})`,
    held: sql`exists (select 1 from holds where ${libsqlForms.isOneOf('subject', intent.holdSubjects)})`,
    stopped: sql`exists (select 1 from stops where lifted_at is null)`,
    // Only an earlier attempt that certainly changed nothing lets this one through: one that succeeded may have lost
    // its worker before Temporal learned of it. An intent of the same or a later attempt means that Temporal restarted
    // the count of attempts, because the activity was reset, or that this attempt was frozen and resumed too late.
    unsettled: sql`(${intent.refuseUnsettled} and exists (
      select 1 from receipts as sent
      where ${sentByThisCall} and (sent.attempt >= ${intent.attempt} or not exists (
        select 1 from receipts as answered
        where answered.workflow_id = sent.workflow_id and answered.run_id = sent.run_id
          and answered.activity_id = sent.activity_id and answered.seq = sent.seq and answered.step = sent.step
          and answered.phase = 'outcome' and answered.round = sent.round and answered.attempt = sent.attempt
          and answered.outcome = 'failed'))))`,
  };
}
