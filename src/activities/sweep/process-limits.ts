import { DEFAULT_WORK_LIMITS } from '../../config/process-settings';
import type { WorkLimits } from '../../config/process-settings';
import { KeySlot } from './key-slot';
import type { RateBacklog } from './key-slot';

/**
 * How long a caller waits for enough places for half a wave, in milliseconds; a user who waits for a provider may
 * occupy one for long.
 */
const PATIENCE_MS = 50;

/**
 * Limits that all chunks of a process share, so that many of them together load ledger and providers no more than one.
 */
export class ProcessLimits {
  /** After a crash, the users with an open intent have to be checked again. */
  readonly openUsers: OpenUserBudget;
  readonly #callsPerKey: number;
  readonly #slots = new Map<string, KeySlot>();

  constructor({ openUsers, callsPerKey }: Pick<WorkLimits, 'openUsers' | 'callsPerKey'> = DEFAULT_WORK_LIMITS) {
    this.openUsers = new OpenUserBudget(openUsers);
    this.#callsPerKey = callsPerKey;
  }

  /** Of the keys whose rate is the bottleneck. */
  get paced(): RateBacklog[] {
    return [...this.#slots.values()].flatMap(({ backlog }) => (backlog.isPaced ? [backlog] : []));
  }

  /** Returns the gate of one key of a service; a service with one key has no slot. */
  keySlot(service: string, slot?: string): KeySlot {
    const name = slot === undefined ? service : `${service} ${slot}`;
    let found = this.#slots.get(name);
    if (!found) {
      found = new KeySlot({ service, ...(slot !== undefined && { slot }) }, this.#callsPerKey);
      this.#slots.set(name, found);
    }
    return found;
  }
}

interface Waiting {
  most: number;
  least: number;
  give(places: number): void;
}

/** Semaphore of users with an open intent; chunks get places in the order of their requests. */
export class OpenUserBudget {
  #free: number;
  readonly #waiting: Waiting[] = [];
  readonly #shortages = new Set<() => void>();

  constructor(readonly places: number) {
    this.#free = places;
  }

  /**
   * Takes up to `most` places: at least `least` if they become free soon, otherwise those that are free.
   * @returns 0 when `signal` aborts first.
   */
  take({ most, least }: { most: number; least: number }, signal: AbortSignal): Promise<number> {
    if (signal.aborted) return Promise.resolve(0);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        most,
        least,
        give: (places) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', giveUp);
          resolve(places);
        },
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.give(0);
        this.#serve();
      };
      const timer = setTimeout(() => {
        waiting.least = 1;
        this.#serve();
        // Users who occupy places only so that more outcomes are written together give them back.
        if (this.#waiting.includes(waiting)) for (const help of this.#shortages) help();
      }, PATIENCE_MS);
      signal.addEventListener('abort', giveUp);
      this.#waiting.push(waiting);
      this.#serve();
    });
  }

  /** Whether a waiter exceeded its time, so that places have to be given back as soon as possible. */
  get isShort(): boolean {
    return this.#waiting.some(({ least }) => least === 1);
  }

  /** Calls `help` when another chunk waits for places. */
  whenShort(help: () => void): void {
    this.#shortages.add(help);
  }

  notWhenShort(help: () => void): void {
    this.#shortages.delete(help);
  }

  /** Gives places back. */
  giveBack(places: number): void {
    this.#free += places;
    this.#serve();
  }

  #serve(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (!first || this.#free < first.least) return;
      this.#waiting.shift();
      const places = Math.min(first.most, this.#free);
      this.#free -= places;
      first.give(places);
    }
  }
}
