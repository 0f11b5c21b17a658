import { createHash } from 'node:crypto';
import type { Selectable, Transaction } from 'kysely';
import type { Hold, HoldEnvironments, NewHold } from './ledger';
import type { LedgerDatabase, Store } from './store';
import type { Tables } from './tables';
import { requireHashes, storable, storableOrNull, valuesOf } from './values';

/**
 * What setting a hold does.
 *
 * - `set`: there was no hold of that ID.
 * - `extended`: there was, all its subjects are among the new ones, and it now covers the new ones too.
 * - `unchanged`: the hold of that ID already covers all of it.
 */
export type HoldChange = 'set' | 'extended' | 'unchanged';

/** One entry of the append-only log of holds. It contains no subject. */
export interface HoldLogEntry {
  /** Grows with each entry. */
  id: number;
  holdId: string;
  change: 'set' | 'extended' | 'lifted';
  /** Who changed it, as claimed by the calling process. */
  by?: string;
  /** Why the hold was changed, if the caller gave a reason. */
  why?: string;
  /** Why the user is held. */
  reason?: string;
  /** When the hold was set; ISO 8601, UTC. */
  heldSince?: string;
  environments?: HoldEnvironments;
  /** How many subjects the hold has, or had when it was lifted. */
  subjects: number;
  /** ISO 8601, UTC. */
  at: string;
}

/** Which holds to lift: the one with this ID, or every one that names any of these subjects. */
type HoldsToLift = { holdId: string } | { subjects: readonly string[] };

/** Sets, lifts and lists holds. Rejects like `Ledger`. */
export interface HoldLedger {
  /**
   * Sets or extends all of them, or none. After it has resolved, no intent for any of their subjects is recorded.
   *
   * @throws HoldConflictError when a hold of the same ID names other subjects: a hold is about one user.
   */
  set(holds: readonly NewHold[]): Promise<HoldChange[]>;
  /** Returns what `set` would do with each of them, in their order. Changes nothing. */
  compare(holds: readonly NewHold[]): Promise<(HoldChange | 'conflict')[]>;
  /** Returns each of these subjects that is held, once for each hold; by the condition of `Ledger.isHeld`. */
  naming(subjects: readonly string[]): Promise<{ subject: string; holdId: string }[]>;
  /** Returns whole holds: those with these IDs, or a page of all of them in the order of their IDs. */
  list(which: { holdIds: readonly string[] } | { afterHoldId?: string; limit: number }): Promise<Hold[]>;
  /** Lifts holds and appends who did it and why to the log. Returns how many were lifted. */
  lift(which: HoldsToLift, record?: { by?: string; why?: string }): Promise<number>;
  /** Returns a page of the log, oldest first; of one hold when it is named. */
  readLog(which: { holdId?: string; afterId?: number; limit: number }): Promise<HoldLogEntry[]>;
  /** Returns how many holds cover an environment that the ledger does not know: those of 0.1.0. */
  countUnknown(): Promise<number>;
}

/** Holds with these IDs exist and name other subjects. Nothing was set. */
export class HoldConflictError extends Error {
  override readonly name = 'HoldConflictError';

  constructor(readonly holdIds: readonly string[]) {
    super(
      `holdId: a hold ${holdIds[0] ?? ''} exists and names other IDs. A hold applies to one user: give all IDs it was set with, or use another hold ID.`,
    );
  }
}

/** Maximum number of rows per INSERT; each has up to nine parameters, and SQLite allows 32,766. */
const ROWS_IN_ONE = 2_000;

type HoldRow = Selectable<Tables['holds']>;

/** See `Ledger.addHold`. */
export async function addHold(database: LedgerDatabase, hold: NewHold): Promise<void> {
  await setHolds(database, [hold]);
}

/**
 * See `HoldLedger.set`. After it has returned, no intent for the subjects is recorded: libSQL runs one write at a time,
 * and in Postgres the lock waits for intents in progress (see postgres/migrations/0002-holds.sql).
 */
