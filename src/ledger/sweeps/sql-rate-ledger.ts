import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { LEASE_MS, lease, report, startRate, sweepPace, underLimits } from '../../policy/rate';
import type { Limits, RateState } from '../../policy/rate';
import { DeadlineMutex } from '../deadline-mutex';
import { LedgerUnavailableError } from '../ledger';
import { guardedBy } from '../sql-calls';
import type { CallLimits } from '../sql-calls';
import type { LedgerDatabase } from '../store';
import { storable } from '../values';
import { keepSweepRates, readCountingRates, readSweepRates, requireLimit, setSweepRate } from './rate-ledger';
import type { LeaseTokens, RateKey, RateLedger, RateRow, TokenLease } from './rate-ledger';

/**
 * Duration of a turn, during which only one process may change a rate, in milliseconds by the database's clock. Enough
 * for a read and a write over a connection with a round trip of a quarter of a second; a process that freezes during
 * its turn blocks the others no longer than this.
 */
const TURN_MS = 500;

/** Maximum delay before the first retry, in milliseconds. It doubles up to {@link MAX_DELAY_MS}. */
const INITIAL_DELAY_MS = 2;
const MAX_DELAY_MS = 16;
const ATTEMPTS_BEFORE_TURN = 3;

interface Change {
  state: RateState;
  /** The standing limit, in calls a minute. */
  setLimit: number | null;
  sweepLimit: number | null;
  nowMs: number;
}

type Decide = (now: Change) => Change;

/** Changes one row. Rejects when the deadline of the call has passed. */
type ChangeRow = (key: RateKey, documentedLimit: number | undefined, decide: Decide) => Promise<RateState>;

/** Creates the rates part of a ledger over an open database whose schema is up to date. */
export function createSqlRateLedger(database: LedgerDatabase, limits: CallLimits): RateLedger {
  const turns = new Turns();
  const guarded = guardedBy(database, limits);
  const changing = <I, O>(work: (change: ChangeRow, input: I) => Promise<O>) =>
    guarded(async (context, input: I): Promise<O> => {
      const untilMs = performance.now() + limits.deadlineMs;
      const change: ChangeRow = (key, documentedLimit, decide) =>
        turns.one(key, untilMs, () => changeRow(context, { key, documentedLimit, decide, untilMs }));
      return work(change, input);
    });
  return {
    leaseTokens: changing(leaseTokens),
    reportResponses: changing(reportResponses),
    setLimit: changing(setLimit),
    setSweepRate: guarded(setSweepRate),
    keepSweepRates: guarded(keepSweepRates),
    readSweepRates: guarded(readSweepRates),
    readRates: guarded(readRates),
  };
}

/** Serialises the calls of one process for one row, which would only overtake each other. */
class Turns {
  readonly #turns = new Map<string, DeadlineMutex>();

  async one<T>({ service, keySlot }: RateKey, untilMs: number, work: () => Promise<T>): Promise<T> {
    const name = JSON.stringify([service, keySlot]);
    const turn = this.#turns.get(name) ?? new DeadlineMutex();
    this.#turns.set(name, turn);
    await turn.lock(Math.ceil(untilMs - performance.now()));
    try {
      return await work();
    } finally {
      turn.unlock();
    }
  }
}

async function leaseTokens(change: ChangeRow, request: LeaseTokens): Promise<TokenLease> {
  const { want, caller, responses, documentedLimit } = request;
  let granted: Pick<TokenLease, 'tokens' | 'retryInMs' | 'sweepsOnly'> = { tokens: 0, retryInMs: 0 };
  const state = await change(request, documentedLimit, (now) => {
    const reported = responses === undefined ? now.state : report(now.state, { ...responses, nowMs: now.nowMs });
    const leased = lease(reported, { want, caller, nowMs: now.nowMs });
    granted = { tokens: leased.tokens, retryInMs: leased.retryInMs, ...(leased.sweepsOnly && { sweepsOnly: true }) };
    return { ...now, state: leased.state };
  });
  return { ...granted, expiresInMs: LEASE_MS, generation: state.generation };
}

async function reportResponses(
  change: ChangeRow,
  { responses, documentedLimit, ...key }: Parameters<RateLedger['reportResponses']>[0],
): Promise<{ generation: number }> {
  const { generation } = await change(key, documentedLimit, (now) => ({
    ...now,
    state: report(now.state, { ...responses, nowMs: now.nowMs }),
  }));
  return { generation };
}

async function setLimit(
  change: ChangeRow,
  { limitPerMinute, ...key }: Parameters<RateLedger['setLimit']>[0],
): Promise<void> {
  requireLimit(limitPerMinute);
  await change(key, limitPerMinute, (now) => {
    const setLimit = limitPerMinute ?? null;
    return { ...now, setLimit, state: underLimits(now.state, limitsOf(setLimit, now.sweepLimit), now.nowMs) };
  });
}

/** See `RateLedger.readRates`; also for commands that only read. */
export async function readRates(database: LedgerDatabase): Promise<RateRow[]> {
  const rows = await database.db.selectFrom('rates').selectAll().orderBy('service').orderBy('key_slot').execute();
  const sweeps = await readCountingRates(database);
  return rows.map(({ service, key_slot: keySlot, set_limit, state }) => {
    const found = JSON.parse(state) as RateState;
    const { limitPerMinute, rate, learning, ramp } = found;
    const learned = learning.learned ?? ramp?.learned;
    const own = sweeps.filter((one) => one.service === service && one.keySlot === keySlot);
    // The state dates from the last request for calls; sweeps may have ended since.
    const lowest = own.length === 0 ? null : Math.min(...own.map((one) => one.limitPerMinute));
    const current = underLimits(found, limitsOf(limitPerMinute ?? null, lowest), found.atMs);
    return {
      service,
      keySlot,
      ...(limitPerMinute !== undefined && { limitPerMinute }),
      ...(set_limit !== null && { standingPerMinute: set_limit }),
      sweeps: own.map((one) => ({ sweepId: one.sweepId, limitPerMinute: one.limitPerMinute })),
      ...(learned !== undefined && { learnedPerSecond: learned }),
      callsPerSecond: rate,
      sweepCallsPerSecond: sweepPace(current),
    };
  });
}

