import { sql } from 'kysely';
import type { Intent, IntentResult } from './ledger';
import { databaseCode } from './sql-failure';
import type { LedgerDatabase } from './tables';
import { requireHashes, rowsOf, storable, storableOrNull, valuesOf } from './values';

type Kind = IntentResult['kind'];

/** The SQLSTATE of `ledger_refuse_when_stopped`. */
const STOPPED = 'HT006';

/** See `Ledger.recordIntent`. */
export async function recordIntent(database: LedgerDatabase, intent: Intent): Promise<IntentResult> {
  requireHashes('subjects', intent.subjects);
  requireHashes('holdSubjects', intent.holdSubjects);
  const storableIntent = {
    ...intent,
    workflowId: storable(intent.workflowId),
    runId: storable(intent.runId),
    activityId: storable(intent.activityId),
    step: storable(intent.step),
    subjects: intent.subjects.length > 0 ? intent.subjects : [''],
  };
  const kind =
    database.dialect === 'postgres'
      ? await recordInPostgres(database, storableIntent)
      : await recordInLibsql(database, storableIntent);
  return { kind };
}

/** Calls the functions that migrations/0002-holds.ts and 0008-guards-postgres.ts create and describe. */
async function recordInPostgres(database: LedgerDatabase, intent: Intent): Promise<Kind> {
  try {
    return await callRecordIntent(database, intent);
  } catch (error) {
    if (databaseCode(error) === STOPPED) return 'stopped';
    throw error;
  }
}

async function callRecordIntent({ db }: LedgerDatabase, intent: Intent): Promise<Kind> {
  const { rows } = await sql<{ kind: Kind }>`
    select ledger_record_intent(
      ${intent.workflowId}, ${intent.runId}, ${intent.activityId}, ${intent.step}, ${intent.attempt},
      ${storable(intent.task)}, ${storable(intent.service)}, ${storable(intent.environment)},
      ${storableOrNull(intent.keySlot)}, ${intent.subjects}, ${intent.holdSubjects}, ${intent.refuseUnsettled},
      ${new Date().toISOString()}
    ) as kind`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('ledger_record_intent returned no row.');
  return row.kind;
}

/**
 * Checks and inserts in one statement, which is atomic because libSQL runs one write at a time across all processes.
 * Reads the reason only if nothing was written; if a hold was lifted in between there is none, and the insert is
 * retried.
 */
async function recordInLibsql(database: LedgerDatabase, intent: Intent): Promise<Kind> {
  for (;;) {
    if ((await insertUnlessRefused(database, intent)) > 0n) return 'recorded';
    const reason = await reasonOfRefusal(database, intent);
    if (reason !== undefined) return reason;
  }
}

async function insertUnlessRefused({ db }: LedgerDatabase, intent: Intent): Promise<bigint> {
  const { held, unsettled, stopped } = conditions(intent);
  const result = await sql`
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service,
      environment, key_slot, at)
    select ${intent.workflowId}, ${intent.runId}, ${intent.activityId}, list.seq, ${intent.step}, 'intent',
      ${intent.attempt}, list.value, ${storable(intent.task)}, ${storable(intent.service)},
      ${storable(intent.environment)}, ${storableOrNull(intent.keySlot)}, ${new Date().toISOString()}
    from ${rowsOf('libsql', intent.subjects)} as list
    where not ${held} and not ${unsettled} and not ${stopped}
    on conflict do nothing`.execute(db);
  return result.numAffectedRows ?? 0n;
}

async function reasonOfRefusal({ db }: LedgerDatabase, intent: Intent): Promise<Kind | undefined> {
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
    held: sql`exists (select 1 from holds where subject in ${valuesOf('libsql', intent.holdSubjects)})`,
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
