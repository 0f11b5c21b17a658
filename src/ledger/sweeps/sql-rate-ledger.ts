import { sql } from 'kysely';
import { LEASE_MS, changeLimit, lease, report, startRate } from '../../policy/rate';
import type { RateState } from '../../policy/rate';
import { LedgerUnavailableError } from '../ledger';
import { withinDeadline } from '../sql-ledger';
import type { LedgerDatabase } from '../tables';
import { storable } from '../values';
import type { LeaseTokens, RateKey, RateLedger, RateRow, TokenLease } from './rate-ledger';

/** So often another process may come first before this one gives up for now. */
const MOST_TRIES = 50;

interface Change {
  state: RateState;
  /** Calls a minute by `setRate`. */
  setLimit: number | null;
  nowMs: number;
}

/** The rates' side of a ledger over an open database whose schema is up to date. */
export function createSqlRateLedger(
  database: LedgerDatabase,
  options: { deadlineMs: number; isClosed: () => boolean },
): RateLedger {
  const inTime = <T>(work: () => Promise<T>): Promise<T> => {
    if (options.isClosed()) return Promise.reject(new LedgerUnavailableError('The ledger is closed.'));
    return withinDeadline(work, options.deadlineMs);
  };
  return {
    leaseTokens: (asked) => inTime(() => leaseTokens(database, asked)),
    reportAnswers: ({ answers, documentedLimit, ...key }) =>
      inTime(async () => {
        const state = await change(database, key, documentedLimit, (now) => ({
          ...now,
          state: report(now.state, { ...answers, nowMs: now.nowMs }),
        }));
        return { generation: state.generation };
      }),
    setRate: ({ limitPerMinute, ...key }) => inTime(() => setRate(database, key, limitPerMinute)),
    readRates: () => inTime(() => readRates(database)),
  };
}

async function leaseTokens(database: LedgerDatabase, asked: LeaseTokens): Promise<TokenLease> {
  const { want, liveReserve, answers, documentedLimit } = asked;
  let given = { tokens: 0, retryInMs: 0 };
  const state = await change(database, asked, documentedLimit, (now) => {
    const reported = answers === undefined ? now.state : report(now.state, { ...answers, nowMs: now.nowMs });
    const answer = lease(reported, { want, liveReserve, nowMs: now.nowMs });
    given = { tokens: answer.tokens, retryInMs: answer.retryInMs };
    return { ...now, state: answer.state };
  });
  return { ...given, expiresInMs: LEASE_MS, generation: state.generation };
}

async function setRate(database: LedgerDatabase, key: RateKey, limitPerMinute: number | undefined): Promise<void> {
  if (limitPerMinute !== undefined && !(Number.isFinite(limitPerMinute) && limitPerMinute > 0)) {
    throw new RangeError(`limitPerMinute must be above 0 calls a minute, and is ${limitPerMinute}.`);
  }
  await change(database, key, limitPerMinute, (now) => ({
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

/** Reads, decides, and writes unless another process has written in between; then it all begins anew. */
async function change(
  database: LedgerDatabase,
  key: RateKey,
  documentedLimit: number | undefined,
  decide: (now: Change) => Change,
): Promise<RateState> {
  const [service, keySlot] = [storable(key.service), storable(key.keySlot)];
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const found = await readRow(database, service, keySlot);
    const now = underLimit(found, documentedLimit);
    const { state, setLimit } = decide(now);
    const written = { set_limit: setLimit, state: JSON.stringify(state) };
    if (await writeRow(database, { service, keySlot, version: found.version, written })) return state;
  }
  throw new LedgerUnavailableError('Too many processes ask for calls of this service at once.');
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
