import { sql } from 'kysely';
import { OUTCOMES } from '../../policy/outcome';
import { rankOf, worstOutcome } from '../../policy/worst-outcome';
import { requireHashes, storable, storableOrNull } from '../values';
import { keyOf, numberOf, openedOrRefused, openerValues, orRefused } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepBarredError, SweepFencedError } from './sweep-errors';
import { MOST_USERS_IN_A_WAVE, WAITS_FOR_PERSON } from './sweep-types';
import type { DeferredUser, FlushWave, OpenUser, OpenWave, SettledUser, StepReceipt } from './sweep-types';
import { dropSettled, saveDeferred } from './target-progress';

interface OpenRow {
  seq: number;
  round: number;
  unsettled: number;
  ids: string;
  subjects: string;
}

/** See `SweepLedger.openWave`. */
export async function openWave(context: SweepContext, wave: OpenWave): Promise<OpenUser[]> {
  requireAtMost('limit', wave.limit, MOST_USERS_IN_A_WAVE);
  // The key comes first, so that nothing is recorded for users whose IDs cannot be read.
  const key = await keyOf(context, wave.sweepId);
  const sweep = await numberOf(context, wave.sweepId);
  const opening =
    context.dialect === 'postgres' ? openInPostgres(context, sweep, wave) : openInLibsql(context, sweep, wave);
  const rows = await openedOrRefused(context, opening, wave);
  if (rows.length === 0 && wave.daily && (await someoneIsLeft(context, sweep, wave)))
    throw new SweepBarredError(wave.sweepId, 'dayIsFull');
  return rows
    .sort(
      (a, b) =>
        Number(b.unsettled === UNSETTLED.interrupted) - Number(a.unsettled === UNSETTLED.interrupted) || a.seq - b.seq,
    )
    .map(({ seq, round, unsettled, ids, subjects }) => ({
      seq,
      round,
      user: key.decryptUser(seq, ids),
      subjects: JSON.parse(subjects) as string[],
      unsettled: unsettled === UNSETTLED.interrupted,
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

async function openInPostgres({ db }: SweepContext, sweep: number, wave: OpenWave): Promise<OpenRow[]> {
  const { daily } = wave;
  const values = sql`${sweep}, ${storable(wave.sweepId)}, ${storable(wave.chunkId)}, ${wave.fence},
      ${wave.wave}, ${wave.range.from}, ${wave.range.to}, ${wave.limit}, ${new Date().toISOString()},
      ${openerValues(wave)}`;
  const { rows } = await (
    daily
      ? sql<OpenRow>`select * from ledger_policy_wave(${values}, ${daily.day}, ${daily.mostUsers})`
      : sql<OpenRow>`select * from ledger_sweep_wave(${values})`
  ).execute(db);
  return rows;
}

/** Writes first and then reads, so that everything returned has been recorded. */
async function openInLibsql({ db }: SweepContext, sweep: number, wave: OpenWave): Promise<OpenRow[]> {
  const { range, fence, daily } = wave;
  const columns = sql.raw('sweep, sweep_id, chunk_id, fence, wave, first, last, most, at, claimed_by, sends');
  const values = sql`${sweep}, ${storable(wave.sweepId)}, ${storable(wave.chunkId)}, ${fence}, ${wave.wave}, ${range.from},
      ${range.to}, ${wave.limit}, ${new Date().toISOString()}, ${openerValues(wave)}`;
  await (
    daily
      ? sql`insert into write_policy_wave (${columns}, day, most_users) values (${values}, ${daily.day}, ${daily.mostUsers})`
      : sql`insert into write_sweep_wave (${columns}) values (${values})`
  ).execute(db);
  const { rows } = await sql<OpenRow>`
    select t.seq, t.round, t.unsettled, i.ids, i.subjects
    from targets as t join target_ids as i on i.sweep = t.sweep and i.seq = t.seq
    where t.sweep = ${sweep} and t.seq between ${range.from} and ${range.to} and t.state = 'open'
      and t.fence = ${fence} and t.wave = ${wave.wave}`.execute(db);
  return rows;
}

/** See `SweepLedger.flushWave`. */
export async function flushWave(context: SweepContext, flush: FlushWave): Promise<void> {
  requireAtMost('users', flush.users.length, MOST_USERS_IN_A_WAVE);
  const sweep = await numberOf(context, flush.sweepId);
  const { receipts, kinds } = flushedReceipts(flush.users);
  const list = sql.join([
    sweep,
    storable(flush.sweepId),
    storable(flush.chunkId),
    flush.fence,
    JSON.stringify(flush.users.map(userValues)),
    JSON.stringify(receipts),
    kinds,
    JSON.stringify(flush.users.flatMap(queueValues)),
    new Date().toISOString(),
  ]);
  const write =
    context.dialect === 'postgres'
      ? sql`select ledger_sweep_outcomes(${list})`
      : sql`insert into write_sweep_outcomes (sweep, sweep_id, chunk_id, fence, users, receipts, kinds, queue, at) values (${list})`;
  await saveDeferred(context, flush);
  await orRefused(write.execute(context.db), () => new SweepFencedError(flush.chunkId));
  await dropSettled(context, flush);
}

/**
 * The values of the column `unsettled`: 1 for a user whose attempt may have been interrupted in the middle of a call, 2
 * for one whose calls in doubt are known from the recorded progress. A hold makes both `unknown` rather than `held`.
 */
const UNSETTLED = { none: 0, interrupted: 1, inProgress: 2 } as const;

/** Returns a user's values in the order of migrations/0004-sweep-writes-….ts, like the functions below. */
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
    const phase = user.kind === 'settled' ? 'settled' : 'outcome';
    const counts = new Map<string, number>();
    return user.receipts.map((receipt) => {
      requireReceiptHashes(receipt);
      // A step with different outcomes for different Items has several receipts, distinguished by this number.
      const attempt = (counts.get(receipt.step) ?? 0) + 1;
      counts.set(receipt.step, attempt);
      const kind = JSON.stringify(kindValues(receipt, phase, attempt));
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
