import { setTimeout as delay } from 'node:timers/promises';
import { lease, startRate } from '../../policy/rate';
import type { RateState } from '../../policy/rate';

/** So many dry runs are remembered. */
const MOST_DRY_RUNS = 1_000;

/** A dry run and the calls a minute that it was given. */
export interface DryRunRate {
  sweepId: string;
  callsPerMinute: number;
}

/** Holds dry runs to their own rates, in this process alone: the ledger stores none of them, so that they limit nothing else. */
export class DryRunPaces {
  readonly #now: () => number;
  readonly #states = new Map<string, RateState>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Waits until the dry run may make one more call; false when `signal` aborted first. */
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
