import { sql } from 'kysely';
import type { Insertable, Selectable } from 'kysely';
import type { CompensationLine } from '../policy/offboard-result';
import type { HoldLedger } from './holds';
import {
  addHold,
  isHeld,
  listHolds,
  removeHolds,
  compareHolds,
  countUnknownHolds,
  holdsNaming,
  liftHolds,
  readHoldLog,
  readHolds,
  setHolds,
} from './holds';
import type { Ledger, RunEnd, Stop, PolicyChange, WorkersPolicy } from './ledger';
import { digestOfRules } from './log/contents';
import { enqueue } from './log/queue';
import { readHistory, readReceipts, recordIntent, recordOutcome } from './receipts';
import { guardedBy } from './sql-calls';
import type { CallLimits } from './sql-calls';
import type { LedgerDatabase } from './store';
import type { Tables } from './tables';
import { requireHashes, storable, storableOrNull } from './values';

/** Creates a ledger over an open database whose schema is up to date. Each call ends within `deadlineMs`. */
export function createSqlLedger(database: LedgerDatabase, deadlineMs: number): Ledger {
  let closed = false;
  const guarded = guardedBy(database, { deadlineMs, isClosed: () => closed });
  return {
    recordIntent: guarded(recordIntent),
    recordOutcome: guarded(recordOutcome),
    recordEnd: guarded(recordEnd),
    readReceipts: guarded(readReceipts),
    readCompensations: guarded(readCompensations),
    readHistory: guarded(readHistory),
    addHold: guarded(addHold),
    isHeld: guarded(isHeld),
    listHolds: guarded(listHolds),
    removeHolds: guarded(removeHolds),
    forbids: guarded(forbids),
    stop: guarded(stop),
    start: guarded(start),
    listStops: guarded(listStops),
    countUsersOfDay: guarded(countUsersOfDay),
    recordPolicy: guarded(recordPolicy),
    listPolicies: guarded(listPolicies),
    close: () => {
      closed = true;
      return database.db.destroy();
    },
  };
}

/** A run ends once, so its settled receipts have no activity and no attempts. */
const NO_ACTIVITY = '';
const ONLY_ATTEMPT = 1;

/** See `Ledger.recordEnd`. */
async function recordEnd({ db }: LedgerDatabase, end: RunEnd): Promise<void> {
  requireHashes('subject', [end.subject]);
  const at = new Date().toISOString();
  await db.transaction().execute(async (transaction) => {
    // One row per statement: a run has few steps, and many rows could exceed the limit on parameters.
    for (const receipt of settledReceipts(end, at)) {
      await transaction
        .insertInto('receipts')
        .values(receipt)
        .onConflict((key) => key.doNothing())
        .execute();
    }
    for (const line of compensationLines(end, at)) {
      await transaction
        .insertInto('compensation_log')
        .values(line)
        .onConflict((key) => key.doNothing())
        .execute();
    }
  });
}

/** See `Ledger.readCompensations`. */
async function readCompensations(
  { db }: LedgerDatabase,
  filter: { workflowId: string; runId?: string },
): Promise<CompensationLine[]> {
  let query = db
    .selectFrom('compensation_log')
    .select(['step', 'outcome', 'remedy', 'evidence'])
    .where('workflow_id', '=', storable(filter.workflowId));
  if (filter.runId !== undefined) query = query.where('run_id', '=', storable(filter.runId));
  return query.orderBy('id').execute();
}

function settledReceipts(end: RunEnd, at: string): Insertable<Tables['receipts']>[] {
  return end.steps.map((step, index) => ({
    workflow_id: storable(end.workflowId),
    run_id: storable(end.runId),
    activity_id: NO_ACTIVITY,
    seq: index,
    step: storable(step.step),
    phase: 'settled',
    attempt: ONLY_ATTEMPT,
    subject: end.subject,
    task: storable(step.task),
    service: storable(step.service ?? serviceOf(step.task)),
    environment: storable(end.environment),
    outcome: step.outcome,
    reason: storableOrNull(step.reason),
    failure_type: step.failureType ?? null,
    status: step.status ?? null,
    code: storableOrNull(step.code),
    request_id: storableOrNull(step.requestId),
    token: storableOrNull(step.token),
    at,
  }));
}

/** A task's name is the service and the provider's operation, separated by a dot. */
function serviceOf(task: string): string {
  return task.split('.', 1)[0] ?? '';
}

function compensationLines(end: RunEnd, at: string): Insertable<Tables['compensation_log']>[] {
  return end.compensations.map((line, index) => ({
    workflow_id: storable(end.workflowId),
    run_id: storable(end.runId),
    position: index,
    environment: storable(end.environment),
    subject: end.subject,
    step: storable(line.step),
    outcome: line.outcome,
    remedy: storable(line.remedy),
    evidence: storable(line.evidence),
    at,
  }));
}

