import { randomUUID } from 'node:crypto';
import type { ExpressionBuilder, Insertable, Kysely, Selectable, Transaction } from 'kysely';
import { dueDate, isRequest } from '../../policy/legal-clock';
import { LAWS, readDay } from '../../policy/request-claims';
import type { DueCalendar, RequestFacts } from '../../policy/legal-clock';
import { setHolds } from '../holds';
import type { HoldEnvironments } from '../ledger';
import type { SweepKeys } from '../sweeps/sweep-key';
import type { LedgerDatabase } from '../store';
import type { Tables } from '../tables';
import { requireHashes, storable, storableOrNull } from '../values';
import { RequestConflictError } from './request-ledger';
import type {
  Decision,
  NewRequest,
  RegisteredRequest,
  RegisterState,
  RequestFilter,
  RequestPlace,
  SweepRequests,
} from './request-ledger';

/** A ledger's database with the keys that encrypt references. */
export interface RequestContext extends LedgerDatabase {
  keys: SweepKeys;
}

/** `seq` of a request that is not about one user of a sweep. */
export const WHOLE = -1;

/** `first_run` of a request for which nothing was started; no run has this ID. */
const RECORDED = '-';

type Row = Selectable<Tables['requests']>;

/** Returns a place for a request for which nothing is started. */
export function recordedPlace(): RequestPlace {
  return { workflowId: randomUUID(), firstRun: RECORDED };
}

/** See `RequestLedger.record`. */
export async function record(context: RequestContext, request: NewRequest): Promise<RegisteredRequest | undefined> {
  requireHashes('subjects', request.subjects);
  return context.db.transaction().execute(async (transaction) => {
    const known = await rowAt(transaction, request);
    if (known) return toRequest(context, known);
    const same = await sameRequest(transaction, request);
    if (same) await moveTo(transaction, same.id, { ...request, seq: WHOLE });
    else if (isRequest(request.facts))
      await transaction
        .insertInto('requests')
        .values(newRow(context, request, WHOLE))
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    const row = await rowAt(transaction, request);
    return row && toRequest(context, row);
  });
}

function rowAt(db: Kysely<Tables>, { workflowId, firstRun }: RequestPlace): Promise<Row | undefined> {
  return db
    .selectFrom('requests')
    .selectAll()
    .where('workflow_id', '=', storable(workflowId))
    .where('first_run', '=', firstRun)
    .where('seq', '=', WHOLE)
    .executeTakeFirst();
}

async function sameRequest(db: Kysely<Tables>, request: NewRequest): Promise<Row | undefined> {
  if (request.redriveOf !== undefined) return rowAt(db, { workflowId: request.redriveOf, firstRun: '' });
  const receivedAt = receivedMoment(request.facts);
  if (receivedAt === null || request.subjects.length === 0) return undefined;
  const open = await openReceivedAt(db, [receivedAt]);
  return open.find(({ subjects }) => haveCommon(JSON.parse(subjects) as string[], request.subjects));
}

/** Reads the open requests about users that were received at one of these moments. */
export function openReceivedAt(db: Kysely<Tables>, moments: readonly string[]): Promise<Row[]> {
  return db
    .selectFrom('requests')
    .selectAll()
    .where('done', '=', 0)
    .where('refused_at', 'is', null)
    .where('received_at', 'in', [...moments])
    .where('subjects', '<>', '[]')
    .orderBy('id')
    .execute();
}

function haveCommon(some: readonly string[], others: readonly string[]): boolean {
  return some.some((one) => others.includes(one));
}

/** Has a request belong to another run, sweep or user of a sweep, which has not ended. */
export async function moveTo(
  db: Kysely<Tables>,
  id: number,
  { workflowId, firstRun, seq }: RequestPlace & { seq: number },
): Promise<void> {
  await db
    .updateTable('requests')
    .set({ workflow_id: storable(workflowId), first_run: firstRun, seq, outcome: null, ended_at: null })
    .where('id', '=', id)
    .execute();
}

/** Returns the row of a new request. */
export function newRow(
  { keys }: Pick<RequestContext, 'keys'>,
  { workflowId, firstRun, facts, subjects, environments, reference, reason }: NewRequest,
  seq: number,
): Insertable<Tables['requests']> {
  return {
    workflow_id: storable(workflowId),
    first_run: firstRun,
    seq,
    subjects: JSON.stringify(subjects),
    environments: storable(JSON.stringify(environments)),
    reference: reference === undefined ? null : keys.encryptLabel(boundTo(subjects), reference),
    law: facts.law ?? 'none',
    received_at: receivedMoment(facts),
    received_as: storableOrNull(facts.receivedAt),
    due_at: facts.dueAt ?? null,
    requested_by: storableOrNull(facts.requestedBy),
    reason: reason ?? null,
    recorded_at: new Date().toISOString(),
  };
}

function boundTo(subjects: readonly string[]): readonly unknown[] {
  return ['request', subjects[0] ?? ''];
}

/** Returns the moment of receipt as it is stored. */
export function receivedMoment({ receivedAt }: Pick<RequestFacts, 'receivedAt'>): string | null {
  const read = receivedAt === undefined ? undefined : readDay(receivedAt);
  return read ? new Date(read.atMs).toISOString() : null;
}

