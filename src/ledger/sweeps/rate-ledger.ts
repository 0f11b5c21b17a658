import type { Caller } from '../../policy/rate';

/** Names one budget of calls. */
export interface RateKey {
  service: string;
  /** The credential's name where a service has several; empty where it has one. */
  keySlot: string;
}

/** What came back since the last report of this process. */
export interface AnswerCounts {
  accepted: number;
  /** Answers that said: too many calls (429). */
  refused: number;
  /** How many of them were for calls of sweeps; a pace that only sweeps are held to says nothing about the rate of all. @default 0 */
  refusedSweeps?: number;
  /** The longest wait the provider asked for. */
  retryAfterMs?: number;
}

/** Asks for calls. */
export interface LeaseTokens extends RateKey {
  /** How many calls could be started within a second. */
  want: number;
  /** For whom: sweeps leave a share to live runs, and are held to their own rates too. */
  caller: Caller;
  /** Calls a minute that the provider documents; a standing limit replaces it. Without either it is learned. */
  documentedLimit?: number;
  /** Saves a `reportAnswers` of its own. */
  answers?: AnswerCounts;
}

/** Calls that may be made. */
export interface TokenLease {
  tokens: number;
  /** What is left of the tokens by then is void; by a monotonic clock, from before the lease was asked for. */
  expiresInMs: number;
  /** When asking again makes sense. */
  retryInMs: number;
  /** When it differs from the one before, tokens leased earlier are void. */
  generation: number;
  /** Whether only sweeps may use them: they are out of a pace of sweeps that is lower than that of all calls. */
  sweepsOnly?: true;
}

/** How long a sweep's own rates count after {@link RateLedger.keepSweepRates}, in milliseconds. */
export const SWEEP_RATE_COUNTS_MS = 30_000;

/** A sweep's own rate for one key. */
export interface SweepRate extends RateKey {
  sweepId: string;
  limitPerMinute: number;
}

/** A budget as it stands. */
export interface RateRow extends RateKey {
  /** On all calls, standing or documented; absent while it is learned. */
  limitPerMinute?: number;
  /** The limit that was set with `setLimit`. */
  standingPerMinute?: number;
  /** The rates of the sweeps that run now, the lowest first: it is the one that counts. */
  sweeps: readonly Omit<SweepRate, keyof RateKey>[];
  /**
   * Calls a second that the provider accepted when it last refused some: of all calls, or of sweeps where only they have
   * learned. Absent where nothing was learned.
   */
  learnedPerSecond?: number;
  /** What all calls may come to right now. */
  callsPerSecond: number;
  /** What the calls of sweeps may come to right now. */
  sweepCallsPerSecond: number;
}

/**
 * One budget of calls for each service and key slot, shared by all processes over the ledger. The clock is the
 * database's, so that the processes' own need not agree.
 *
 * All methods reject with `LedgerUnavailableError` when the database cannot be used right now; no token was given then,
 * or none that anybody uses.
 */
export interface RateLedger {
  /** Takes up to `want` tokens at once. Zero is an answer too: ask again after `retryInMs`. */
  leaseTokens(lease: LeaseTokens): Promise<TokenLease>;
  /** Reports answers; refusals slow everybody down (see `policy/rate.ts`) and make a new generation. */
  reportAnswers(report: RateKey & { answers: AnswerCounts; documentedLimit?: number }): Promise<{ generation: number }>;
  /**
   * Sets the standing limit on all calls, in calls a minute, from the next lease on; without one, the documented limit
   * counts again.
   * @throws RangeError for a limit that is not above 0.
   */
  setLimit(limit: RateKey & { limitPerMinute?: number }): Promise<void>;
  /**
   * Sets a sweep's own rate, or takes it back. It limits the calls of all sweeps, counts for
   * {@link SWEEP_RATE_COUNTS_MS} after this or the last `keepSweepRates`, and ends with the sweep. Does nothing for a
   * sweep that is not there or has ended.
   * @throws RangeError for a limit that is not above 0.
   */
  setSweepRate(rate: RateKey & { sweepId: string; limitPerMinute?: number }): Promise<void>;
  /** Reports that a sweep makes calls now, so that its own rates count. A run that was terminated stops doing so. */
  keepSweepRates(sweepId: string): Promise<void>;
  /** The rates that a sweep has or, after its end, had. */
  readSweepRates(sweepId: string): Promise<SweepRate[]>;
  /** Every budget that was ever asked for. */
  readRates(): Promise<RateRow[]>;
}
