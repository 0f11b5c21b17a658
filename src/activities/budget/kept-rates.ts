import { SWEEP_RATE_COUNTS_MS } from '../../ledger/sweeps/rate-ledger';
import type { RateLedger } from '../../ledger/sweeps/rate-ledger';

/** Interval in milliseconds; short enough that two consecutive statements may fail. */
const KEEP_EVERY_MS = SWEEP_RATE_COUNTS_MS / 3;

/** Keeps the rates of sweeps in effect while this process makes calls for them. */
export class KeptRates {
  readonly #rates: Pick<RateLedger, 'keepSweepRates'>;
  readonly #now: () => number;
  /** By sweep: when its rates were last kept, and the statement in progress that keeps them. */
  readonly #kept = new Map<string, { atMs: number; keeping?: Promise<void> }>();

  constructor(rates: Pick<RateLedger, 'keepSweepRates'>, now: () => number) {
    this.#rates = rates;
    this.#now = now;
  }

  async keep(sweepId: string): Promise<void> {
    const kept = this.#kept.get(sweepId);
    if (kept?.keeping) return kept.keeping;
    const nowMs = this.#now();
    if (kept && nowMs < kept.atMs + KEEP_EVERY_MS) return;
    const keeping = this.#keep(sweepId, nowMs);
    this.#kept.set(sweepId, { atMs: kept?.atMs ?? Number.NEGATIVE_INFINITY, keeping });
    return keeping;
  }

  async #keep(sweepId: string, nowMs: number): Promise<void> {
    try {
      await this.#rates.keepSweepRates(sweepId);
      for (const [other, { atMs, keeping }] of this.#kept)
        if (!keeping && nowMs > atMs + SWEEP_RATE_COUNTS_MS) this.#kept.delete(other);
      this.#kept.set(sweepId, { atMs: nowMs });
    } catch (error) {
      this.#kept.delete(sweepId);
      throw error;
    }
  }
}
