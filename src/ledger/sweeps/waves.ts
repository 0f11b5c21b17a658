import { OUTCOMES } from '../../policy/outcome';
import { rankOf, worstOutcome } from '../../policy/worst-outcome';
import { requireHashes, storable, storableOrNull } from '../values';
import { keyOf, numberOf, openedOrRefused, openerValues, orRefused } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepBarredError, SweepFencedError } from './sweep-errors';
import { MOST_USERS_IN_A_WAVE, WAITS_FOR_PERSON } from './sweep-types';
import type { DeferredUser, FlushWave, OpenUser, OpenWave, SettledUser, StepReceipt } from './sweep-types';
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