export async function setHolds({ db, store }: LedgerDatabase, holds: readonly NewHold[]): Promise<HoldChange[]> {
  refuseUnusable(holds);
  return db.transaction().execute(async (transaction) => {
    await store.lock(transaction, 'holds');
    const planned = await plan(transaction, store, holds);
    const conflicts = planned.filter(({ change }) => change === 'conflict').map(({ holdId }) => holdId);
    if (conflicts.length > 0) throw new HoldConflictError(conflicts);
    await write(
      transaction,
      planned.filter(({ change }) => change !== 'unchanged'),
      new Date().toISOString(),
    );
    return planned.map(({ change }) => change as HoldChange);
  });
}

/** See `HoldLedger.compare`. */
export async function compareHolds(
  { db, store }: LedgerDatabase,
  holds: readonly NewHold[],
): Promise<(HoldChange | 'conflict')[]> {
  refuseUnusable(holds);
  return (await plan(db, store, holds)).map(({ change }) => change);
}

function refuseUnusable(holds: readonly NewHold[]): void {
  for (const { subjects } of holds) {
    requireHashes('subjects', subjects);
    if (subjects.length === 0) throw new TypeError('A hold needs at least one subject.');
  }
}

/** A hold as it will be, and the rows to add. */
interface PlannedHold {
  holdId: string;
  change: HoldChange | 'conflict';
  missing: readonly string[];
  whole: Omit<Hold, 'at'> & { at: string | undefined };
  /** Who changes it now, and why. */
  by: string | undefined;
  why: string | undefined;
}

/** Plans the holds in order, so that several with the same ID build on each other. */
async function plan(
  db: Transaction<Tables> | LedgerDatabase['db'],
  store: Store,
  holds: readonly NewHold[],
): Promise<PlannedHold[]> {
  const ids = [...new Set(holds.map(({ holdId }) => storable(holdId)))];
  const rows = await db
    .selectFrom('holds')
    .selectAll()
    .where('hold_id', 'in', valuesOf(store, ids))
    .orderBy('subject')
    .execute();
  const known = new Map<string, PlannedHold['whole']>(wholeHolds(rows).map((hold) => [hold.holdId, hold]));
  return holds.map((hold) => {
    const planned = planOne(hold, known.get(storable(hold.holdId)));
    if (planned.change !== 'conflict') known.set(planned.holdId, planned.whole);
    return planned;
  });
}

function planOne(
  { holdId: id, subjects: given, reason, environments, by }: NewHold,
  before: PlannedHold['whole'] | undefined,
): PlannedHold {
  const holdId = storable(id);
  const subjects = [...new Set(given)];
  const shared = { holdId, by, why: undefined };
  if (!before)
    return {
      ...shared,
      change: 'set',
      missing: subjects,
      whole: { holdId, subjects, reason, environments, setBy: by, at: undefined },
    };
  const [old, fresh] = [new Set(before.subjects), new Set(subjects)];
  const missing = subjects.filter((subject) => !old.has(subject));
  const containsAll = before.subjects.every((subject) => fresh.has(subject));
  // When the call names all its subjects, the environments of a hold of 0.1.0 become known as well.
  const explained = containsAll && before.environments === undefined && environments !== undefined;
  if (missing.length === 0 && !explained) return { ...shared, change: 'unchanged', missing, whole: before };
  if (!containsAll) return { ...shared, change: 'conflict', missing, whole: before };
  const whole = {
    ...before,
    subjects: [...before.subjects, ...missing],
    environments: before.environments === undefined ? environments : merged(before.environments, environments),
    setBy: before.setBy ?? by,
  };
  return { ...shared, change: 'extended', missing, whole, why: reason === before.reason ? undefined : reason };
}

function merged(one: HoldEnvironments, other: HoldEnvironments = {}): HoldEnvironments {
  const services = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return Object.fromEntries(
    services.map((service) => [service, [...new Set([...(one[service] ?? []), ...(other[service] ?? [])])]]),
  );
}

