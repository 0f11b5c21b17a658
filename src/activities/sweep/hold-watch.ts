import type { FencedLedger } from './fenced-ledger';

/** So long the ledger's word counts that no hold lies on a user. A whole wave is mostly done sooner. */
const CLEAR_FOR_MS = 1_000;

/**
 * Whether a hold lies on one user by now, or everything is stopped. The wave's intent was recorded only because there was none; whoever comes to
 * a call later than that, after a wait or in the queue of a slow provider, has to ask again.
 */
export class HoldWatch {
  #clearAtMs: number;
  #obstacle: 'held' | 'stopped' | undefined;

  /** @param clearAtMs The reading of `performance.now()` at which the ledger was asked for the wave. */
  constructor(
    private readonly ledger: FencedLedger,
    private readonly subjects: readonly string[],
    clearAtMs: number,
  ) {
    this.#clearAtMs = clearAtMs;
  }

  /** Whether the ledger has said just now that nothing forbids a call; then there is nothing to ask. */
  get isClear(): boolean {
    return this.#obstacle === undefined && performance.now() <= this.#clearAtMs + CLEAR_FOR_MS;
  }

  /** A hold on the user, or the stop of everything; undefined when a call may be sent. */
  async obstacle(): Promise<'held' | 'stopped' | undefined> {
    if (this.#obstacle !== undefined || this.isClear) return this.#obstacle;
    const askedAtMs = performance.now();
    this.#obstacle = await this.ledger.forbids(this.subjects);
    this.#clearAtMs = askedAtMs;
    return this.#obstacle;
  }
}
