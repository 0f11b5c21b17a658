/** Waits no longer for enough places to fill half a wave; a user who waits for a provider may keep one for long. */
const PATIENCE_MS = 50;

interface Waiting {
  most: number;
  least: number;
  give(places: number): void;
}

/** Places for users with an open intent, given out in the order in which chunks ask. */
export class OpenUserBudget {
  #free: number;
  readonly #waiting: Waiting[] = [];
  readonly #shortages = new Set<() => void>();

  constructor(readonly places: number) {
    this.#free = places;
  }

  /**
   * Takes up to `most` places: at least `least` when so many become free soon, otherwise what there is.
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
        // Whoever holds places only because more outcomes could be written together gives them back.
        if (this.#waiting.includes(waiting)) for (const help of this.#shortages) help();
      }, PATIENCE_MS);
      signal.addEventListener('abort', giveUp);
      this.#waiting.push(waiting);
      this.#serve();
    });
  }

  /** Somebody has waited longer than there is patience for: places are to be given back as soon as can be. */
  get isShort(): boolean {
    return this.#waiting.some(({ least }) => least === 1);
  }

  /** Has a chunk called when another one waits for places. */
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
