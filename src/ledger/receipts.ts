import { sql } from 'kysely';
import type { Selectable } from 'kysely';
import type { CallOutcome, Intent, IntentResult, Receipt, ReceiptFilter, SubjectHistory } from './ledger';
import type { LedgerDatabase } from './store';
import type { Tables } from './tables';
import { requireHashes, storable, storableOrNull, valuesOf } from './values';

/** See `Ledger.recordIntent`. */
export async function recordIntent({ db, store }: LedgerDatabase, intent: Intent): Promise<IntentResult> {
  requireHashes('subjects', intent.subjects);
  requireHashes('holdSubjects', intent.holdSubjects);
  const kind = await store.recordIntent(db, {
    ...intent,
    workflowId: storable(intent.workflowId),
    runId: storable(intent.runId),
    activityId: storable(intent.activityId),
    step: storable(intent.step),
    task: storable(intent.task),
    service: storable(intent.service),
    environment: storable(intent.environment),
    ...(intent.keySlot !== undefined && { keySlot: storable(intent.keySlot) }),
    subjects: intent.subjects.length > 0 ? intent.subjects : [''],
  });
  return { kind };
}

/** See `Ledger.recordOutcome`. */
export async function recordOutcome({ db, store }: LedgerDatabase, outcome: CallOutcome): Promise<void> {
  requireHashes('subjects', outcome.subjects);
  requireHashes('items', outcome.items ?? []);
  const subjects = outcome.subjects.length > 0 ? outcome.subjects : [''];
  const items = outcome.items === undefined ? null : JSON.stringify(outcome.items);
  // The casts give Postgres the types of parameters that it could not infer.
  await sql`
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service,
      environment, key_slot, outcome, failure_type, status, code, request_id, token, items, at)
    select ${storable(outcome.workflowId)}, ${storable(outcome.runId)}, ${storable(outcome.activityId)}, list.seq,
      ${storable(outcome.step)}, 'outcome', cast(${outcome.attempt} as integer), list.value, ${storable(outcome.task)},
      ${storable(outcome.service)}, ${storable(outcome.environment)}, ${storableOrNull(outcome.keySlot)},
      ${outcome.outcome}, ${outcome.failureType ?? null}, cast(${outcome.status ?? null} as integer),
      ${storableOrNull(outcome.code)}, ${storableOrNull(outcome.requestId)}, ${storableOrNull(outcome.token)}, ${items},
      ${store.instant(new Date().toISOString())}
    from ${store.rowsOf(subjects)} as list
    where true
    on conflict do nothing`.execute(db);
}

/** See `Ledger.readReceipts`. */
export async function readReceipts(database: LedgerDatabase, filter: ReceiptFilter): Promise<Receipt[]> {
  if ('subjects' in filter) return (await readAbout(database, filter.subjects)).map(toReceipt);
  const ofWorkflow = database.db
    .selectFrom('receipts')
    .selectAll()
    .where('workflow_id', '=', storable(filter.workflowId))
    .orderBy('id');
  const wanted =
    filter.runId === undefined
      ? ofWorkflow.where('run_id', '<>', '')
      : ofWorkflow.where('run_id', '=', storable(filter.runId));
  return (await wanted.execute()).map(toReceipt);
}

/** A receipt as stored in the database. */
export type ReceiptRow = Selectable<Tables['receipts']>;

/**
 * Returns the receipts about users, each reached by the key of its run or of its user in a sweep. A sweep's receipts
 * have no run, so the user's number takes the run's place.
 */
async function readAbout({ db, store }: LedgerDatabase, subjects: readonly string[]): Promise<ReceiptRow[]> {
  requireHashes('subjects', subjects);
  const named = store.isOneOf('subject', subjects);
  const { rows } = await sql<ReceiptRow>`
    select r.* from (select distinct workflow_id, run_id from receipts where ${named} and run_id <> '') as o
      cross join receipts as r where r.workflow_id = o.workflow_id and r.run_id = o.run_id
    union all
    select r.* from (select distinct workflow_id, seq from receipts where ${named} and run_id = '') as o
      cross join receipts as r
      where r.workflow_id = o.workflow_id and r.run_id = '' and r.activity_id = '' and r.seq = o.seq`.execute(db);
  return rows.sort((a, b) => Number(a.id) - Number(b.id));
}

/** See `Ledger.readHistory`. */
export async function readHistory({ db, store }: LedgerDatabase, subjects: readonly string[]): Promise<SubjectHistory> {
  requireHashes('subjects', subjects);
  const rows = await db
    .selectFrom('receipts')
    .select(['step', 'items'])
    .distinct()
    .where('subject', 'in', valuesOf(store, subjects))
    .where('phase', 'in', ['outcome', 'settled'])
    // A receipt with items, even an empty list, is a successful read: the provider knew the user.
    .where((eb) => eb.or([eb('outcome', 'in', ['removed', 'alreadyGone', 'accepted']), eb('items', 'is not', null)]))
    .execute();
  const steps = new Set(rows.map((row) => row.step));
  const items = new Set(rows.flatMap((row) => (row.items === null ? [] : (JSON.parse(row.items) as string[]))));
  return { steps: [...steps].sort(), items: [...items].sort() };
}

/** Converts a row to the receipt that the ledger returns. */
export function toReceipt(row: ReceiptRow): Receipt {
  return {
    id: Number(row.id),
    workflowId: row.workflow_id,
    runId: row.run_id,
    activityId: row.activity_id,
    phase: row.phase,
    round: row.round,
    attempt: row.attempt,
    seq: row.seq,
    subject: row.subject,
    step: row.step,
    task: row.task,
    service: row.service,
    environment: row.environment,
    ...(row.key_slot !== null && { keySlot: row.key_slot }),
    ...(row.outcome !== null && { outcome: row.outcome }),
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.failure_type !== null && { failureType: row.failure_type }),
    ...(row.status !== null && { status: row.status }),
    ...(row.code !== null && { code: row.code }),
    ...(row.request_id !== null && { requestId: row.request_id }),
    ...(row.token !== null && { token: row.token }),
    ...(row.items !== null && { items: JSON.parse(row.items) as string[] }),
    at: new Date(row.at).toISOString(),
  };
}
