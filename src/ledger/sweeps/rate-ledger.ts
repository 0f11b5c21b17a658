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
  /** The longest wait the provider asked for. */
  retryAfterMs?: number;
}

/** Asks for calls. */
export interface LeaseTokens extends RateKey {
  /** How many calls could be started within a second. */
  want: number;
  /** The share to leave for others: `LIVE_RESERVE` for sweeps, 0 for live runs. */
  liveReserve: number;
  /** Calls a minute that the provider documents; a limit given by `setRate` goes before it. Without either it is learned. */
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
}

/** A budget as it stands. */
export interface RateRow extends RateKey {
  /** By `setRate` or documentation; absent while it is learned. */
  limitPerMinute?: number;
  callsPerSecond: number;
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
   * Sets the limit, in calls a minute, from the next lease on; without one, the documented limit counts again.
   * @throws RangeError for a limit that is not above 0.
   */
  setRate(rate: RateKey & { limitPerMinute?: number }): Promise<void>;
  /** Every budget that was ever asked for. */
  readRates(): Promise<RateRow[]>;
}
