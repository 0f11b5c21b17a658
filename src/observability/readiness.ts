import type { Health } from './health-server';

/** The ledger is asked every five seconds, and may take five to say that it is away. */
const LONGEST_LEDGER_LAG_MS = 15_000;

/** However often somebody asks, the Temporal server is asked no more often than this. */
const POLLING_HOLDS_MS = 5_000;

/** A worker that does not run by then, counted from the start of its process, does not start any more. */
const STARTS_WITHIN_MS = 60_000;

/** What there is to know about a worker. */
export interface WorkerView {
  /** The state of Temporal's worker; undefined before it is made. */
  state: () => string | undefined;
  /** Whether the Temporal server sees this worker ask for tasks. */
  isPolling: () => Promise<boolean>;
  ledgerLagMs: () => number | undefined;
}

/**
 * Whether a worker does its work: it runs, the Temporal server sees it poll, and the ledger answers. A worker that is
 * told to stop is not ready from that moment on, and alive until it has handed back or finished what it had. One that
 * starts is not ready, and alive for a minute.
 */
export class Readiness {
  readonly #worker: WorkerView;
  readonly #startsUntilMs: number;
  #polling: { askedAtMs: number; answer: Promise<boolean> } | undefined;

  /** @param startsWithinMs How long the worker may take until it runs, in milliseconds, before it counts as not alive. */
  constructor(worker: WorkerView, startsWithinMs = STARTS_WITHIN_MS) {
    this.#worker = worker;
    this.#startsUntilMs = performance.now() + startsWithinMs;
  }

  async ready(): Promise<Health> {
    const worker = this.#worker.state() ?? 'STARTING';
    const lagMs = this.#worker.ledgerLagMs();
    const ledger = lagMs !== undefined && lagMs <= LONGEST_LEDGER_LAG_MS;
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
    if (!this.#polling || nowMs - this.#polling.askedAtMs > POLLING_HOLDS_MS) {
      this.#polling = { askedAtMs: nowMs, answer: this.#worker.isPolling().catch(() => false) };
      // Whoever comes next need not wait until a "no" has grown old.
      const { answer } = this.#polling;
      if (!(await answer) && this.#polling?.answer === answer) this.#polling = undefined;
      return answer;
    }
    return this.#polling.answer;
  }
}
