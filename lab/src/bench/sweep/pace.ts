const EVERY_MS = 250;

/** Watches a growing count, and reports whether it grew as fast towards the end as at the beginning. */
export class PaceWatch {
  readonly #samples: { atMs: number; count: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly count: () => number) {
    this.#timer = setInterval(() => this.#sample(), EVERY_MS);
  }

  /**
   * Ends the watch.
   *
   * @returns The rate from seven to nine tenths of the growth ÷ that from one to three tenths; NaN when it was too
   *   short to measure.
   */
  stop(): number {
    clearInterval(this.#timer);
    return this.#pace(0.7, 0.9) / this.#pace(0.1, 0.3);
  }

  #sample(): void {
    this.#samples.push({ atMs: performance.now(), count: this.count() });
  }

  #pace(from: number, to: number): number {
    // A sweep's simulators are cleared when it has ended.
    const most = Math.max(...this.#samples.map(({ count }) => count));
    const begin = this.#samples.find(({ count }) => count >= most * from);
    const end = this.#samples.find(({ count }) => count >= most * to);
    if (!begin || !end || end.atMs === begin.atMs) return Number.NaN;
    return (end.count - begin.count) / (end.atMs - begin.atMs);
  }
}