/** See `RequestLedger.end`. */
export async function end(
  { db }: RequestContext,
  { workflowId, firstRun, outcome }: RequestPlace & { outcome: string },
): Promise<void> {
  await db
    .updateTable('requests')
    .set({ outcome, ended_at: new Date().toISOString(), done: outcome === 'completed' ? 1 : 0 })
    .where('workflow_id', '=', storable(workflowId))
    .where('first_run', '=', firstRun)
    .where('seq', '=', WHOLE)
    .where('done', '=', 0)
    .execute();
}

/** See `RequestLedger.ofSweep`. */
export async function ofSweep({ db }: RequestContext, sweepId: string): Promise<SweepRequests> {
  const row = await db
    .selectFrom('requests')
    .select((eb) => [
      eb.fn
        .sum<number | string | null>(eb.case().when('seq', '>=', 0).then(eb.lit(1)).else(eb.lit(0)).end())
        .as('users'),
      eb.fn.min('received_at').as('received'),
      eb.fn.min('due_at').as('due'),
    ])
    .where('workflow_id', '=', storable(sweepId))
    .where('first_run', '=', '')
    .where('done', '=', 0)
    .where('refused_at', 'is', null)
    .executeTakeFirstOrThrow();
  return {
    users: Number(row.users ?? 0),
    ...(row.received !== null && { receivedAt: iso(row.received) }),
    ...(row.due !== null && { dueAt: iso(row.due) }),
  };
}

