import type { FencedLedger } from './fenced-ledger';

/**
 * How long the ledger's information that a user is not on hold is valid, in milliseconds. Most waves are done sooner.
 */
const CLEAR_FOR_MS = 1_000;

/**
 * Checks whether one user is on hold by now, or everything is stopped. The wave's intent was recorded only because
 * there was no hold, unless the user is flagged as held; a call that is made later, after a wait or in the queue of a slow
 * provider, needs a new check.
 */
export class HoldWatch {
  #clearAtMs: number;
  #obstacle: 'held' | 'stopped' | undefined;

  /**
   * @param clearAtMs The reading of `performance.now()` at which the ledger was asked for the wave.
   * @param isHeld Whether the ledger has said then that the user is on hold.
   */
  constructor(
    private readonly ledger: FencedLedger,
    private readonly subjects: readonly string[],
    clearAtMs: number,
    isHeld = false,
  ) {
    this.#clearAtMs = clearAtMs;
    if (isHeld) this.#obstacle = 'held';
  }

  /** Whether the ledger has just confirmed that nothing forbids a call, so that no request is needed. */
  get isClear(): boolean {
    return this.#obstacle === undefined && performance.now() <= this.#clearAtMs + CLEAR_FOR_MS;
  }

  /** Returns the hold on the user, or the stop of everything; undefined when a call may be sent. */
  async obstacle(): Promise<'held' | 'stopped' | undefined> {
    if (this.#obstacle !== undefined || this.isClear) return this.#obstacle;
    const askedAtMs = performance.now();
    this.#obstacle = await this.ledger.forbids(this.subjects);
    this.#clearAtMs = askedAtMs;
    return this.#obstacle;
  }
}
