/** The origin of a call: live runs take priority over sweeps. */
export type Caller = 'live' | 'sweep';

/** The limits on one credential of a service, in calls a minute. */
export interface Limits {
  /** Limit on all calls: the standing limit, else the documented one. Absent when it is learned from responses. */
  all?: number;
  /** Limit on the calls of all sweeps together: the lowest of the running sweeps' own rates. */
  sweeps?: number;
}

/**
 * The rate of calls to one credential of a service, shared by all processes. Immutable; each function returns a new
 * state.
 */
export interface RateState {
  /** `Limits.all`. */
  limitPerMinute?: number;
  /** Current rate, in calls a second. */
  rate: number;
  /** Number of calls that may be leased immediately. */
  tokens: number;
  /** The latest time that this state has seen, in milliseconds since 1970. */
  atMs: number;
  /** Nothing is leased before this time, because the provider requested a wait. */
  blockedUntilMs: number;
  /** When refusals last changed the rate. */
  slowedAtMs: number;
  /** Grows when earlier leases become void: their holders must drop what is left of them. */
  generation: number;
  /** What was learned from responses; used only without a limit. */
  learning: Learning;
  /** The pace of sweeps under `Limits.sweeps`. */
  sweeps?: SweepPace;
  /** The pace of sweeps while no limit on all calls is known. */
  ramp?: Ramp;
}

/** The rate of sweeps under their own limits. */
export interface SweepPace {
  limitPerMinute: number;
  /** Current rate, in calls a second. */
  rate: number;
  tokens: number;
}

/** What 429s have taught. */
interface Lesson {
  /**
   * Rate of accepted calls when 429s last slowed them down, in calls a second; absent while the rate still doubles. Of a
   * ramp those of sweeps.
   */
  learned?: number;
  /** Whether two lessons in succession were nearly the same. @default false */
  confirmed?: boolean;
}

/** The rate of sweeps while no limit on all calls is known. */
export interface Ramp extends Lesson {
  /** Current rate, in calls a second. */
  rate: number;
  tokens: number;
  /** How long sweeps have used up this rate, in milliseconds. */
  usedMs: number;
}

/** What is remembered of responses. */
interface Learning extends Lesson {
  /**
   * The last responses, oldest first: `.` accepted, `x` refused, `s` refused to a sweep that was held to its own rate.
   */
  recent: string;
  /** Accepted calls of the last two seconds: time and number. */
  accepted: readonly (readonly [atMs: number, calls: number])[];
  /** Start of the current flow of calls, in milliseconds since 1970. */
  flowingSinceMs: number;
}

/** Maximum rate, in calls a second: far above what a provider accepts, and far below where numbers become inexact. */
export const MOST_PER_SECOND = 1_000_000;
/** The time after which a rate that is used up is doubled while nothing else is known, in milliseconds. */
export const RAMP_DOUBLES_AFTER_MS = 10_000;
const RISE_OF_LEARNED = 0.2;
/** Share of what was accepted at which a rate continues after 429s: the first time, and when they confirm what was learned. */
const CONTINUES_AT = { first: 0.5, confirmed: 0.8 };
/** How far what was accepted may differ from what was learned before to confirm it. */
const CONFIRMS_WITHIN = 0.25;
/** Around a confirmed rate, from and to these shares of it, a rate rises by this share of it each second. */
const CAREFULLY = { from: 0.9, to: 1.15, rise: 0.03 };
/** The time before a 429 whose accepted calls teach, in milliseconds, and the shortest one. */
export const LEARN_FROM_MS = 2_000;
const SHORTEST_LESSON_MS = 250;

/** Returns what 429s teach, and the rate to continue at. */
export function lessonFrom(accepted: number, { learned: before }: Lesson): Lesson & { rate: number } {
  const confirmed = before !== undefined && Math.abs(accepted - before) <= CONFIRMS_WITHIN * before;
  const rate = accepted * (confirmed ? CONTINUES_AT.confirmed : CONTINUES_AT.first);
  return { rate, learned: accepted, ...(confirmed && { confirmed }) };
}

/**
 * Rises quickly to what was learned, slowly around it once it is confirmed, and quickly again above it: what was learned
 * from few calls, or under another limit, does not limit a rate far above it.
 */
export function risenFrom(rate: number, { learned = 1, confirmed = false }: Lesson, usedSeconds: number): number {
  if (confirmed && rate < CAREFULLY.to * learned) {
    const slowly = Math.max(rate, CAREFULLY.from * learned) + CAREFULLY.rise * learned * usedSeconds;
    return Math.min(slowly, rate + RISE_OF_LEARNED * learned * usedSeconds);
  }
  const doubling = rate * 2 ** ((usedSeconds * 1_000) / RAMP_DOUBLES_AFTER_MS);
  return Math.min(MOST_PER_SECOND, Math.max(doubling, rate + RISE_OF_LEARNED * learned * usedSeconds));
}

/** Merges reports of many processes within a tenth of a second into one entry, so that the state stays small. */
export function merged(entries: Learning['accepted'], atMs: number, calls: number): Learning['accepted'] {
  const last = entries.at(-1);
  if (last === undefined || atMs - last[0] >= 100) return [...entries, [atMs, calls]];
  return [...entries.slice(0, -1), [last[0], last[1] + calls]];
}

/** Returns the rate of the calls that were accepted just now, in calls a second. */
export function acceptedPerSecond({ learning, atMs }: RateState): number {
  const lessonMs = Math.min(LEARN_FROM_MS, Math.max(SHORTEST_LESSON_MS, atMs - learning.flowingSinceMs));
  return (learning.accepted.reduce((sum, [, some]) => sum + some, 0) * 1_000) / lessonMs;
}

/** Returns the lessons of a flow of calls that begins now. */
export function fromNowOn({ atMs, blockedUntilMs }: RateState): Pick<Learning, 'accepted' | 'flowingSinceMs'> {
  return { accepted: [], flowingSinceMs: Math.max(atMs, blockedUntilMs) };
}

/** Returns how many of the last responses were refusals of these kinds; see `Learning.recent`. */
export function refusalsOf({ learning }: RateState, letters: string): number {
  return [...learning.recent].filter((response) => letters.includes(response)).length;
}