async function write(transaction: Transaction<Tables>, planned: readonly PlannedHold[], now: string): Promise<void> {
  const rows = planned.flatMap(({ holdId, missing, whole }) => {
    const shared = {
      hold_id: holdId,
      reason: storableOrNull(whole.reason),
      at: whole.at ?? now,
      environments: jsonOrNull(whole.environments),
      set_by: storableOrNull(whole.setBy),
    };
    return missing.map((subject) => ({ ...shared, subject }));
  });
  for (const slice of slicesOf(rows))
    await transaction
      .insertInto('holds')
      .values(slice)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  for (const { holdId, change, whole } of planned) {
    if (change !== 'extended') continue;
    const all = { environments: jsonOrNull(whole.environments), set_by: storableOrNull(whole.setBy) };
    await transaction.updateTable('holds').set(all).where('hold_id', '=', holdId).execute();
  }
  const log = planned.map(({ holdId, change, whole, by, why }) => ({
    hold_id: holdId,
    change: change as 'set' | 'extended',
    changed_by: storableOrNull(by),
    why: storableOrNull(why),
    reason: storableOrNull(whole.reason),
    held_since: whole.at ?? now,
    environments: jsonOrNull(whole.environments),
    subjects: whole.subjects.length,
    subjects_digest: digestOfSubjects(whole.subjects),
    at: now,
  }));
  for (const slice of slicesOf(log)) await transaction.insertInto('hold_log').values(slice).execute();
}

function* slicesOf<T>(rows: readonly T[]): Generator<T[]> {
  for (let start = 0; start < rows.length; start += ROWS_IN_ONE) yield rows.slice(start, start + ROWS_IN_ONE);
}

function jsonOrNull(environments: HoldEnvironments | undefined): string | null {
  return environments === undefined ? null : storable(JSON.stringify(environments));
}

/** See `Ledger.isHeld`. */
export async function isHeld(database: LedgerDatabase, subjects: readonly string[]): Promise<boolean> {
  return (await rowsNaming(database, subjects).select('hold_id').limit(1).executeTakeFirst()) !== undefined;
}

/** See `HoldLedger.naming`. */
export async function holdsNaming(
  database: LedgerDatabase,
  subjects: readonly string[],
): Promise<{ subject: string; holdId: string }[]> {
  const rows = await rowsNaming(database, subjects)
    .select(['hold_id', 'subject'])
    .orderBy('hold_id')
    .orderBy('subject')
    .execute();
  return rows.map(({ hold_id: holdId, subject }) => ({ holdId, subject }));
}

function rowsNaming({ db, store }: LedgerDatabase, subjects: readonly string[]) {
  requireHashes('subjects', subjects);
  return db.selectFrom('holds').where('subject', 'in', valuesOf(store, subjects));
}

/** See `Ledger.listHolds`. */
export async function listHolds({ db }: LedgerDatabase): Promise<Hold[]> {
  return wholeHolds(
    await db.selectFrom('holds').selectAll().orderBy('at').orderBy('hold_id').orderBy('subject').execute(),
  );
}

/** See `HoldLedger.list`. */
export async function readHolds(
  { db, store }: LedgerDatabase,
  which: { holdIds: readonly string[] } | { afterHoldId?: string; limit: number },
): Promise<Hold[]> {
  const holdIds = 'holdIds' in which ? which.holdIds.map(storable) : await pageOfIds(db, which);
  const rows = db.selectFrom('holds').selectAll().where('hold_id', 'in', valuesOf(store, holdIds));
  return wholeHolds(await rows.orderBy('hold_id').orderBy('subject').execute());
}

async function pageOfIds(
  db: LedgerDatabase['db'],
  { afterHoldId, limit }: { afterHoldId?: string; limit: number },
): Promise<string[]> {
  const all = db.selectFrom('holds').select('hold_id').distinct();
  const wanted = afterHoldId === undefined ? all : all.where('hold_id', '>', storable(afterHoldId));
  return (await wanted.orderBy('hold_id').limit(limit).execute()).map((row) => row.hold_id);
}