/**
 * Reads, decides and writes, and retries after a random delay if another process has written in between. Without the
 * delay, processes with the same pace could collide every time. A process with a slow connection to the database could
 * still be overtaken forever, so it claims a turn after some attempts.
 */
async function changeRow(
  database: LedgerDatabase,
  {
    key,
    documentedLimit,
    decide,
    untilMs,
  }: { key: RateKey; documentedLimit: number | undefined; decide: Decide; untilMs: number },
): Promise<RateState> {
  const row = { service: storable(key.service), keySlot: storable(key.keySlot) };
  let turn: string | undefined;
  let maxDelayMs = INITIAL_DELAY_MS;
  for (let tries = 0; performance.now() < untilMs; tries += 1) {
    // A process can only have been overtaken at an existing row.
    if (tries >= ATTEMPTS_BEFORE_TURN) turn ??= randomUUID();
    if (turn === undefined || (await claimTurn(database, row, turn))) {
      const found = await readRateRow(database, row);
      const { state, setLimit } = decide(underLimit(found, documentedLimit));
      const written = { set_limit: setLimit, state: JSON.stringify(state) };
      if (await writeRateRow(database, row, { version: found.version, written, turn })) return state;
    }
    await delay(Math.random() * maxDelayMs);
    maxDelayMs = Math.min(maxDelayMs * 2, MAX_DELAY_MS);
  }
  throw new LedgerUnavailableError('Other processes constantly requested calls of this service.');
}

/** Applies the current limits, which may differ from those when the state was written. */
function underLimit({ state, set_limit, sweep_limit, now_ms }: FoundRow, documentedLimit: number | undefined): Change {
  const limits = limitsOf(set_limit ?? documentedLimit ?? null, sweep_limit);
  const known = { setLimit: set_limit, sweepLimit: sweep_limit, nowMs: now_ms };
  if (state === null) return { ...known, state: startRate(limits, now_ms) };
  return { ...known, state: underLimits(JSON.parse(state) as RateState, limits, now_ms) };
}

function limitsOf(all: number | null, sweeps: number | null): Limits {
  return { ...(all !== null && { all }), ...(sweeps !== null && { sweeps }) };
}

/** Identifies a row. */
interface RateRowKey {
  service: string;
  keySlot: string;
}

/** A row as read; if it does not exist, all fields except the time are null. */
interface FoundRow {
  version: number | null;
  set_limit: number | null;
  state: string | null;
  /** The lowest rate of the running sweeps. */
  sweep_limit: number | null;
  now_ms: number;
}

/** What to write over the version that was read. */
interface RowChange {
  version: number | null;
  written: { set_limit: number | null; state: string };
  /** The writer's turn, if it has one. */
  turn: string | undefined;
}

async function readRateRow({ db, store }: LedgerDatabase, { service, keySlot }: RateRowKey): Promise<FoundRow> {
  const { rows } = await sql<FoundRow>`
    select r.version, r.set_limit, r.state, ${store.clockMs()} as now_ms, (
      select min(s.limit_per_minute) from sweep_rates as s
      where s.service = ${service} and s.key_slot = ${keySlot} and s.counts_until_ms > ${store.clockMs()}
    ) as sweep_limit
    from (select 1 as one) as always left join rates as r on r.service = ${service} and r.key_slot = ${keySlot}
  `.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('A left join returned no row.');
  return row;
}

/**
 * Writes the row. Returns false, and writes nothing, if another process has a turn or has written since the row was
 * read.
 */
async function writeRateRow({ db, store }: LedgerDatabase, key: RateRowKey, change: RowChange): Promise<boolean> {
  const { service, keySlot } = key;
  const { version, written, turn } = change;
  if (version === null) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('rates')
      .values({ service, key_slot: keySlot, version: 1, ...written })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    return numInsertedOrUpdatedRows === 1n;
  }
  const { numUpdatedRows } = await db
    .updateTable('rates')
    .set({ version: version + 1, ...written, turn: null, turn_until_ms: null })
    .where('service', '=', service)
    .where('key_slot', '=', keySlot)
    .where('version', '=', version)
    .where(isFreeFor(turn, store))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Prevents all other processes from changing the row for a short time. Returns false if another process has a turn. It
 * reads nothing first, so a slow connection to the database is not a disadvantage.
 */
async function claimTurn(
  { db, store }: LedgerDatabase,
  { service, keySlot }: RateRowKey,
  turn: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('rates')
    .set({ turn, turn_until_ms: sql<number>`${store.clockMs()} + ${sql.lit(TURN_MS)}` })
    .where('service', '=', service)
    .where('key_slot', '=', keySlot)
    .where(isFreeFor(turn, store))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Returns the condition that the row may be changed. A turn that ends later than possible dates from before the
 * database's clock was set back.
 */
function isFreeFor(turn: string | undefined, store: LedgerDatabase['store']): RawBuilder<boolean> {
  const now = store.clockMs();
  const over = sql<boolean>`turn is null or turn_until_ms <= ${now} or turn_until_ms > ${now} + ${sql.lit(TURN_MS)}`;
  return turn === undefined ? sql`(${over})` : sql`(${over} or turn = ${turn})`;
}
