import type { RateLedger } from '../../ledger/sweeps/rate-ledger';
import type { Metrics } from '../../observability/metrics';

/** Interval between probes of the ledger, in milliseconds. */
const ASK_EVERY_MS = 5_000;
const NO_TAGS = {};

/** Regularly probes the ledger and reads the rates of all workers. */
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

  /** Milliseconds since the ledger last responded; undefined while it is not open. */
  get lagMs(): number | undefined {
    return this.#answeredAtMs === undefined ? undefined : performance.now() - this.#answeredAtMs;
  }

  /** Starts to probe; call it right after the ledger was opened. */
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
      // The response is as old as its request.
      this.#answeredAtMs = askedAtMs;
    } catch {
      // The ledger is unavailable, which the lag shows.
    }
  }
}
