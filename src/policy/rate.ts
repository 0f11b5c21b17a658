import {
  acceptedPerSecond,
  fromNowOn,
  LEARN_FROM_MS,
  lessonFrom,
  merged,
  MOST_PER_SECOND,
  RAMP_DOUBLES_AFTER_MS,
  refusalsOf,
  risenFrom,
} from './rate-state';
import type { Caller, Limits, Ramp, RateState, SweepPace } from './rate-state';

export type { Caller, Limits, RateState } from './rate-state';

/** How long a lease may be used, in milliseconds of the holder's monotonic clock. */
export const LEASE_MS = 1_000;

/** The share of a second's calls, or of the bucket of a learned rate, that sweeps leave to live runs. */
export const LIVE_RESERVE = 0.1;

/** Initial rate of live runs when no limit is known, in calls a second. */
const START_PER_SECOND = 200;
/** Initial rate of sweeps without a known limit, in calls a second. */
const RAMP_START_PER_SECOND = 10;
const SLOW_DOWN_EVERY_MS = 1_000;
const RISE_OF_LIMIT = 0.1;
/** Number of calls up to which a bucket has room for a second's calls; above it has room for those of half a second. */
const SECOND_UP_TO = 10;
/** More than twice a reserve of one call: a sweep that takes all but the reserve leaves it less than half full. */
const SMALLEST_LEARNING_BUCKET = 4;
const RECENT_RESPONSES = 20;
const REFUSALS_THAT_TEACH = 2;
/** Below this share of the rate of all calls, 429s prove nothing about it if only a sweep's own rate was used up. */
const NEAR_THE_RATE = 0.75;
/** How far the database's clock must go back to count as set back, in milliseconds. */
const CLOCK_SET_BACK_MS = 5_000;

/** Returns the state before the first call. */
export function startRate({ all, sweeps }: Limits, nowMs: number): RateState {
  const base = {
    atMs: nowMs,
    blockedUntilMs: 0,
    slowedAtMs: 0,
    generation: 0,
    learning: { recent: '', accepted: [], flowingSinceMs: nowMs },
    ...(sweeps !== undefined && { sweeps: startSweeps(sweeps) }),
  };
  if (all === undefined) return { ...base, rate: START_PER_SECOND, tokens: START_PER_SECOND / 4 };
  const { perSecond, bucket } = shape(all);
  return { ...base, limitPerMinute: all, rate: perSecond, tokens: bucket };
}

/** Starts without tokens: calls under another limit may just have been made. */
function startSweeps(limitPerMinute: number): SweepPace {
  return { limitPerMinute, rate: shape(limitPerMinute).perSecond, tokens: 0 };
}

/** Puts the state under these limits. Leases given before are void if a limit has changed. */
export function underLimits(state: RateState, { all, sweeps }: Limits, nowMs: number): RateState {
  const current = state.limitPerMinute === all ? state : changeLimit(state, all, nowMs);
  if (current.sweeps?.limitPerMinute === sweeps) return current;
  const { sweeps: before, ...others } = current;
  const generation = state.generation + 1;
  if (sweeps === undefined) return { ...others, generation };
  return { ...others, generation, sweeps: startSweeps(sweeps) };
}

function changeLimit(
  { atMs, blockedUntilMs, generation, sweeps }: RateState,
  all: number | undefined,
  nowMs: number,
): RateState {
  const started = startRate({ ...(all !== undefined && { all }) }, Math.max(atMs, nowMs));
  // No tokens: those of the old limit may just have been used.
  return { ...started, tokens: 0, blockedUntilMs, generation: generation + 1, ...(sweeps && { sweeps }) };
}

/** The response to a request for calls. */
export interface LeaseResponse {
  state: RateState;
  /** Number of calls that may be started within {@link LEASE_MS}. */
  tokens: number;
  /** When to ask again, in milliseconds. */
  retryInMs: number;
  /** Whether the calls come from a rate that only sweeps have, so that live runs cannot use them. */
  sweepsOnly: boolean;
}

/**
 * Leases calls.
 *
 * With a limit, the number of calls started in any 60 seconds never exceeds it, however many processes ask and
 * whenever: the bucket, its refill in 61 seconds (a lease may be used a second later), and one more bucket in case the
 * clock is set forward, together stay within the limit.
 *
 * Sweeps leave a reserve ({@link LIVE_RESERVE}) to live runs, and are also held to their own rates. Without any limit
 * their rate starts low, is doubled while they use it up until the first 429, and then follows what was accepted; live
 * runs are not held to it.
 */
