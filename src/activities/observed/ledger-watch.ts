import type { RateLedger } from '../../ledger/sweeps/rate-ledger';
import type { Metrics } from '../../observability/metrics';

/** Often enough to notice an absent ledger, seldom enough to cost nothing. */
const ASK_EVERY_MS = 5_000;
const NO_TAGS = {};

/** Asks the ledger now and then whether it is there, and what the rates of all workers are. */
export class LedgerWatch {
  readonly #rates: Pick<RateLedger, 'readRates'>;
  readonly #metrics: Metrics;
  #answeredAtMs: number | undefined;
  #asking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(rates: Pick<RateLedger, 'readRates'>, metrics: Metrics) {
    this.#rates = rates;
    this.#metrics = metrics;
    metrics.beforeFlush(() => {
      if (this.lagMs !== undefined) metrics.set('http_tasks_ledger_lag_milliseconds', NO_TAGS, this.lagMs);
    });
  }

  /** How long ago the ledger was last known to answer; undefined while it is not open. */
  get lagMs(): number | undefined {
    return this.#answeredAtMs === undefined ? undefined : performance.now() - this.#answeredAtMs;
  }

  /** The ledger was opened right now. */
  start(): void {
    this.#answeredAtMs = performance.now();
    this.#timer = setInterval(() => this.#ask(), ASK_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#asking;
    this.#answeredAtMs = undefined;
  }

  #ask(): void {
    this.#asking ??= this.#askOnce().finally(() => {
      this.#asking = undefined;
    });
  }

  async #askOnce(): Promise<void> {
    const askedAtMs = performance.now();
    try {
      const rates = await this.#rates.readRates();
      this.#metrics.record('http_tasks_ledger_latency_milliseconds', NO_TAGS, performance.now() - askedAtMs);
      for (const { service, keySlot, callsPerSecond } of rates) {
        this.#metrics.set('http_tasks_rate_allowed', { service, key_slot: keySlot }, callsPerSecond);
      }
      // What it knew then is as old as the question.
      this.#answeredAtMs = askedAtMs;
    } catch {
      // Away, or it would have answered: the lag says so.
    }
  }
}
