import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { RawBuilder, SqlBool } from 'kysely';
import { OUTCOMES, rankOf, worstOutcome } from '../../policy/outcome';
import { requireHashes, storable, storableOrNull } from '../values';
import { keyOf, numberOf, openedOrRefused, openerValues, orRefused } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepBarredError, SweepFencedError, SweepSealedError } from './sweep-errors';
import { MOST_USERS_IN_A_WAVE, WAITS_FOR_PERSON, MOST_USERS_IN_A_BULK_CALL } from './sweep-types';
import type {
  DeferredUser,
  FlushWave,
  OpenUser,
  OpenWave,
  SettledUser,
  StepReceipt,
  ChunkFence,
  BulkUser,
  OpenBulk,
  OpenedForBulk,
  RecordBulk,
} from './sweep-types';
import { dropSettled, saveDeferred } from './target-progress';

/** See `SweepLedger.openWave`. */
export async function openWave(context: SweepContext, wave: OpenWave): Promise<OpenUser[]> {
  requireAtMost('limit', wave.limit, MOST_USERS_IN_A_WAVE);
  // The key comes first, so that nothing is recorded for users whose IDs cannot be read.
  const key = await keyOf(context, wave.sweepId);
  const sweep = await numberOf(context, wave.sweepId);
  const { daily, range } = wave;
  const opening = context.store.openWave(context.db, {
    sweep,
    sweep_id: storable(wave.sweepId),
    chunk_id: storable(wave.chunkId),
    fence: wave.fence,
    wave: wave.wave,
    first: range.from,
    last: range.to,
    most: wave.limit,
    at: new Date().toISOString(),
    ...openerValues(wave),
    ...(daily && { day: daily.day, most_users: daily.mostUsers }),
  });
  const rows = await openedOrRefused(context, opening, wave);
  if (rows.length === 0 && wave.daily && (await someoneIsLeft(context, sweep, wave)))
    throw new SweepBarredError(wave.sweepId, 'dayIsFull');
  return rows
    .sort((a, b) => Number(isInterrupted(b)) - Number(isInterrupted(a)) || a.seq - b.seq)
    .map((row) => ({
      seq: row.seq,
      round: row.round,
      user: key.decryptUser(row.seq, row.ids),
      subjects: JSON.parse(row.subjects) as string[],
      unsettled: isInterrupted(row),
      ...(row.unsettled > HELD && { held: true }),
    }));
}