export function lease(state: RateState, request: { want: number; caller: Caller; nowMs: number }): LeaseResponse {
  const now = advance(request.caller === 'sweep' ? withRamp(state) : state, request.nowMs);
  const waitMs = now.blockedUntilMs - now.atMs;
  const sweepsOnly = request.caller === 'sweep' && paceBinds(now);
  if (waitMs > 0) return { state: now, tokens: 0, retryInMs: waitMs, sweepsOnly };
  const buckets = bucketsFor(request.caller, now);
  const tokens = buckets.reduce(
    (least, { tokens: held, reserve }) => Math.max(0, Math.min(least, Math.floor(held - reserve))),
    Math.floor(request.want),
  );
  const left = buckets.reduce((taken, { take }) => take(taken, tokens), now);
  const retryInMs = Math.max(
    ...buckets.map(({ tokens: held, reserve, rate }) =>
      Math.ceil((Math.max(0, 1 + reserve - (held - tokens)) / rate) * 1_000),
    ),
  );
  return { state: left, tokens, retryInMs, sweepsOnly };
}

interface Bucket {
  tokens: number;
  reserve: number;
  rate: number;
  take: (state: RateState, tokens: number) => RateState;
}

/** Returns the buckets that a call is taken from, all at the same time. */
function bucketsFor(caller: Caller, state: RateState): Bucket[] {
  const { sweeps, ramp } = state;
  const all: Bucket = {
    tokens: state.tokens,
    reserve: reserveOf(state, caller),
    rate: state.rate,
    take: (from, tokens) => ({ ...from, tokens: from.tokens - tokens }),
  };
  if (caller === 'live') return [makingWay(all)];
  if (sweeps) {
    const own: Bucket = {
      ...sweeps,
      reserve: 0,
      take: (from, tokens) => ({ ...from, sweeps: { ...sweeps, tokens: sweeps.tokens - tokens } }),
    };
    // A configured rate of sweeps replaces the rate that would otherwise be learned.
    return state.limitPerMinute === undefined ? [own] : [all, own];
  }
  if (!isRamping(state) || !ramp) return [all];
  return [
    all,
    { ...ramp, reserve: 0, take: (from, tokens) => ({ ...from, ramp: { ...ramp, tokens: ramp.tokens - tokens } }) },
  ];
}

/**
 * Live runs are not held to what sweeps have learned, but use it up, because the provider's limit is for both. Sweeps get
 * what comes next, however many live runs there are.
 */
function makingWay(all: Bucket): Bucket {
  return {
    ...all,
    take: (from, tokens) => {
      const { ramp, ...left } = all.take(from, tokens);
      if (ramp?.learned === undefined) return ramp ? { ...left, ramp } : left;
      return { ...left, ramp: { ...ramp, tokens: Math.min(ramp.tokens, Math.max(0, ramp.tokens - tokens)) } };
    },
  };
}

/** Returns whether sweeps have a rate that can be lower than that of all calls. */
function paceBinds(state: RateState): boolean {
  const { limitPerMinute, sweeps } = state;
  if (sweeps) return limitPerMinute === undefined || sweeps.limitPerMinute < limitPerMinute;
  return isRamping(state);
}

/** Returns whether sweeps are held to the ramp: no limit is set, and no 429 has taught one for all calls. */
function isRamping({ limitPerMinute, learning, sweeps }: RateState): boolean {
  return limitPerMinute === undefined && learning.learned === undefined && sweeps === undefined;
}

/** Returns the current rate of all sweeps together, in calls a second. */
export function sweepPace(state: RateState): number {
  return Math.min(...bucketsFor('sweep', withRamp(state)).map(({ rate }) => rate));
}

function withRamp(state: RateState): RateState {
  if (state.ramp || !isRamping(state)) return state;
  return { ...state, ramp: { rate: RAMP_START_PER_SECOND, tokens: RAMP_START_PER_SECOND / 4, usedMs: 0 } };
}

/** The responses since the last report of a process. */
export interface ResponseReport {
  accepted: number;
  /** Number of 429 responses. */
  refused: number;
  /** Number of them that were for calls of sweeps. @default 0 */
  refusedSweeps?: number;
  /** The longest wait that the provider requested, in milliseconds. */
  retryAfterMs?: number;
  nowMs: number;
}

