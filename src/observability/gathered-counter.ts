import type { MetricCounter } from '@temporalio/common';

/**
 * Sums counts that occur thousands of times per second and passes the sum on at intervals, because each call into the
 * SDK's native part costs some microseconds.
 */
export class GatheredCounter {
  readonly #counter: MetricCounter;
  #added = 0;

  /** @param counter With its tags. */
  constructor(counter: MetricCounter) {
    this.#counter = counter;
  }

  add(howMany = 1): void {
    this.#added += howMany;
  }

  flush(): void {
    if (this.#added === 0) return;
    this.#counter.add(this.#added);
    this.#added = 0;
  }
}
