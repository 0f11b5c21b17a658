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