/** @param rows In any order. Holds are returned in the order of their first rows. */
function wholeHolds(rows: readonly HoldRow[]): Hold[] {
  const holds = new Map<string, Hold & { subjects: string[] }>();
  for (const row of rows) {
    const known = holds.get(row.hold_id);
    if (known !== undefined) {
      known.subjects.push(row.subject);
      continue;
    }
    holds.set(row.hold_id, {
      holdId: row.hold_id,
      subjects: [row.subject],
      ...(row.reason !== null && { reason: row.reason }),
      at: new Date(row.at).toISOString(),
      ...(row.environments !== null && { environments: JSON.parse(row.environments) as HoldEnvironments }),
      ...(row.set_by !== null && { setBy: row.set_by }),
    });
  }
  return [...holds.values()];
}

/** See `Ledger.removeHolds`. */
export async function removeHolds(database: LedgerDatabase, which: HoldsToLift): Promise<number> {
  return liftHolds(database, which);
}

/** See `HoldLedger.lift`. */
export async function liftHolds(
  { db, store }: LedgerDatabase,
  which: HoldsToLift,
  { by, why }: { by?: string; why?: string } = {},
): Promise<number> {
  if ('subjects' in which) requireHashes('subjects', which.subjects);
  return db.transaction().execute(async (transaction) => {
    // Without the lock, two processes lifting the same hold would both log it.
    await store.lock(transaction, 'holds');
    const holdIds = 'holdId' in which ? [storable(which.holdId)] : await naming(transaction, store, which.subjects);
    const ofThem = valuesOf(store, holdIds);
    const holds = wholeHolds(
      await transaction.selectFrom('holds').selectAll().where('hold_id', 'in', ofThem).orderBy('hold_id').execute(),
    );
    const at = new Date().toISOString();
    const log = holds.map(({ holdId, subjects, reason, environments, at: heldSince }) => ({
      hold_id: holdId,
      change: 'lifted' as const,
      changed_by: storableOrNull(by),
      why: storableOrNull(why),
      reason: storableOrNull(reason),
      held_since: heldSince,
      environments: jsonOrNull(environments),
      subjects: subjects.length,
      subjects_digest: digestOfSubjects(subjects),
      at,
    }));
    for (const slice of slicesOf(log)) await transaction.insertInto('hold_log').values(slice).execute();
    await transaction.deleteFrom('holds').where('hold_id', 'in', ofThem).execute();
    return holds.length;
  });
}

async function naming(transaction: Transaction<Tables>, store: Store, subjects: readonly string[]): Promise<string[]> {
  const rows = await transaction
    .selectFrom('holds')
    .select('hold_id')
    .distinct()
    .where('subject', 'in', valuesOf(store, subjects))
    .execute();
  return rows.map((row) => row.hold_id);
}

/** Returns the digest of the users of a hold, so that the log says who is held without containing it. */
export function digestOfSubjects(subjects: readonly string[]): string {
  return createHash('sha256')
    .update([...subjects].sort().join('\n'))
    .digest('hex');
}

/** See `HoldLedger.readLog`. */
export async function readHoldLog(
  { db }: LedgerDatabase,
  { holdId, afterId = 0, limit }: { holdId?: string; afterId?: number; limit: number },
): Promise<HoldLogEntry[]> {
  const after = db.selectFrom('hold_log').selectAll().where('id', '>', afterId);
  const wanted = holdId === undefined ? after : after.where('hold_id', '=', storable(holdId));
  const rows = await wanted.orderBy('id').limit(limit).execute();
  return rows.map((row) => ({
    id: Number(row.id),
    holdId: row.hold_id,
    change: row.change,
    ...(row.changed_by !== null && { by: row.changed_by }),
    ...(row.why !== null && { why: row.why }),
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.held_since !== null && { heldSince: new Date(row.held_since).toISOString() }),
    ...(row.environments !== null && { environments: JSON.parse(row.environments) as HoldEnvironments }),
    subjects: row.subjects,
    at: new Date(row.at).toISOString(),
  }));
}

/** See `HoldLedger.countUnknown`. */
export async function countUnknownHolds({ db }: LedgerDatabase): Promise<number> {
  const { count } = await db
    .selectFrom('holds')
    .select((eb) => eb.fn.count<number | string>('hold_id').distinct().as('count'))
    .where('environments', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(count);
}
