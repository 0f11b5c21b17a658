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
export interface Lesson {
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
export interface Learning extends Lesson {
  /**
   * The last responses, oldest first: `.` accepted, `x` refused, `s` refused to a sweep that was held to its own rate.
   */
  recent: string;
  /** Accepted calls of the last two seconds: time and number. */
  accepted: readonly (readonly [atMs: number, calls: number])[];
  /** Start of the current flow of calls, in milliseconds since 1970. */
  flowingSinceMs: number;
}