/** See `RequestLedger.recordRunAbout`. */
export async function recordRunAbout(
  { db }: RequestContext,
  { workflowId, runId, about }: { workflowId: string; runId: string; about: string },
): Promise<void> {
  await db
    .insertInto('run_about')
    .values({ workflow_id: storable(workflowId), run_id: storable(runId), about: storable(about) })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** See `RequestLedger.list`. */
export async function list(
  context: RequestContext,
  { open = false, dueBefore, afterId, limit }: RequestFilter,
): Promise<RegisteredRequest[]> {
  let query = context.db.selectFrom('requests').selectAll().where('id', '>', afterId);
  if (open) query = query.where('done', '=', 0).where('refused_at', 'is', null);
  if (dueBefore) query = query.where('due_at', '<', dueBefore.toISOString());
  const rows = await query.orderBy('id').limit(limit).execute();
  return rows.map((row) => toRequest(context, row));
}

/** See `RequestLedger.find`. */
export async function find(context: RequestContext, id: number): Promise<RegisteredRequest | undefined> {
  const row = await rowOf(context.db, id);
  return row && toRequest(context, row);
}

/** See `RequestLedger.findOf`. */
export async function findOf(context: RequestContext, place: RequestPlace): Promise<RegisteredRequest | undefined> {
  const row = await rowAt(context.db, place);
  return row && toRequest(context, row);
}

function rowOf(db: Kysely<Tables>, id: number): Promise<Row | undefined> {
  return db.selectFrom('requests').selectAll().where('id', '=', id).executeTakeFirst();
}

/** See `RequestLedger.extend`. */
export async function extend(
  context: RequestContext,
  { id, by, reason, now, holidays, timeZone }: Decision & DueCalendar,
): Promise<RegisteredRequest> {
  return context.db.transaction().execute(async (transaction) => {
    const row = await openRow(transaction, id);
    if (row.extended_at !== null)
      throw new RequestConflictError(`Request ${id} is extended already; its law allows one extension.`);
    const request = toRequest(context, row);
    const due =
      request.receivedAt === undefined
        ? undefined
        : dueDate({ law: request.law, receivedAt: request.receivedAt }, { extended: true, holidays, timeZone });
    if (!due) throw new RequestConflictError(`Request ${id} is under no law that allows an extension.`);
    if (request.dueAt !== undefined && now.getTime() > Date.parse(request.dueAt))
      throw new RequestConflictError(
        `Request ${id} was due at ${request.dueAt}, so it can no longer be extended: the person must learn of it before that.`,
      );
    await transaction
      .updateTable('requests')
      .set({
        due_at: due.toISOString(),
        extended_at: now.toISOString(),
        extended_by: storable(by),
        extension_reason: storable(reason),
      })
      .where('id', '=', id)
      .where('extended_at', 'is', null)
      .execute();
    const changed = await openRow(transaction, id);
    return toRequest(context, changed);
  });
}

/** See `RequestLedger.refuse`. The hold comes first: a request is never refused and still carried out. */
export async function refuse(
  context: RequestContext,
  { id, by, reason, now }: Decision,
): Promise<RegisteredRequest & { holdId: string }> {
  const row = await openRow(context.db, id);
  const subjects = JSON.parse(row.subjects) as string[];
  if (subjects.length === 0)
    throw new RequestConflictError(`Request ${id} is about a whole sweep; cancel the sweep instead.`);
  const holdId = `refused-request-${id}`;
  const environments = JSON.parse(row.environments) as HoldEnvironments;
  await setHolds(context, [{ holdId, subjects, environments, by, reason: `request ${id} was refused` }]);
  await context.db
    .updateTable('requests')
    .set({ refused_at: now.toISOString(), refused_by: storable(by), refusal_reason: storable(reason) })
    .where('id', '=', id)
    .where('refused_at', 'is', null)
    .execute();
  const changed = await rowOf(context.db, id);
  if (!changed) throw unknown(id);
  return { ...toRequest(context, changed), holdId };
}

async function openRow(db: Kysely<Tables> | Transaction<Tables>, id: number): Promise<Row> {
  const row = await rowOf(db, id);
  if (!row) throw unknown(id);
  if (row.done === 1)
    throw new RequestConflictError(
      `Request ${id} was carried out (${row.outcome ?? 'completed'}), so it can no longer be extended or refused.`,
    );
  if (row.refused_at !== null) throw new RequestConflictError(`Request ${id} was refused at ${iso(row.refused_at)}.`);
  return row;
}

function unknown(id: number): RequestConflictError {
  return new RequestConflictError(`The register has no request ${id}; http-tasks register lists them.`);
}

/** See `RequestLedger.state`. */
export async function state(
  { db }: RequestContext,
  { now, soonMs }: { now: Date; soonMs: number },
): Promise<RegisterState> {
  const [at, soon] = [now.toISOString(), new Date(now.getTime() + soonMs).toISOString()];
  const row = await db
    .selectFrom('requests')
    .select((eb) => [
      eb.fn.countAll<number | string>().as('open'),
      countWhen(eb, 'overdue', (when) => when('due_at', '<', at)),
      countWhen(eb, 'soon', (when) => when.and([when('due_at', '>=', at), when('due_at', '<', soon)])),
      eb.fn.min(eb.case().when('due_at', '>=', at).then(eb.ref('due_at')).end()).as('next'),
    ])
    .where('done', '=', 0)
    .where('refused_at', 'is', null)
    .executeTakeFirstOrThrow();
  return {
    open: Number(row.open),
    overdue: Number(row.overdue ?? 0),
    dueSoon: Number(row.soon ?? 0),
    ...(row.next !== null && { nextDueAt: iso(row.next) }),
  };
}

type RequestsBuilder = ExpressionBuilder<Tables, 'requests'>;

function countWhen<Name extends string>(
  eb: RequestsBuilder,
  name: Name,
  condition: (eb: RequestsBuilder) => ReturnType<RequestsBuilder['and']>,
) {
  return eb.fn
    .sum<number | string | null>(eb.case().when(condition(eb)).then(eb.lit(1)).else(eb.lit(0)).end())
    .as(name);
}

/** See `RequestLedger.purge`. */
export async function purge({ db, store }: RequestContext, before: Date): Promise<number> {
  const at = before.toISOString();
  const { numDeletedRows } = await db
    .deleteFrom('requests')
    .where((eb) => eb.or([eb.and([eb('done', '=', 1), eb('ended_at', '<', at)]), eb('refused_at', '<', at)]))
    .executeTakeFirst();
  // Also of what a purge deleted that was interrupted before this.
  await store.eraseOldVersions(db);
  return Number(numDeletedRows);
}

function toRequest({ keys }: Pick<RequestContext, 'keys'>, row: Row): RegisteredRequest {
  const subjects = JSON.parse(row.subjects) as string[];
  const kind = kindOf(row);
  return {
    id: Number(row.id),
    kind,
    ...(kind !== 'recorded' && { workflowId: row.workflow_id }),
    ...(row.seq !== WHOLE && { seq: row.seq }),
    ...(subjects[0] !== undefined && { subject: subjects[0] }),
    ...(row.reference !== null && { reference: keys.decryptLabel(boundTo(subjects), row.reference) }),
    law: LAWS.find((law) => law === row.law) ?? 'none',
    ...(row.received_as !== null && { receivedAt: row.received_as }),
    ...(row.due_at !== null && { dueAt: iso(row.due_at) }),
    ...(row.requested_by !== null && { requestedBy: row.requested_by }),
    ...(row.reason !== null && { reason: row.reason }),
    recordedAt: iso(row.recorded_at),
    ...decision('extended', row.extended_at, row.extended_by, row.extension_reason),
    ...decision('refused', row.refused_at, row.refused_by, row.refusal_reason),
    ...(row.outcome !== null && { outcome: row.outcome }),
    ...(row.ended_at !== null && { endedAt: iso(row.ended_at) }),
    done: row.done === 1,
  };
}

function kindOf({ first_run: firstRun, seq }: Row): RegisteredRequest['kind'] {
  if (seq !== WHOLE) return 'user';
  if (firstRun === RECORDED) return 'recorded';
  return firstRun === '' ? 'sweep' : 'run';
}

function decision<Name extends 'extended' | 'refused'>(
  name: Name,
  at: string | Date | null,
  by: string | null,
  reason: string | null,
): Pick<RegisteredRequest, Name> | Record<never, never> {
  return at === null ? {} : { [name]: { at: iso(at), by: by ?? '', reason: reason ?? '' } };
}

function iso(at: string | Date): string {
  return new Date(at).toISOString();
}