/** Slows down after 429s, at most once a second, and remembers what was accepted. */
export function report(state: RateState, responses: ResponseReport): RateState {
  const now = remember(advance(state, responses.nowMs), responses);
  if (responses.refused === 0) return now;
  const blockedUntilMs = Math.max(now.blockedUntilMs, now.atMs + (responses.retryAfterMs ?? 0));
  const blocked = { ...now, blockedUntilMs };
  if (now.atMs - now.slowedAtMs < SLOW_DOWN_EVERY_MS) return blocked;
  const slowed =
    now.limitPerMinute === undefined ? slowDownLearning(blocked) : slowDownKnown(blocked, now.limitPerMinute);
  return slowDownSweeps(slowed);
}

/**
 * Returns bucket and refill under a limit. A large bucket costs refill, because two of them have to fit into any minute; a
 * small one is full, and loses refill, when the ledger is slow. It has room for a reserve if the limit allows it: two calls.
 */
function shape(limitPerMinute: number): { perSecond: number; bucket: number } {
  const wanted = Math.max(limitPerMinute / 120, Math.min(limitPerMinute / 60, SECOND_UP_TO));
  const bucket = Math.max(wanted, Math.min(2, Math.max(1, limitPerMinute / 8)));
  const inAnyMinute = limitPerMinute + 1 - (limitPerMinute < 8 ? 1 : 2) * bucket;
  return { bucket, perSecond: inAnyMinute / (60 + LEASE_MS / 1_000) - 1e-6 };
}

function bucketOf(state: RateState): number {
  if (state.limitPerMinute !== undefined) return shape(state.limitPerMinute).bucket;
  return learningBucket(state.rate);
}

function learningBucket(rate: number): number {
  return Math.max(SMALLEST_LEARNING_BUCKET, rate / 2);
}

function reserveOf(state: RateState, caller: Caller): number {
  const bucket = bucketOf(state);
  if (caller === 'live' || bucket < 2) return 0;
  const share = (state.limitPerMinute === undefined ? bucket : state.limitPerMinute / 60) * LIVE_RESERVE;
  return Math.min(bucket - 1, Math.max(1, share));
}

/** Advances the time: the rate rises and the bucket fills. A clock that runs backwards adds nothing. */
function advance(state: RateState, nowMs: number): RateState {
  if (nowMs < state.atMs - CLOCK_SET_BACK_MS) return setBack(state, nowMs);
  const atMs = Math.max(state.atMs, nowMs);
  const seconds = Math.max(0, atMs - Math.max(state.atMs, state.blockedUntilMs)) / 1_000;
  if (seconds === 0) return { ...state, atMs };
  const rate = risen(state, seconds);
  const { sweeps, ramp } = state;
  const risenState = {
    ...state,
    atMs,
    rate,
    ...(sweeps && { sweeps: advanceSweeps(sweeps, seconds) }),
    ...(ramp && { ramp: advanceRamp(ramp, seconds) }),
  };
  return { ...risenState, tokens: filled(state, rate, bucketOf(risenState), seconds) };
}

function filled(
  { tokens, rate }: { tokens: number; rate: number },
  rateNow: number,
  bucket: number,
  seconds: number,
): number {
  return Math.min(bucket, tokens + ((rate + rateNow) / 2) * seconds);
}

function advanceSweeps(pace: SweepPace, seconds: number): SweepPace {
  const { limitPerMinute } = pace;
  const rate = risenTo(limitPerMinute, pace.rate, seconds);
  return { limitPerMinute, rate, tokens: filled(pace, rate, shape(limitPerMinute).bucket, seconds) };
}

/** Rises in steps, so that a rate is used long enough to see whether it is accepted; evenly once it is learned. */
function advanceRamp(ramp: Ramp, seconds: number): Ramp {
  const tokens = filled(ramp, ramp.rate, learningBucket(ramp.rate), seconds);
  const used = usedFor(ramp.tokens, learningBucket(ramp.rate), seconds);
  if (ramp.learned !== undefined) return { ...ramp, tokens, rate: risenFrom(ramp.rate, ramp, used) };
  const usedMs = ramp.usedMs + used * 1_000;
  if (usedMs < RAMP_DOUBLES_AFTER_MS) return { ...ramp, tokens, usedMs };
  return { rate: Math.min(MOST_PER_SECOND, ramp.rate * 2), tokens, usedMs: 0 };
}

