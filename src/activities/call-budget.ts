import type { RateKey } from '../ledger/sweeps/rate-ledger';
import type { Caller } from '../policy/rate';
import type { DryRunRate } from './budget/dry-run-paces';

export type { Caller } from '../policy/rate';

/** What a provider's response says about the rate. */
export type RateResponse = { refused: false } | { refused: true; caller: Caller; retryAfterMs?: number };

/**
 * The calls that this process may make, leased from the ledger with one budget per service and key slot that all
 * processes share. Live runs go first.
 */
export interface CallBudgets {
  /** Uses one leased call; returns false if there is none and `admit` has to wait for it. */
  tryAdmit(key: RateKey, caller: Caller): boolean;
  /**
   * Waits until one call may be started. The call counts as used even if it is not made.
   * @returns false if `signal` aborted first.
   * @throws LedgerUnavailableError if the ledger cannot be reached; nothing was used.
   */
  admit(key: RateKey, caller: Caller, signal?: AbortSignal): Promise<boolean>;
  /** Reports the response to a call; sent to the ledger with the next lease, or immediately for a refusal. */
  answered(key: RateKey, response: RateResponse): void;
  /**
   * Reports that a sweep makes calls, so that its own rates take effect; usually at most one statement per ten seconds.
   * @throws LedgerUnavailableError
   */
  keepRatesOf(sweepId: string): Promise<void>;
  /**
   * Waits until a dry run with its own rate may make one more call, in addition to what `admit` waits for; returns
   * false if `signal` aborted first.
   */
  paceDryRun(rate: DryRunRate, signal?: AbortSignal): Promise<boolean>;
  /** Sends outstanding reports to the ledger. */
  close(): Promise<void>;
}
