import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { LEASE_MS, changeLimit, lease, report, startRate } from '../../policy/rate';
import type { RateState } from '../../policy/rate';
import { DeadlineMutex } from '../deadline-mutex';
import { LedgerUnavailableError } from '../ledger';
import { withinDeadline } from '../sql-ledger';
import type { LedgerDatabase } from '../tables';
import { storable } from '../values';
import { claimTurn, readRateRow, writeRateRow } from './rate-rows';
import type { FoundRow } from './rate-rows';
import type { LeaseTokens, RateKey, RateLedger, RateRow, TokenLease } from './rate-ledger';

/** The longest pause before the first repetition. It doubles up to {@link LONGEST_PAUSE_MS}. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 16;
const TRIES_BEFORE_TURN = 3;

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
 * random length. Without the pause, processes that ask at the same pace could meet each other every time. A process with
 * a long way to the database would still be overtaken for ever, so that after some tries it claims a turn.
 */
async function changeRow(
  database: LedgerDatabase,
  { key, documentedLimit, decide, untilMs }: { key: RateKey; documentedLimit: number | undefined; decide: Decide; untilMs: number },
): Promise<RateState> {
  const row = { service: storable(key.service), keySlot: storable(key.keySlot) };
  let turn: string | undefined;
  let longestMs = FIRST_PAUSE_MS;
  for (let tries = 0; performance.now() < untilMs; tries += 1) {
    // Whoever was overtaken has been so at a row that exists.
    if (tries >= TRIES_BEFORE_TURN) turn ??= randomUUID();
    if (turn === undefined || (await claimTurn(database, row, turn))) {
      const found = await readRateRow(database, row);
      const { state, setLimit } = decide(underLimit(found, documentedLimit));
      const written = { set_limit: setLimit, state: JSON.stringify(state) };
      if (await writeRateRow(database, row, { version: found.version, written, turn })) return state;
    }
    await pause(Math.random() * longestMs);
    longestMs = Math.min(longestMs * 2, LONGEST_PAUSE_MS);
  }
  throw new LedgerUnavailableError('Other processes asked for calls of this service all the time.');
}

/** The limit that counts now; it may be another one than when the state was written. */
function underLimit({ state, set_limit, now_ms }: FoundRow, documentedLimit: number | undefined): Change {
  const limit = set_limit ?? documentedLimit;
  if (state === null) return { state: startRate(limit, now_ms), setLimit: set_limit, nowMs: now_ms };
  const found = JSON.parse(state) as RateState;
  const current = found.limitPerMinute === limit ? found : changeLimit(found, limit, now_ms);
  return { state: current, setLimit: set_limit, nowMs: now_ms };
}
