import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { LEASE_MS, changeLimit, lease, report, startRate } from '../../policy/rate';
import type { RateState } from '../../policy/rate';
import { DeadlineMutex } from '../deadline-mutex';
import { LedgerUnavailableError } from '../ledger';
import { withinDeadline } from '../sql-ledger';
import type { LedgerDatabase } from '../tables';
import { storable } from '../values';
import type { LeaseTokens, RateKey, RateLedger, RateRow, TokenLease } from './rate-ledger';

/** The longest pause before the first repetition. It doubles up to {@link LONGEST_PAUSE_MS}. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 16;

interface Change {
  state: RateState;
  /** Calls a minute by `setRate`. */
  setLimit: number | null;
  nowMs: number;
}

type Decide = (now: Change) => Change;

/** Changes one row; rejects once the deadline of the call has passed. */
type ChangeRow = (key: RateKey, documentedLimit: number | undefined, decide: Decide) => Promise<RateState>;

/** The rates' side of a ledger over an open database whose schema is up to date. */
export function createSqlRateLedger(
  database: LedgerDatabase,
  options: { deadlineMs: number; isClosed: () => boolean },
): RateLedger {
  const { deadlineMs, isClosed } = options;
  const turns = new Turns();
  const inTime = <T>(work: (change: ChangeRow) => Promise<T>): Promise<T> => {
    if (isClosed()) return Promise.reject(new LedgerUnavailableError('The ledger is closed.'));
    const untilMs = performance.now() + deadlineMs;
    const change: ChangeRow = (key, documentedLimit, decide) =>
      turns.one(key, untilMs, () => changeRow(database, { key, documentedLimit, decide, untilMs }));
    return withinDeadline(() => work(change), deadlineMs);
  };
  return {
    leaseTokens: (asked) => inTime((change) => leaseTokens(change, asked)),
    reportAnswers: ({ answers, documentedLimit, ...key }) =>
      inTime(async (change) => {
        const state = await change(key, documentedLimit, (now) => ({
          ...now,
          state: report(now.state, { ...answers, nowMs: now.nowMs }),
        }));
        return { generation: state.generation };
      }),
    setRate: ({ limitPerMinute, ...key }) => inTime((change) => setRate(change, key, limitPerMinute)),
    readRates: () => inTime(() => readRates(database)),
  };
}

/** Calls of one process for one row go one after the other: they would only take the row from each other. */
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

async function leaseTokens(change: ChangeRow, asked: LeaseTokens): Promise<TokenLease> {
  const { want, liveReserve, answers, documentedLimit } = asked;
  let given = { tokens: 0, retryInMs: 0 };
  const state = await change(asked, documentedLimit, (now) => {
    const reported = answers === undefined ? now.state : report(now.state, { ...answers, nowMs: now.nowMs });
    const answer = lease(reported, { want, liveReserve, nowMs: now.nowMs });
    given = { tokens: answer.tokens, retryInMs: answer.retryInMs };
    return { ...now, state: answer.state };
  });
  return { ...given, expiresInMs: LEASE_MS, generation: state.generation };
}

async function setRate(change: ChangeRow, key: RateKey, limitPerMinute: number | undefined): Promise<void> {
  if (limitPerMinute !== undefined && !(Number.isFinite(limitPerMinute) && limitPerMinute > 0)) {
    throw new RangeError(`limitPerMinute must be above 0 calls a minute, and is ${limitPerMinute}.`);
  }
  await change(key, limitPerMinute, (now) => ({
    ...now,
    setLimit: limitPerMinute ?? null,
    state: now.state.limitPerMinute === limitPerMinute ? now.state : changeLimit(now.state, limitPerMinute, now.nowMs),
  }));
}

async function readRates({ db }: LedgerDatabase): Promise<RateRow[]> {
  const rows = await db.selectFrom('rates').selectAll().orderBy('service').orderBy('key_slot').execute();
  return rows.map(({ service, key_slot, state }) => {
    const { limitPerMinute, rate } = JSON.parse(state) as RateState;
    return { service, keySlot: key_slot, ...(limitPerMinute !== undefined && { limitPerMinute }), callsPerSecond: rate };
  });
}

/**
 * Reads, decides, and writes unless another process has written in between; then it all begins anew, after a pause of
 * random length. Without the pause, processes that ask at the same pace could meet each other every time.
 */
async function changeRow(
  database: LedgerDatabase,
  { key, documentedLimit, decide, untilMs }: { key: RateKey; documentedLimit: number | undefined; decide: Decide; untilMs: number },
): Promise<RateState> {
  const [service, keySlot] = [storable(key.service), storable(key.keySlot)];
  for (let longestMs = FIRST_PAUSE_MS; performance.now() < untilMs; longestMs = Math.min(longestMs * 2, LONGEST_PAUSE_MS)) {
    const found = await readRow(database, service, keySlot);
    const { state, setLimit } = decide(underLimit(found, documentedLimit));
    const written = { set_limit: setLimit, state: JSON.stringify(state) };
    if (await writeRow(database, { service, keySlot, version: found.version, written })) return state;
    await pause(Math.random() * longestMs);
  }
  throw new LedgerUnavailableError('Other processes asked for calls of this service all the time.');
}

interface FoundRow {
  version: number | null;
  set_limit: number | null;
  state: string | null;
  now_ms: number;
}

async function readRow({ db, dialect }: LedgerDatabase, service: string, keySlot: string): Promise<FoundRow> {
  const clock =
    dialect === 'postgres'
      ? sql`cast(extract(epoch from clock_timestamp()) * 1000 as double precision)`
      : sql`unixepoch('subsec') * 1000`;
  const { rows } = await sql<FoundRow>`
    select r.version, r.set_limit, r.state, ${clock} as now_ms
    from (select 1 as one) as always left join rates as r on r.service = ${service} and r.key_slot = ${keySlot}
  `.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('A left join answered nothing.');
  return row;
}

/** The limit that counts now; it may be another one than when the state was written. */
function underLimit({ state, set_limit, now_ms }: FoundRow, documentedLimit: number | undefined): Change {
  const limit = set_limit ?? documentedLimit;
  if (state === null) return { state: startRate(limit, now_ms), setLimit: set_limit, nowMs: now_ms };
  const found = JSON.parse(state) as RateState;
  const current = found.limitPerMinute === limit ? found : changeLimit(found, limit, now_ms);
  return { state: current, setLimit: set_limit, nowMs: now_ms };
}

async function writeRow(
  { db }: LedgerDatabase,
  row: { service: string; keySlot: string; version: number | null; written: { set_limit: number | null; state: string } },
): Promise<boolean> {
  const { service, keySlot, version, written } = row;
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
    .set({ version: version + 1, ...written })
    .where('service', '=', service)
    .where('key_slot', '=', keySlot)
    .where('version', '=', version)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