/** Whether a user could be begun if there were a place for it on this day. Read after nothing was opened. */
async function someoneIsLeft({ db }: SweepContext, sweep: number, { range }: OpenWave): Promise<boolean> {
  const row = await db
    .selectFrom('targets')
    .select('seq')
    .where('sweep', '=', sweep)
    .where('seq', '>=', range.from)
    .where('seq', '<=', range.to)
    .where('state', '=', 'pending')
    .where('intent_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** See `SweepLedger.flushWave`. */
export async function flushWave(context: SweepContext, flush: FlushWave): Promise<void> {
  requireAtMost('users', flush.users.length, MOST_USERS_IN_A_WAVE);
  const sweep = await numberOf(context, flush.sweepId);
  const { receipts, kinds } = flushedReceipts(flush.users);
  const values = {
    sweep,
    sweep_id: storable(flush.sweepId),
    chunk_id: storable(flush.chunkId),
    fence: flush.fence,
    users: JSON.stringify(flush.users.map(userValues)),
    receipts: JSON.stringify(receipts),
    kinds,
    queue: JSON.stringify(flush.users.flatMap(queueValues)),
    at: new Date().toISOString(),
  };
  await saveDeferred(context, flush);
  const writing = context.store.run(context.db, 'sweep_outcomes', values);
  await orRefused(writing, () => new SweepFencedError(flush.chunkId));
  await dropSettled(context, flush);
}

/**
 * The values of the column `unsettled`: 1 for a user whose attempt may have been interrupted in the middle of a call, 2
 * for one whose calls in doubt are known from the recorded progress. A hold makes both `unknown` rather than `held`, unless
 * there is recorded progress: then they are opened as {@link HELD}.
 */
const UNSETTLED = { none: 0, interrupted: 1, inProgress: 2 } as const;

/** What is added to `unsettled` for a user on hold who is opened all the same. */
const HELD = 2;

function isInterrupted({ unsettled }: { unsettled: number }): boolean {
  return unsettled === UNSETTLED.interrupted || unsettled === UNSETTLED.interrupted + HELD;
}

/** Returns a user's values in the order of migrations/0004-sweep-writes.sql, like the functions below. */
function userValues(user: SettledUser | DeferredUser): unknown[] {
  const { seq, round } = user;
  if (user.kind === 'deferred') {
    const inDoubt = user.progress === undefined ? UNSETTLED.interrupted : UNSETTLED.inProgress;
    const notBefore = user.waitsFor === undefined ? new Date(user.notBefore).toISOString() : WAITS_FOR_PERSON;
    return [seq, round, 'pending', null, 0, notBefore, user.unsettled ? inDoubt : UNSETTLED.none];
  }
  const apps = appsOf(user).length;
  const outcomes = user.receipts.map(({ outcome }) => outcome);
  const worst = worstOutcome(OUTCOMES.filter((outcome) => outcomes.includes(outcome)));
  if (worst === undefined && apps === 0) {
    throw new TypeError(`users: the settled user ${seq} has no receipt with an outcome, so it cannot be counted.`);
  }
  return [seq, round, apps > 0 ? 'bulk' : 'done', worst === undefined ? null : rankOf(worst), apps, null, 0];
}

/**
 * Returns the values of each receipt, and the list of kinds: the values that receipts share, to which each refers by
 * index.
 */
function flushedReceipts(users: FlushWave['users']): { receipts: unknown[]; kinds: string } {
  const places = new Map<string, number>();
  const receipts = users.flatMap((user) => {
    // The final outcome of a step is `settled`; a step that a later round retries has the outcome of one attempt.
    const phaseOf = ({ isRow = true }: StepReceipt): string =>
      user.kind === 'settled' && isRow ? 'settled' : 'outcome';
    const counts = new Map<string, number>();
    return user.receipts.map((receipt) => {
      requireReceiptHashes(receipt);
      // A step with different outcomes for different Items has several receipts, distinguished by this number.
      const attempt = (counts.get(receipt.step) ?? 0) + 1;
      counts.set(receipt.step, attempt);
      const kind = JSON.stringify(kindValues(receipt, phaseOf(receipt), attempt));
      const place = places.get(kind) ?? places.size;
      places.set(kind, place);
      const { requestId, token, items } = receipt;
      const proof = [
        storableOrNull(requestId),
        storableOrNull(token),
        items === undefined ? null : JSON.stringify(items),
      ];
      return [user.seq, user.round, place, receipt.subject, ...proof];
    });
  });
  return { receipts, kinds: `[${[...places.keys()].join()}]` };
}

function kindValues(receipt: StepReceipt, phase: string, attempt: number): unknown[] {
  const { step, task, service, environment, keySlot, outcome, reason, failureType, status, code } = receipt;
  const call = [task, service, environment].map(storable);
  const found = [outcome, storableOrNull(reason), failureType ?? null, status ?? null, storableOrNull(code)];
  return [storable(step), phase, attempt, ...call, storableOrNull(keySlot), ...found];
}

function queueValues(user: SettledUser | DeferredUser): unknown[] {
  return user.kind === 'settled' ? appsOf(user).map((app) => [user.seq, user.round, storable(app)]) : [];
}

function appsOf({ bulkApps = [] }: SettledUser): string[] {
  return [...new Set(bulkApps)];
}

function requireReceiptHashes({ subject, items = [] }: StepReceipt): void {
  if (subject !== '') requireHashes('receipts.subject', [subject]);
  requireHashes('receipts.items', items);
}

/** Throws for a list that would make one statement too long. */
export function requireAtMost(field: string, given: number, most: number): void {
  if (!Number.isInteger(given) || given < 0 || given > most) {
    throw new RangeError(`${field} must be a whole number from 0 to ${most}, and is ${given}.`);
  }
}

/** See `SweepLedger.takeFence`. */
export async function takeFence(context: SweepContext, chunk: { sweepId: string; chunkId: string }): Promise<number> {
  const sweep = await numberOf(context, chunk.sweepId);
  const chunkId = storable(chunk.chunkId);
  const takenBy = randomUUID();
  const taking = context.store.takeFence(context.db, { sweep, chunkId, takenBy });
  const fence = await orRefused(taking, () => new SweepSealedError(chunk.sweepId));
  if (fence === undefined) throw new SweepFencedError(chunk.chunkId);
  return fence;
}

/** See `SweepLedger.voidOtherFences`: all other chunks get the caller's number, which no process holds for them. */
export async function voidOtherFences(context: SweepContext, { sweepId, chunkId, fence }: ChunkFence): Promise<void> {
  const sweep = await numberOf(context, sweepId);
  await context.db
    .updateTable('sweep_chunks')
    .set({ fence, taken_by: '' })
    .where('sweep', '=', sweep)
    .where('chunk_id', '<>', storable(chunkId))
    // A caller that was itself overtaken must not void newer fences.
    .where('fence', '<', fence)
    .execute();
  await confirmFence(context, { sweepId, chunkId, fence });
}

/**
 * See `SweepLedger.confirmFence`. Uses a write that changes nothing, because a locked or full database still allows
 * reads.
 */
export async function confirmFence(context: SweepContext, { sweepId, chunkId, fence }: ChunkFence): Promise<void> {
  const { numUpdatedRows } = await context.db
    .updateTable('sweep_chunks')
    .set((eb) => ({ taken_by: eb.ref('taken_by') }))
    .where('sweep', '=', await numberOf(context, sweepId))
    .where('chunk_id', '=', storable(chunkId))
    .where('fence', '=', fence)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) throw new SweepFencedError(chunkId);
}

/** See `SweepLedger.readyForBulk`. */
export async function readyForBulk(context: SweepContext, sweepId: string): Promise<Record<string, number>> {
  const rows = await context.db
    .selectFrom('bulk_queue')
    .select(['app', (eb) => eb.fn.countAll<number | string>().as('users')])
    .where('sweep', '=', await numberOf(context, sweepId))
    .groupBy('app')
    .orderBy('app')
    .execute();
  return Object.fromEntries(rows.map(({ app, users }) => [app, Number(users)]));
}

/** See `SweepLedger.openBulk`. */
export async function openBulk(context: SweepContext, bulk: OpenBulk): Promise<BulkUser[]> {
  requireAtMost('limit', bulk.limit, MOST_USERS_IN_A_BULK_CALL);
  const key = await keyOf(context, bulk.sweepId);
  const sweep = await numberOf(context, bulk.sweepId);
  const opening = context.store.openBulk(context.db, {
    sweep,
    sweep_id: storable(bulk.sweepId),
    chunk_id: storable(bulk.chunkId),
    fence: bulk.fence,
    wave: bulk.wave,
    app: storable(bulk.app),
    step: storable(bulk.step),
    most: bulk.limit,
    at: new Date().toISOString(),
    ...openerValues(bulk),
  });
  const rows = await openedOrRefused(context, opening, bulk);
  return rows
    .sort((a, b) => a.seq - b.seq)
    .map(({ seq, ids, subjects, unsettled }) => ({
      seq,
      user: key.decryptUser(seq, ids),
      subjects: JSON.parse(subjects) as string[],
      unsettled: unsettled === 1,
    }));
}

/** See `SweepLedger.recordBulk`. */
export async function recordBulk(context: SweepContext, bulk: RecordBulk): Promise<void> {
  requireAtMost('users', bulk.users.length, MOST_USERS_IN_A_BULK_CALL);
  requireHashes(
    'users.subject',
    bulk.users.map(({ subject }) => subject),
  );
  const sweep = await numberOf(context, bulk.sweepId);
  const call = [bulk.step, bulk.task, bulk.service, bulk.environment].map(storable);
  const found = [bulk.outcome, bulk.failureType ?? null, bulk.status ?? null, storableOrNull(bulk.code)];
  const proof = [storableOrNull(bulk.requestId), storableOrNull(bulk.token)];
  const writing = context.store.run(context.db, 'bulk_outcomes', {
    sweep,
    sweep_id: storable(bulk.sweepId),
    chunk_id: storable(bulk.chunkId),
    fence: bulk.fence,
    app: storable(bulk.app),
    receipt: JSON.stringify([...call, storableOrNull(bulk.keySlot), ...found, ...proof, storableOrNull(bulk.reason)]),
    users: JSON.stringify(bulk.users.map(({ seq, subject }) => [seq, subject])),
    worst: rankOf(bulk.outcome),
    at: new Date().toISOString(),
  });
  await orRefused(writing, () => new SweepFencedError(bulk.chunkId));
}

/** See `SweepLedger.returnBulk`. */
export async function returnBulk(context: SweepContext, bulk: OpenedForBulk): Promise<void> {
  const theirs = await stillOpened(context, bulk);
  await sql`update bulk_queue set fence = null, wave = null, intent_at = null where unsettled = 0 and ${theirs}`.execute(
    context.db,
  );
}

/** See `SweepLedger.notePerhapsSent`. */
export async function notePossiblySent(context: SweepContext, bulk: OpenedForBulk): Promise<void> {
  const theirs = await stillOpened(context, bulk);
  await sql`update bulk_queue set unsettled = 1 where ${theirs}`.execute(context.db);
}

/** Returns the condition for the rows that still have the caller's fence. */
async function stillOpened(context: SweepContext, bulk: OpenedForBulk): Promise<RawBuilder<SqlBool>> {
  requireAtMost('seqs', bulk.seqs.length, MOST_USERS_IN_A_BULK_CALL);
  const seqs = context.store.integersOf(bulk.seqs);
  const sweep = await numberOf(context, bulk.sweepId);
  return sql`sweep = ${sweep} and app = ${storable(bulk.app)} and fence = ${bulk.fence} and seq in ${seqs}`;
}
