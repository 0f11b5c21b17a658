import { sql } from 'kysely';
import type { Intent, IntentResult } from './ledger';
import { databaseCode } from './sql-failure';
import type { LedgerDatabase } from './tables';
import { requireHashes, rowsOf, storable, storableOrNull, valuesOf } from './values';

type Kind = IntentResult['kind'];

/** The SQLSTATE of `ledger_refuse_when_stopped`. */
const STOPPED = 'HT006';

/** The SQLSTATE of `ledger_policy_intent`. */
const DAY_IS_FULL = 'HT008';

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
    if (databaseCode(error) === DAY_IS_FULL) return 'dayIsFull';
    throw error;
  }
}

/** The code with which a trigger of libSQL refuses. */
const LIBSQL_REFUSED = 'SQLITE_CONSTRAINT_TRIGGER';

/** How the writes of migrations/0018-policy.ts know what is counted. */
const COUNTS = { run: 1, ids: 2 } as const;

async function callRecordIntent({ db }: LedgerDatabase, intent: Intent): Promise<Kind> {
  const { daily } = intent;
  const values = sql`
      ${intent.workflowId}, ${intent.runId}, ${intent.activityId}, ${intent.step}, ${intent.attempt},
      ${storable(intent.task)}, ${storable(intent.service)}, ${storable(intent.environment)},
      ${storableOrNull(intent.keySlot)}, ${intent.subjects}, ${intent.holdSubjects}, ${intent.refuseUnsettled},
      ${new Date().toISOString()}`;
  const call = daily
    ? sql`ledger_policy_intent(${values}, ${daily.day}, ${daily.mostUsers}, ${COUNTS[daily.counts]})`
    : sql`ledger_record_intent(${values})`;
  const { rows } = await sql<{ kind: Kind }>`select ${call} as kind`.execute(db);
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
  if (intent.daily) return recordCounted(database, intent, intent.daily);
  for (;;) {
    if ((await insertUnlessRefused(database, intent)) > 0n) return 'recorded';
    const reason = await reasonOfRefusal(database, intent);
    if (reason !== undefined) return reason;
  }
}

/**
 * Like {@link recordInLibsql}. The write refuses as a whole, and libSQL does not report why; without a reason the day is full,
 * unless the reason is gone by then, which a second try shows.
 */
async function recordCounted(
  database: LedgerDatabase,
  intent: Intent,
  { day, mostUsers, counts }: NonNullable<Intent['daily']>,
): Promise<Kind> {
  const values = sql.join([
    intent.workflowId,
    intent.runId,
    intent.activityId,
    intent.step,
    intent.attempt,
    storable(intent.task),
    storable(intent.service),
    storable(intent.environment),
    storableOrNull(intent.keySlot),
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
      await write.execute(database.db);
      return 'recorded';
    } catch (error) {
      if (databaseCode(error) !== LIBSQL_REFUSED) throw error;
      const reason = await reasonOfRefusal(database, intent);
      if (reason !== undefined) return reason;
      if (tries === 2) return 'dayIsFull';
    }
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
