/** How fast calls to one credential of a service may go, shared by all processes. A value: every function answers a new one. */
export interface RateState {
  /** Calls a minute, when somebody set or documented them; learned from the answers when absent. */
  limitPerMinute?: number;
  /** Calls a second right now. */
  rate: number;
  /** Calls that may be leased at once. */
  tokens: number;
  /** The latest time this state has seen, in milliseconds since 1970. */
  atMs: number;
  /** Nothing is leased before this time, because the provider asked to wait. */
  blockedUntilMs: number;
  /** When refusals last changed the rate. */
  slowedAtMs: number;
  /** Grows when leases given before are void: their holders must drop what is left of them. */
  generation: number;
  /** Only without a limit: what the answers have taught. */
  learning: Learning;
}

interface Learning {
  /** Calls a second that were accepted when refusals last came; absent while the rate still doubles. */
  learned?: number;
  /** The last answers, oldest first: `.` accepted, `x` refused. */
  recent: string;
  /** Accepted calls of the last two seconds: when, how many. */
  accepted: readonly (readonly [atMs: number, calls: number])[];
  /** Since when calls flow. */
  flowingSinceMs: number;
}

/** A lease may be used for so long, by the holder's monotonic clock. */
export const LEASE_MS = 1_000;

/** The share of a bucket that sweeps leave to live runs. */
export const LIVE_RESERVE = 0.1;

const START_PER_SECOND = 200;
/** Far above what one provider takes, and far below where numbers become inexact. */
const MOST_PER_SECOND = 1_000_000;
const SLOW_DOWN_EVERY_MS = 1_000;
const RISE_OF_LIMIT = 0.1;
const RISE_OF_LEARNED = 0.2;
/** A rate so many times above what was learned has not met the provider's limit: it doubles each second again. */
const OUTGROWN = 2;
/** More than twice a reserve of one call: a sweep that takes all but the reserve has to leave it less than half full. */
const SMALLEST_LEARNING_BUCKET = 4;
const RECENT_ANSWERS = 20;
const REFUSALS_THAT_TEACH = 2;
const LEARN_FROM_MS = 2_000;
const SHORTEST_LESSON_MS = 250;
/** The clock of the database was set back when it shows a time so much earlier than one it has shown. */
const CLOCK_SET_BACK_MS = 5_000;

/** The state before the first call. Without a limit it starts at 200 calls a second, which doubles each second. */
export function startRate(limitPerMinute: number | undefined, nowMs: number): RateState {
  const base = {
    atMs: nowMs,
    blockedUntilMs: 0,
    slowedAtMs: 0,
    generation: 0,
    learning: { recent: '', accepted: [], flowingSinceMs: nowMs },
  };
  if (limitPerMinute === undefined) return { ...base, rate: START_PER_SECOND, tokens: START_PER_SECOND / 4 };
  const { perSecond, bucket } = shape(limitPerMinute);
  return { ...base, limitPerMinute, rate: perSecond, tokens: bucket };
}

/** Replaces the limit; `undefined` learns it anew. Leases given before are void. */
export function changeLimit(state: RateState, limitPerMinute: number | undefined, nowMs: number): RateState {
  const { atMs, blockedUntilMs, generation } = state;
  const started = startRate(limitPerMinute, Math.max(atMs, nowMs));
  // No tokens: those of the old limit may just have been used.
  return { ...started, tokens: 0, blockedUntilMs, generation: generation + 1 };
}

/** What a process gets when it asks for calls. */
export interface LeaseAnswer {
  state: RateState;
  /** Calls that may be started within {@link LEASE_MS}. */
  tokens: number;
  /** When asking again makes sense, in milliseconds. */
  retryInMs: number;
}

/**
 * Gives out calls.
 *
 * With a limit, the calls started in any 60 seconds are never more than it, however many processes ask whenever: the
 * bucket, its refill in 61 seconds (a lease may be used a second later), and one more bucket in case the clock is set
 * forward, together stay within the limit.
 *
 * @param liveReserve The share of the bucket to leave alone: {@link LIVE_RESERVE} for sweeps, 0 for live runs.
 */
export function lease(state: RateState, ask: { want: number; liveReserve: number; nowMs: number }): LeaseAnswer {
  const now = advance(state, ask.nowMs);
  const reserve = reserveOf(now, ask.liveReserve);
  const waitMs = now.blockedUntilMs - now.atMs;
  if (waitMs > 0) return { state: now, tokens: 0, retryInMs: waitMs };
  const tokens = Math.max(0, Math.min(Math.floor(ask.want), Math.floor(now.tokens - reserve)));
  const left = { ...now, tokens: now.tokens - tokens };
  return { state: left, tokens, retryInMs: Math.ceil(Math.max(0, 1 + reserve - left.tokens) / left.rate * 1_000) };
}

/** What came back since the last report of a process. */
export interface AnswerReport {
  accepted: number;
  /** Answers that said: too many calls (429). */
  refused: number;
  /** The longest wait the provider asked for. */
  retryAfterMs?: number;
  nowMs: number;
}

/** Slows down after refusals, at most once a second, and remembers what was accepted. */
export function report(state: RateState, answers: AnswerReport): RateState {
  const now = remember(advance(state, answers.nowMs), answers);
  if (answers.refused === 0) return now;
  const blockedUntilMs = Math.max(now.blockedUntilMs, now.atMs + (answers.retryAfterMs ?? 0));
  const blocked = { ...now, blockedUntilMs };
  if (now.atMs - now.slowedAtMs < SLOW_DOWN_EVERY_MS) return blocked;
  return now.limitPerMinute === undefined ? slowDownLearning(blocked) : slowDownKnown(blocked, now.limitPerMinute);
}