/**
 * See `Ledger.stop`. As when setting a hold, the lock waits for intents in progress in Postgres; libSQL runs one write
 * at a time.
 */
async function stop({ db, store }: LedgerDatabase, { reason, by }: { reason: string; by: string }): Promise<Stop> {
  return db.transaction().execute(async (transaction) => {
    await store.lock(transaction, 'holds');
    const inForce = () => transaction.selectFrom('stops').selectAll().where('lifted_at', 'is', null).executeTakeFirst();
    const earlier = await inForce();
    if (earlier) return toStop(earlier);
    await transaction
      .insertInto('stops')
      .values({ reason: storable(reason), set_by: storable(by), at: new Date().toISOString() })
      .execute();
    const row = await inForce();
    if (!row) throw new Error('The stop that was just written is not in force.');
    return toStop(row);
  });
}

/** See `Ledger.start`. */
async function start({ db }: LedgerDatabase, { by }: { by: string }): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('stops')
    .set({ lifted_by: storable(by), lifted_at: new Date().toISOString() })
    .where('lifted_at', 'is', null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** See `Ledger.listStops`. */
export async function listStops({ db }: LedgerDatabase): Promise<Stop[]> {
  const rows = await db.selectFrom('stops').selectAll().orderBy('number', 'desc').execute();
  return rows.map(toStop);
}

/** See `Ledger.forbids`. */
async function forbids(
  { db, store }: LedgerDatabase,
  subjects: readonly string[],
): Promise<'held' | 'stopped' | undefined> {
  requireHashes('subjects', subjects);
  const { rows } = await sql<{ what: 'held' | 'stopped' | null }>`
    select case
      when exists (select 1 from holds where ${store.isOneOf('subject', subjects)}) then 'held'
      when exists (select 1 from stops where lifted_at is null) then 'stopped'
    end as what`.execute(db);
  return rows[0]?.what ?? undefined;
}

function toStop(row: Selectable<Tables['stops']>): Stop {
  return {
    reason: row.reason,
    by: row.set_by,
    at: new Date(row.at).toISOString(),
    ...(row.lifted_by !== null && { liftedBy: row.lifted_by }),
    ...(row.lifted_at !== null && { liftedAt: new Date(row.lifted_at).toISOString() }),
  };
}

/** See `Ledger.countUsersOfDay`. */
async function countUsersOfDay({ db }: LedgerDatabase, day: string): Promise<number> {
  const row = await db.selectFrom('policy_days').select('users').where('day', '=', day).executeTakeFirst();
  return row?.users ?? 0;
}

/** See `Ledger.recordPolicy`. Two workers that start at the same time may both write it. */
async function recordPolicy(
  { db }: LedgerDatabase,
  { namespace, taskQueue, digest, rules, worker }: WorkersPolicy,
): Promise<boolean> {
  const last = await db
    .selectFrom('policy_log')
    .select('digest')
    .where('namespace', '=', storable(namespace))
    .where('task_queue', '=', storable(taskQueue))
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if ((last?.digest ?? undefined) === digest) return false;
  const at = new Date().toISOString();
  await db.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('policy_log')
      .values({
        namespace: storable(namespace),
        task_queue: storable(taskQueue),
        digest: digest ?? null,
        rules: storableOrNull(rules),
        worker: storable(worker),
        at,
      })
      .execute();
    const content = {
      namespace: storable(namespace),
      taskQueue: storable(taskQueue),
      digest: digest ?? null,
      rules: digestOfRules(storableOrNull(rules)),
      worker: storable(worker),
      at,
    };
    await enqueue(transaction, { kind: 'policy', ref: digest ?? '', content });
  });
  return true;
}

/** See `Ledger.listPolicies`. */
async function listPolicies({ db }: LedgerDatabase, { limit }: { limit: number }): Promise<PolicyChange[]> {
  const rows = await db.selectFrom('policy_log').selectAll().orderBy('id', 'desc').limit(limit).execute();
  return rows.map((row) => ({
    namespace: row.namespace,
    taskQueue: row.task_queue,
    ...(row.digest !== null && { digest: row.digest }),
    ...(row.rules !== null && { rules: row.rules }),
    worker: row.worker,
    at: new Date(row.at).toISOString(),
  }));
}

/**
 * Creates the holds part of a ledger over an open database whose schema is up to date. Each call ends within
 * `deadlineMs`.
 */
export function createSqlHoldLedger(database: LedgerDatabase, limits: CallLimits): HoldLedger {
  const guarded = guardedBy(database, limits);
  return {
    set: guarded(setHolds),
    compare: guarded(compareHolds),
    naming: guarded(holdsNaming),
    list: guarded(readHolds),
    lift: guarded(liftHolds),
    readLog: guarded(readHoldLog),
    countUnknown: guarded(countUnknownHolds),
  };
}
