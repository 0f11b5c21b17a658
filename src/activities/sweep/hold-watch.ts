import type { FencedLedger } from './fenced-ledger';

/** So long the ledger's word counts that no hold lies on a user. A whole wave is mostly done sooner. */
const CLEAR_FOR_MS = 1_000;

/**
 * Whether a hold lies on one user by now. The wave's intent was recorded only because there was none; whoever comes to
 * a call later than that, after a wait or in the queue of a slow provider, has to ask again.
 */
export class HoldWatch {
  #clearAtMs: number;
  #held = false;

  /** @param clearAtMs The reading of `performance.now()` at which the ledger was asked for the wave. */
  constructor(
    private readonly ledger: FencedLedger,
    private readonly subjects: readonly string[],
    clearAtMs: number,
  ) {
    this.#clearAtMs = clearAtMs;
  }

  /** Whether the ledger has said so just now; then there is no hold, and nothing to ask. */
  get isClear(): boolean {
    return !this.#held && performance.now() <= this.#clearAtMs + CLEAR_FOR_MS;
  }

  async isHeld(): Promise<boolean> {
    if (this.#held || this.isClear) return this.#held;
    const askedAtMs = performance.now();
    this.#held = await this.ledger.isHeld(this.subjects);
    this.#clearAtMs = askedAtMs;
    return this.#held;
  }
}
