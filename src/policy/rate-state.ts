/** Makes a call: live runs go before sweeps. */
export type Caller = 'live' | 'sweep';

/** The limits on one credential of a service, in calls a minute. */
export interface Limits {
  /** On all calls: the standing limit, else the documented one. Absent: it is learned from the answers. */
  all?: number;
  /** On the calls of all sweeps together: the lowest of the running sweeps' own rates. */
  sweeps?: number;
}

/** How fast calls to one credential of a service may go, shared by all processes. A value: every function returns a new one. */
export interface RateState {
  /** `Limits.all`. */
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
  /** The pace of sweeps under `Limits.sweeps`. */
  sweeps?: SweepPace;
  /** The pace of sweeps while no limit on all calls is known. */
  ramp?: Ramp;
}

/** How fast sweeps may go under their own rates. */
export interface SweepPace {
  limitPerMinute: number;
  /** Calls a second right now. */
  rate: number;
  tokens: number;
}

/** How fast sweeps may go while nothing says how fast all calls may. */
export interface Ramp {
  /** Calls a second right now. */
  rate: number;
  tokens: number;
  /** Calls a second of sweeps that were accepted when refusals last slowed them down; absent while the rate still doubles. */
  learned?: number;
  /** For how long sweeps have used up this rate, in milliseconds. */
  usedMs: number;
}

/** What is remembered of the answers. */
export interface Learning {
  /** Calls a second that were accepted when refusals last came; absent while the rate still doubles. */
  learned?: number;
  /** The last answers, oldest first: `.` accepted, `x` refused, `s` refused to a sweep that was held to a pace of its own. */
  recent: string;
  /** Accepted calls of the last two seconds: when, how many. */
  accepted: readonly (readonly [atMs: number, calls: number])[];
  /** Since when calls flow. */
  flowingSinceMs: number;
}
