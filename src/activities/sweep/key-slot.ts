import { DEFAULT_WORK_LIMITS } from '../../config/process-settings';
import type { RefusedKey } from './contract';

/** How a call was admitted: `trial` is the one that finds out whether a refused key is valid again. */
export type Admission = 'call' | 'trial';

/** What the gate returns to a call. */
type Answer = Admission | 'refused';

interface Waiting {
  beganAtMs: number;
  tell: (answer: Answer) => void;
}

/**
 * The gate through which all calls with one key go. Times are readings of `performance.now()`.
 *
 * Modes:
 * - **open**: calls get through in their order, up to the limit in flight; the others wait. The mode at the start.
 *   Ends when the provider refuses the key for any call; all that wait are refused then.
 * - **refused**: calls of chunks that began before the refusal are refused; the first call of a chunk that began later
 *   becomes the trial. Ends with that.
 * - **trial**: one call is in flight that finds out whether the key is good again; others of later chunks wait. Ends
 *   with its response: accepted opens the gate, refused or unknown leads back to `refused`. Calls that were in flight
 *   when the key was refused do not count, since they say nothing about the key now.
 */
export class KeySlot {
  #inFlight = 0;
  #refusedAtMs: number | undefined;
  #trialUnderWay = false;
  readonly #waiting: Waiting[] = [];

  /** @param mostInFlight Maximum number of calls in flight. */
  constructor(
    readonly key: RefusedKey,
    private readonly mostInFlight = DEFAULT_WORK_LIMITS.callsPerKey,
  ) {}

  /**
   * Admits a call, immediately or when it is its turn. After `call` or `trial`, `leave` has to follow.
   *
   * @param beganAtMs When the caller's chunk began.
   */
  enter(beganAtMs: number): Answer | Promise<Answer> {
    const answer = this.#waiting.length === 0 ? this.#answer(beganAtMs) : undefined;
    return answer ?? new Promise((tell) => this.#waiting.push({ beganAtMs, tell }));
  }

  /** Returns whether the key was refused after this chunk had begun. */
  refuses(beganAtMs: number): boolean {
    return this.#refusedAtMs !== undefined && beganAtMs <= this.#refusedAtMs;
  }

  /** Ends a call. The provider has accepted or refused the key, or (undefined) the response does not show it. */
  leave(admission: Admission, accepted: boolean | undefined): void {
    this.#inFlight -= 1;
    if (accepted === false) this.#refuse();
    if (admission === 'trial') {
      this.#trialUnderWay = false;
      // Calls that were in progress when the key was refused prove nothing about it now.
      if (accepted === true) this.#refusedAtMs = undefined;
    }
    this.#serve();
  }

  #refuse(): void {
    this.#refusedAtMs = performance.now();
    for (const { tell } of this.#waiting.splice(0)) tell('refused');
  }

  #serve(): void {
    for (;;) {
      const [first] = this.#waiting;
      const answer = first && this.#answer(first.beganAtMs);
      if (answer === undefined) return;
      this.#waiting.shift();
      first?.tell(answer);
    }
  }

  /** Returns undefined if the call has to wait. */
  #answer(beganAtMs: number): Answer | undefined {
    if (this.refuses(beganAtMs)) return 'refused';
    if (this.#inFlight >= this.mostInFlight) return undefined;
    if (this.#refusedAtMs === undefined) {
      this.#inFlight += 1;
      return 'call';
    }
    if (this.#trialUnderWay) return undefined;
    this.#trialUnderWay = true;
    this.#inFlight += 1;
    return 'trial';
  }
}
