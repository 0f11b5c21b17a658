import { cancelOn } from '../../http/connections';
import type { ResponseCounts } from '../../ledger/sweeps/rate-ledger';
import type { Caller } from '../../policy/rate';

interface Lease {
  tokens: number;
  untilMs: number;
}

/** The calls that this process may still make; each expires with its lease. */
export class LeasedTokens {
  /** Oldest first, so that tokens are used in the order in which they expire. */
  #leases: Lease[] = [];
  #left = 0;

  /** Number of tokens, including those that have expired since the last {@link take}. */
  get left(): number {
    return this.#left;
  }

  add(tokens: number, untilMs: number): void {
    if (tokens === 0) return;
    this.#leases.push({ tokens, untilMs });
    this.#left += tokens;
  }

  /** Uses one token that has not expired. */
  take(nowMs: number): boolean {
    let lease = this.#leases[0];
    while (lease !== undefined && (lease.tokens === 0 || nowMs >= lease.untilMs)) {
      this.#left -= lease.tokens;
      this.#leases.shift();
      lease = this.#leases[0];
    }
    if (lease === undefined) return false;
    lease.tokens -= 1;
    this.#left -= 1;
    return true;
  }

  drop(): void {
    this.#leases = [];
    this.#left = 0;
  }
}

const SLOTS = 10;
const SLOT_MS = 100;

/** Counts the calls of the last second, in tenths of a second. */
export class RecentCalls {
  readonly #counts = new Float64Array(SLOTS);
  #slot = 0;

  add(nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    if (slot !== this.#slot) this.#turnTo(slot);
    const place = slot % SLOTS;
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
  }

  withinLastSecond(nowMs: number): number {
    this.#turnTo(Math.floor(nowMs / SLOT_MS));
    return this.#counts.reduce((sum, calls) => sum + calls, 0);
  }

  /** Drops counts that are older than a second. */
  #turnTo(slot: number): void {
    const passed = Math.min(SLOTS, slot - this.#slot);
    for (let back = 0; back < passed; back += 1) this.#counts[(slot - back) % SLOTS] = 0;
    this.#slot = slot;
  }
}

/** What a provider's response says about the rate. */
export type RateResponse = { refused: false } | { refused: true; caller: Caller; retryAfterMs?: number };

/** Responses to calls that have not been reported to the ledger yet. */
export class UnreportedResponses {
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
  take(nowMs: number): ResponseCounts | undefined {
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
  putBack({ accepted, refused, refusedSweeps = 0 }: ResponseCounts): void {
    this.#accepted += accepted;
    this.#refused += refused;
    this.#refusedSweeps += refusedSweeps;
  }
}

interface Waiter {
  settle: (admitted: boolean) => void;
  refuse: (error: Error) => void;
}

/** Callers that wait for a token, first in, first out. */
export class WaitQueue {
  readonly #waiting = new Set<Waiter>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves to true once admitted, or to false if the signal aborts first. */
  wait(signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        offSignal?.();
      };
      const waiter: Waiter = {
        settle: (admitted) => {
          leave();
          resolve(admitted);
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiting.add(waiter);
      const offSignal = signal && cancelOn(signal, { cancel: () => waiter.settle(false) });
    });
  }

  admitWhile(mayAdmit: () => boolean): void {
    for (const waiter of this.#waiting) {
      if (!mayAdmit()) return;
      waiter.settle(true);
    }
  }

  refuseAll(error: Error): void {
    for (const waiter of this.#waiting) waiter.refuse(error);
  }
}
