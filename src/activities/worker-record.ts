import { randomUUID } from 'node:crypto';
import type { ServiceSettings } from '../config/service-settings';
import { BEAT_MS } from '../ledger/worker-environments';
import type { RecordedWorker, WorkerLedger } from '../ledger/worker-environments';

/**
 * Records in the ledger which environments a worker uses and which queries it knows, for as long as it runs. Commands
 * read this before they delete or schedule. If the ledger is unavailable, only the record is missing.
 */
export class WorkerRecord {
  readonly #worker = randomUUID();
  readonly #ledger: () => WorkerLedger;
  readonly #services: ReadonlyMap<string, ServiceSettings>;
  readonly #queries: readonly string[];
  #timer: NodeJS.Timeout | undefined;
  #heartbeat: Promise<void> | undefined;

  constructor(ledger: () => WorkerLedger, services: ReadonlyMap<string, ServiceSettings>, queries: readonly string[]) {
    this.#ledger = ledger;
    this.#services = services;
    this.#queries = queries;
  }

  /** Resolves after the first attempt to record, so that a worker is known before it polls. */
  async start({
    identity,
    namespace,
    taskQueue,
  }: Pick<RecordedWorker, 'identity' | 'namespace' | 'taskQueue'>): Promise<void> {
    const environments = [...this.#services.values()].map(({ service, environment, production, keySlots }) => ({
      service,
      environment,
      production,
      keySlots,
    }));
    const recorded = { worker: this.#worker, identity, namespace, taskQueue, environments, queries: this.#queries };
    this.#timer = setInterval(() => void this.#beat(recorded), BEAT_MS);
    this.#timer.unref();
    await this.#beat(recorded);
  }

  async end(): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    // In parallel, because each may wait for an unavailable ledger; a late heartbeat does not undo the end.
    await Promise.all([this.#heartbeat, this.#tryEnd()]);
  }

  async #tryEnd(): Promise<void> {
    try {
      await this.#ledger().end(this.#worker);
    } catch {
      // The record expires by itself.
    }
  }

  #beat(recorded: RecordedWorker): Promise<void> {
    // A pending heartbeat is not followed by another one.
    this.#heartbeat ??= this.#tryBeat(recorded).finally(() => {
      this.#heartbeat = undefined;
    });
    return this.#heartbeat;
  }

  async #tryBeat(recorded: RecordedWorker): Promise<void> {
    try {
      await this.#ledger().beat(recorded);
    } catch {
      // The next heartbeat tries again; until then commands treat this worker's environment as unknown.
    }
  }
}