/** Moves everything that was remembered by the old clock, so that nothing waits for the old time to return. */
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
  if (limitPerMinute !== undefined) return risenTo(limitPerMinute, rate, seconds);
  const used = usedFor(state.tokens, bucketOf(state), seconds);
  if (learning.learned === undefined) return Math.min(MOST_PER_SECOND, rate * 2 ** used);
  return risenFrom(rate, learning, used);
}

function risenTo(limitPerMinute: number, rate: number, seconds: number): number {
  return Math.min(shape(limitPerMinute).perSecond, rate + (RISE_OF_LIMIT * limitPerMinute * seconds) / 60);
}

/** A bucket that is not emptied does not show what the provider would accept, and a long pause shows little. */
function usedFor(tokens: number, bucket: number, seconds: number): number {
  return tokens < bucket / 2 ? Math.min(seconds, 1) : 0;
}

function remember(state: RateState, { accepted, refused, refusedSweeps = 0 }: ResponseReport): RateState {
  if (state.limitPerMinute !== undefined) return state;
  const { learning, atMs } = state;
  // The order within a report is unknown; 429s count last, so that the next report still sees them.
  const held = paceBinds(state) ? Math.min(refused, refusedSweeps) : 0;
  const responses = [
    ['.', accepted],
    ['s', held],
    ['x', refused - held],
  ] as const;
  const written = responses.map(([letter, times]) => letter.repeat(Math.min(times, RECENT_RESPONSES))).join('');
  const kept = learning.accepted.filter(([whenMs]) => whenMs > atMs - LEARN_FROM_MS);
  return {
    ...state,
    learning: {
      ...learning,
      recent: (learning.recent + written).slice(-RECENT_RESPONSES),
      accepted: accepted > 0 ? merged(kept, atMs, accepted) : kept,
    },
  };
}

function slowDownKnown(state: RateState, limitPerMinute: number): RateState {
  const slowest = shape(limitPerMinute).perSecond / 64;
  const rate = Math.max(state.rate / 2, slowest);
  return { ...state, rate, tokens: 0, slowedAtMs: state.atMs, generation: state.generation + 1 };
}

function slowDownSweeps(state: RateState): RateState {
  const { sweeps, atMs, learning } = state;
  if (!sweeps) return state;
  const slowest = shape(sweeps.limitPerMinute).perSecond / 64;
  const slowed = { ...sweeps, rate: Math.max(sweeps.rate / 2, slowest), tokens: 0 };
  return {
    ...state,
    sweeps: slowed,
    slowedAtMs: atMs,
    generation: state.generation + 1,
    learning: { ...learning, ...fromNowOn(state) },
  };
}

/** Takes what was accepted just now as the limit and continues below it. A ramp ends, since all have learned. */
function slowDownLearning(given: RateState): RateState {
  const accepted = acceptedPerSecond(given);
  if (!teachesAll(given, accepted)) return slowDownRamp(given, accepted);
  const { ramp, ...state } = given;
  const { rate, ...lesson } = lessonFrom(Math.max(1, accepted), state.learning);
  return {
    ...state,
    rate,
    tokens: 0,
    slowedAtMs: state.atMs,
    generation: state.generation + 1,
    learning: { ...lesson, recent: '', ...fromNowOn(state) },
  };
}

/**
 * Returns whether the last 429s show what the provider accepts of all calls. Those of a sweep that was held to its own
 * rate do not, unless all calls together came near the rate: far below it, only the sweep's rate was accepted.
 */
function teachesAll(state: RateState, accepted: number): boolean {
  const counting = accepted >= NEAR_THE_RATE * state.rate ? 'sx' : 'x';
  return refusalsOf(state, counting) >= REFUSALS_THAT_TEACH;
}

/** The ramp ends at its first 429. Later ones slow sweeps down as often as those of all calls do. */
function slowDownRamp(state: RateState, accepted: number): RateState {
  const { ramp, learning, atMs } = state;
  if (!ramp || !isRamping(state)) return state;
  if (ramp.learned !== undefined && refusalsOf(state, 's') < REFUSALS_THAT_TEACH) return state;
  const lesson = lessonFrom(Math.max(1, Math.min(ramp.rate, accepted)), ramp);
  return {
    ...state,
    slowedAtMs: atMs,
    generation: state.generation + 1,
    ramp: { ...lesson, tokens: 0, usedMs: 0 },
    learning: { ...learning, recent: learning.recent.replaceAll('s', '.'), ...fromNowOn(state) },
  };
}
