import { setTimeout as delay } from 'node:timers/promises';
import { lease, startRate } from '../../policy/rate';
import type { RateState } from '../../policy/rate';

/** Maximum number of dry runs to remember. */
const MOST_DRY_RUNS = 1_000;

/** A dry run and its rate in calls per minute. */
export interface DryRunRate {
  sweepId: string;
  callsPerMinute: number;
}

/**
 * Limits dry runs to their own rates, in this process only. The ledger does not store these rates, so they limit
 * nothing else.
 */
export class DryRunPaces {
  readonly #now: () => number;
  readonly #states = new Map<string, RateState>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Waits until the dry run may make one more call; returns false if `signal` aborted first. */
  async take({ sweepId, callsPerMinute }: DryRunRate, signal?: AbortSignal): Promise<boolean> {
    while (!signal?.aborted) {
      const nowMs = this.#now();
      const asked = lease(this.#states.get(sweepId) ?? startRate({ all: callsPerMinute }, nowMs), {
        want: 1,
        caller: 'live',
        nowMs,
      });
      const [oldest] = this.#states.keys();
      if (oldest !== undefined && this.#states.size >= MOST_DRY_RUNS && !this.#states.has(sweepId))
        this.#states.delete(oldest);
      this.#states.set(sweepId, asked.state);
      if (asked.tokens > 0) return true;
      await delay(Math.max(1, asked.retryInMs), undefined, signal && { signal }).catch(() => undefined);
    }
    return false;
  }
}
