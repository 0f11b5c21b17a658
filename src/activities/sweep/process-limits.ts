import { DEFAULT_WORK_LIMITS } from '../../config/process-settings';
import type { WorkLimits } from '../../config/process-settings';
import { cancelOn } from '../../http/connections';
import { RecentCalls } from '../budget/key-counts';
import type { RefusedKey } from './contract';

/** How a call was admitted: `trial` is the one that finds out whether a refused key is valid again. */
export type Admission = 'call' | 'trial';

/** What the gate returns to a call. */
type Decision = Admission | 'refused';

interface WaitingCall {
  beganAtMs: number;
  resolve: (response: Decision) => void;
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
  /** Its admitted calls that wait for the rate. */
  readonly backlog: RateBacklog;
  #inFlight = 0;
  #refusedAtMs: number | undefined;
  #isTrying = false;
  readonly #waiting: WaitingCall[] = [];

  /** @param mostInFlight Maximum number of calls in flight. */
  constructor(
    readonly key: RefusedKey,
    private readonly mostInFlight = DEFAULT_WORK_LIMITS.callsPerKey,
  ) {
    this.backlog = new RateBacklog(mostInFlight);
  }

  /**
   * Admits a call, immediately or when it is its turn. After `call` or `trial`, `leave` has to follow.
   *
   * @param beganAtMs When the caller's chunk began.
   */
  enter(beganAtMs: number): Decision | Promise<Decision> {
    const response = this.#waiting.length === 0 ? this.#decide(beganAtMs) : undefined;
    return response ?? new Promise((resolve) => this.#waiting.push({ beganAtMs, resolve }));
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
      this.#isTrying = false;
      // Calls that were in progress when the key was refused prove nothing about it now.
      if (accepted === true) this.#refusedAtMs = undefined;
    }
    this.#serve();
  }

  #refuse(): void {
    this.#refusedAtMs = performance.now();
    for (const { resolve: resolve } of this.#waiting.splice(0)) resolve('refused');
  }

  #serve(): void {
    for (;;) {
      const [first] = this.#waiting;
      const response = first && this.#decide(first.beganAtMs);
      if (response === undefined) return;
      this.#waiting.shift();
      first?.resolve(response);
    }
  }

  /** Returns undefined if the call has to wait. */
  #decide(beganAtMs: number): Decision | undefined {
    if (this.refuses(beganAtMs)) return 'refused';
    if (this.#inFlight >= this.mostInFlight) return undefined;
    if (this.#refusedAtMs === undefined) {
      this.#inFlight += 1;
      return 'call';
    }
    if (this.#isTrying) return undefined;
    this.#isTrying = true;
    this.#inFlight += 1;
    return 'trial';
  }
}

/**
 * Bounds of the number of waiting calls from which on beginning more users is pointless; between them, a second's calls.
 * At most half of the calls in flight, all of which can wait.
 */
const MANY_WAITING = { least: 4, most: 32 };

/** How long many calls have to wait before the rate counts as the bottleneck, and few before it does not, in milliseconds. */
const PACED_AFTER_MS = 500;
const FREE_AFTER_MS = 2_000;

/**
 * The calls with one key that wait for the rate. Users who are begun while many wait only wait as well, and those who
 * have not ended when the time of their chunk is over have to be looked at again.
 *
 * Modes:
 * - **free**: the mode at the start, whatever waits. Ends when many calls have waited for half a second.
 * - **paced**: the rate is the bottleneck, so few users are begun at a time, and none while many calls wait. Ends when few
 *   calls have waited for two seconds.
 */
export class RateBacklog {
  readonly #most: number;
  readonly #served = new RecentCalls();
  readonly #waiters = new Set<() => void>();
  #waiting = 0;
  #isPaced = false;
  #isMany = false;
  /** When `#isMany` last changed. */
  #sinceMs = 0;

  constructor(mostInFlight = DEFAULT_WORK_LIMITS.callsPerKey) {
    this.#most = Math.min(MANY_WAITING.most, Math.ceil(mostInFlight / 2));
  }

  /** Counts a call while it waits for the rate. */
  async wait(admit: () => Promise<boolean>): Promise<boolean> {
    this.#waiting += 1;
    this.#note();
    try {
      const admitted = await admit();
      if (admitted) this.#served.add(performance.now());
      return admitted;
    } finally {
      this.#waiting -= 1;
      this.#note();
    }
  }

  get isPaced(): boolean {
    this.#note();
    return this.#isPaced;
  }

  /** Maximum number of users to begin together while it is paced. */
  get wave(): number {
    return Math.min(this.#most, Math.max(MANY_WAITING.least, this.#served.withinLastSecond(performance.now())));
  }

  /** Resolves when more users may be begun, when the time is over, or when the signal aborts. */
  untilFew(signal: AbortSignal, withinMs: number): Promise<void> {
    if (!this.isPaced || !this.#isMany || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const leave = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(leave);
        offSignal();
        resolve();
      };
      const timer = setTimeout(leave, Math.max(0, withinMs));
      const offSignal = cancelOn(signal, { cancel: leave });
      this.#waiters.add(leave);
    });
  }

  #note(): void {
    const nowMs = performance.now();
    const isMany = this.#waiting >= this.wave;
    if (isMany !== this.#isMany) {
      this.#isMany = isMany;
      this.#sinceMs = nowMs;
    }
    const forMs = nowMs - this.#sinceMs;
    if (isMany && forMs > PACED_AFTER_MS) this.#isPaced = true;
    if (!isMany && forMs > FREE_AFTER_MS) this.#isPaced = false;
    if (!isMany) for (const leave of this.#waiters) leave();
  }
}

/**
 * How long a caller waits for enough places for half a wave, in milliseconds; a user who waits for a provider may
 * occupy one for long.
 */
const MAX_WAIT_MS = 50;

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

interface WaitingChunk {
  most: number;
  least: number;
  grant(places: number): void;
}

/** Semaphore of users with an open intent; chunks get places in the order of their requests. */
export class OpenUserBudget {
  #free: number;
  readonly #waiting: WaitingChunk[] = [];
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
      const waiting: WaitingChunk = {
        most,
        least,
        grant: (places) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', giveUp);
          resolve(places);
        },
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.grant(0);
        this.#serve();
      };
      const timer = setTimeout(() => {
        waiting.least = 1;
        this.#serve();
        // Users who occupy places only so that more outcomes are written together give them back.
        if (this.#waiting.includes(waiting)) for (const returnPlaces of this.#shortages) returnPlaces();
      }, MAX_WAIT_MS);
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
  whenShort(returnPlaces: () => void): void {
    this.#shortages.add(returnPlaces);
  }

  notWhenShort(returnPlaces: () => void): void {
    this.#shortages.delete(returnPlaces);
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
      first.grant(places);
    }
  }
}
