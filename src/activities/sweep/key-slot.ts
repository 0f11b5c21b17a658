import type { RefusedKey } from './chunk-types';

/** So many calls may be in flight with one key. */
const MOST_IN_FLIGHT = 64;

/** How a call was let through: `trial` is the one that finds out whether a refused key is good again. */
export type Admission = 'call' | 'trial';

/**
 * The gate through which all calls with one key go. Once the provider has refused the key, nobody gets through, apart
 * from one call of each chunk that begins later: only that can show that the key is good again.
 */
export class KeySlot {
  #inFlight = 0;
  #refused = false;
  #trialUnderWay = false;
  #waiting: (() => void)[] = [];

  constructor(readonly key: RefusedKey) {}

  /**
   * Waits for its turn.
   * @param triedSlots The gates that the caller's chunk has gone through, to which this one is added.
   * @returns undefined when the key is refused; otherwise the call may be made, and `leave` has to follow.
   */
  async enter(triedSlots: Set<KeySlot>): Promise<Admission | undefined> {
    while (this.#inFlight >= MOST_IN_FLIGHT || (this.#refused && this.#trialUnderWay)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#refused && triedSlots.has(this)) {
      this.#wakeAll();
      return undefined;
    }
    triedSlots.add(this);
    this.#inFlight += 1;
    if (!this.#refused) return 'call';
    this.#trialUnderWay = true;
    return 'trial';
  }

  /** The call has ended, and the provider has accepted or refused the key, or (undefined) said nothing about it. */
  leave(admission: Admission, accepted: boolean | undefined): void {
    this.#inFlight -= 1;
    if (accepted === false) this.#refused = true;
    if (admission === 'trial') {
      this.#trialUnderWay = false;
      // Calls that were under way when the key was refused prove nothing about it now.
      if (accepted === true) this.#refused = false;
    }
    if (admission === 'trial' || accepted === false) this.#wakeAll();
    else this.#waiting.shift()?.();
  }

  #wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
