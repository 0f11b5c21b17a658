import type { RateKey } from '../ledger/sweeps/rate-ledger';
import type { Caller } from '../policy/rate';
import type { DryRunRate } from './budget/dry-run-paces';

export type { Caller } from '../policy/rate';

/** What a provider's answer says about the rate. */
export type RateAnswer = { refused: false } | { refused: true; caller: Caller; retryAfterMs?: number };

/**
 * The calls that this process may make, leased from the ledger under one budget for each service and key slot, which
 * all processes share. Live runs go first.
 */
export interface CallBudgets {
  /** Takes one call out of what is leased already; false when there is none, and `admit` has to wait for it. */
  tryAdmit(key: RateKey, caller: Caller): boolean;
  /**
   * Waits until one call may be started. The call is spent, also when it is not made.
   * @returns false when `signal` aborted first.
   * @throws LedgerUnavailableError when the ledger cannot be asked; nothing was spent.
   */
  admit(key: RateKey, caller: Caller, signal?: AbortSignal): Promise<boolean>;
  /** Tells how a call was answered; kept and told to the ledger with the next lease, a refusal at once. */
  answered(key: RateKey, answer: RateAnswer): void;
  /** Reports that a sweep makes calls, so that its own rates count; seldom more than one statement in ten seconds. @throws LedgerUnavailableError */
  keepRatesOf(sweepId: string): Promise<void>;
  /** Waits until a dry run with a rate of its own may make one more call, besides what `admit` waits for; false when `signal` aborted first. */
  paceDryRun(rate: DryRunRate, signal?: AbortSignal): Promise<boolean>;
  /** Tells the ledger what is not told yet. */
  close(): Promise<void>;
}
