import type { Health } from './health-server';

/**
 * Maximum time since the ledger's last response, in milliseconds. It is checked every five seconds and may take five to
 * fail.
 */
const MAX_LEDGER_LAG_MS = 15_000;

/** How long the Temporal server's result is reused, in milliseconds. */
const POLLING_REUSE_MS = 5_000;

/** Maximum startup time of a worker, from the start of its process, in milliseconds. */
const MAX_STARTUP_MS = 60_000;

/** The observable state of a worker. */
export interface WorkerView {
  /** Returns the state of Temporal's worker; undefined before it is created. */
  state: () => string | undefined;
  /** Returns whether the Temporal server sees this worker poll. */
  isPolling: () => Promise<boolean>;
  ledgerLagMs: () => number | undefined;
}

/**
 * Reports whether a worker is ready: it runs, the Temporal server sees it poll, and the ledger responds. A stopping
 * worker is not ready, but alive until it has finished or returned its tasks. A starting worker is not ready, and alive
 * for one minute.
 */
export class Readiness {
  readonly #worker: WorkerView;
  readonly #startsUntilMs: number;
  #polling: { checkedAtMs: number; result: Promise<boolean> } | undefined;

  /** @param startsWithinMs Maximum startup time, in milliseconds, after which the worker counts as not alive. */
  constructor(worker: WorkerView, startsWithinMs = MAX_STARTUP_MS) {
    this.#worker = worker;
    this.#startsUntilMs = performance.now() + startsWithinMs;
  }

  async ready(): Promise<Health> {
    const worker = this.#worker.state() ?? 'STARTING';
    const lagMs = this.#worker.ledgerLagMs();
    const ledger = lagMs !== undefined && lagMs <= MAX_LEDGER_LAG_MS;
    const polling = worker === 'RUNNING' && (await this.#isPolling());
    return { ok: polling && ledger, worker, polling, ledger };
  }

  alive(): Health {
    const worker = this.#worker.state() ?? 'STARTING';
    const starting = worker === 'STARTING' || worker === 'INITIALIZED';
    return { ok: starting ? performance.now() < this.#startsUntilMs : worker !== 'FAILED', worker };
  }

  async #isPolling(): Promise<boolean> {
    const nowMs = performance.now();
    if (!this.#polling || nowMs - this.#polling.checkedAtMs > POLLING_REUSE_MS) {
      this.#polling = { checkedAtMs: nowMs, result: this.#worker.isPolling().catch(() => false) };
      // A negative result is not reused.
      const { result } = this.#polling;
      if (!(await result) && this.#polling?.result === result) this.#polling = undefined;
      return result;
    }
    return this.#polling.result;
  }
}