/** Bucket and refill under a limit. Two calls at least, where the limit has room, so that a reserve can be kept. */
function shape(limitPerMinute: number): { perSecond: number; bucket: number } {
  const bucket = Math.max(limitPerMinute / 60, Math.min(2, Math.max(1, limitPerMinute / 8)));
  const inAnyMinute = limitPerMinute + 1 - (limitPerMinute < 8 ? 1 : 2) * bucket;
  return { bucket, perSecond: inAnyMinute / (60 + LEASE_MS / 1_000) - 1e-6 };
}

function bucketOf(state: RateState): number {
  if (state.limitPerMinute !== undefined) return shape(state.limitPerMinute).bucket;
  return Math.max(SMALLEST_LEARNING_BUCKET, state.rate / 2);
}

function reserveOf(state: RateState, liveReserve: number): number {
  const bucket = bucketOf(state);
  if (liveReserve <= 0 || bucket < 2) return 0;
  return Math.min(bucket - 1, Math.max(1, bucket * liveReserve));
}

/** Lets time pass: the rate rises, the bucket fills. A clock that runs backwards adds nothing. */
function advance(state: RateState, nowMs: number): RateState {
  if (nowMs < state.atMs - CLOCK_SET_BACK_MS) return setBack(state, nowMs);
  const atMs = Math.max(state.atMs, nowMs);
  const seconds = Math.max(0, atMs - Math.max(state.atMs, state.blockedUntilMs)) / 1_000;
  if (seconds === 0) return { ...state, atMs };
  const rate = risen(state, seconds);
  const risenState = { ...state, atMs, rate };
  return { ...risenState, tokens: Math.min(bucketOf(risenState), state.tokens + ((state.rate + rate) / 2) * seconds) };
}

/** Moves everything that was remembered by the old clock, so that nothing waits for the old time to come again. */
function setBack(state: RateState, nowMs: number): RateState {
  const byMs = state.atMs - nowMs;
  const { learning } = state;
  return {
    ...state,
    atMs: nowMs,
    blockedUntilMs: state.blockedUntilMs - byMs,
    slowedAtMs: state.slowedAtMs - byMs,
    learning: {
      ...learning,
      accepted: learning.accepted.map(([atMs, calls]) => [atMs - byMs, calls]),
      flowingSinceMs: learning.flowingSinceMs - byMs,
    },
  };
}

function risen(state: RateState, seconds: number): number {
  const { limitPerMinute, rate, learning } = state;
  if (limitPerMinute !== undefined) {
    return Math.min(shape(limitPerMinute).perSecond, rate + (RISE_OF_LIMIT * limitPerMinute * seconds) / 60);
  }
  // A bucket that nobody empties says nothing about what the provider would take, and a long pause says little.
  const asked = state.tokens < bucketOf(state) / 2 ? Math.min(seconds, 1) : 0;
  const { learned } = learning;
  // What was learned while few calls were made, or under another limit, says nothing about a rate so far above it.
  const rising = learned === undefined || rate >= OUTGROWN * learned ? rate * 2 ** asked : rate + RISE_OF_LEARNED * learned * asked;
  return Math.min(MOST_PER_SECOND, rising);
}

function remember(state: RateState, { accepted, refused }: AnswerReport): RateState {
  if (state.limitPerMinute !== undefined) return state;
  const { learning, atMs } = state;
  // The order within a report is not known; refusals last, so that the next report still sees them.
  const answers = '.'.repeat(Math.min(accepted, RECENT_ANSWERS)) + 'x'.repeat(Math.min(refused, RECENT_ANSWERS));
  const kept = learning.accepted.filter(([whenMs]) => whenMs > atMs - LEARN_FROM_MS);
  return {
    ...state,
    learning: {
      ...learning,
      recent: (learning.recent + answers).slice(-RECENT_ANSWERS),
      accepted: accepted > 0 ? merged(kept, atMs, accepted) : kept,
    },
  };
}

/** Reports of many processes within a tenth of a second are one entry, so that the state stays small. */
function merged(entries: Learning['accepted'], atMs: number, calls: number): Learning['accepted'] {
  const last = entries.at(-1);
  if (last === undefined || atMs - last[0] >= 100) return [...entries, [atMs, calls]];
  return [...entries.slice(0, -1), [last[0], last[1] + calls]];
}

function slowDownKnown(state: RateState, limitPerMinute: number): RateState {
  const slowest = shape(limitPerMinute).perSecond / 64;
  const rate = Math.max(state.rate / 2, slowest);
  return { ...state, rate, tokens: 0, slowedAtMs: state.atMs, generation: state.generation + 1 };
}

/** What was accepted just now is the limit; the rate goes on at half of it. */
function slowDownLearning(state: RateState): RateState {
  const { learning, atMs, blockedUntilMs } = state;
  const refusals = learning.recent.split('x').length - 1;
  if (refusals < REFUSALS_THAT_TEACH) return state;
  const lessonMs = Math.min(LEARN_FROM_MS, Math.max(SHORTEST_LESSON_MS, atMs - learning.flowingSinceMs));
  const calls = learning.accepted.reduce((sum, [, some]) => sum + some, 0);
  const learned = Math.max(1, (calls * 1_000) / lessonMs);
  return {
    ...state,
    rate: learned / 2,
    tokens: 0,
    slowedAtMs: atMs,
    generation: state.generation + 1,
    learning: { learned, recent: '', accepted: [], flowingSinceMs: Math.max(atMs, blockedUntilMs) },
  };
}
