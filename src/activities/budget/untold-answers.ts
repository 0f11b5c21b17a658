import type { AnswerCounts } from '../../ledger/sweeps/rate-ledger';
import type { Caller } from '../call-budget';

/** Responses to calls that have not been reported to the ledger yet. */
export class UntoldAnswers {
  #accepted = 0;
  #refused = 0;
  #refusedSweeps = 0;
  #waitUntilMs = 0;

  accepted(): void {
    this.#accepted += 1;
  }

  refused(caller: Caller, retryAfterMs: number | undefined, nowMs: number): void {
    this.#refused += 1;
    if (caller === 'sweep') this.#refusedSweeps += 1;
    // A wait starts with its response, no matter when the ledger receives it.
    this.#waitUntilMs = Math.max(this.#waitUntilMs, nowMs + (retryAfterMs ?? 0));
  }

  get hasRefusals(): boolean {
    return this.#refused > 0;
  }

  /** Removes and returns what has to be reported; undefined if there is nothing. */
  take(nowMs: number): AnswerCounts | undefined {
    const [accepted, refused, refusedSweeps] = [this.#accepted, this.#refused, this.#refusedSweeps];
    if (accepted + refused === 0) return undefined;
    this.#accepted = 0;
    this.#refused = 0;
    this.#refusedSweeps = 0;
    const retryAfterMs = Math.ceil(this.#waitUntilMs - nowMs);
    return {
      accepted,
      refused,
      ...(refusedSweeps > 0 && { refusedSweeps }),
      ...(refused > 0 && retryAfterMs > 0 && { retryAfterMs }),
    };
  }

  /** Adds counts again that could not be reported. */
  putBack({ accepted, refused, refusedSweeps = 0 }: AnswerCounts): void {
    this.#accepted += accepted;
    this.#refused += refused;
    this.#refusedSweeps += refusedSweeps;
  }
}
