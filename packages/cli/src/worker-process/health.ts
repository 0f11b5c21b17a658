import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { NativeConnection } from '@temporalio/worker';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import type { ListenAddress } from 'temporal-http-tasks/internal/config/process-settings';

/** `TASK_QUEUE_TYPE_WORKFLOW` of Temporal's API. */
const WORKFLOW_QUEUE = 1;
const DEADLINE_MS = 3_000;
/**
 * Maximum age of a worker's last poll, in milliseconds. A worker polls at least once a minute; the server lists pollers
 * for some minutes longer.
 */
const FRESH_MS = 75_000;

/** Returns whether the Temporal server sees this worker poll for workflow tasks. */
export async function isPolling(
  connection: NativeConnection,
  { namespace, taskQueue, identity }: { namespace: string; taskQueue: string; identity: string },
): Promise<boolean> {
  const { pollers } = await connection.withDeadline(Date.now() + DEADLINE_MS, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: WORKFLOW_QUEUE,
    }),
  );
  const oldest = Date.now() - FRESH_MS;
  return (pollers ?? []).some(
    (poller) => poller.identity === identity && Number(poller.lastAccessTime?.seconds ?? 0) * 1_000 > oldest,
  );
}

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

/** The result of a check. It is returned unchanged to callers, so it must contain no address or ID. */
export interface Health {
  ok: boolean;
  [fact: string]: unknown;
}

/** The health checks of a worker, by URL path. */
export type HealthChecks = Readonly<Record<`/${string}`, () => Health | Promise<Health>>>;

/** Serves health checks over HTTP: 200 if a check is ok, otherwise 503, with the result as JSON. */
export class HealthServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws SettingsError when the address cannot be used. */
  static async listen({ host, port }: ListenAddress, checks: HealthChecks): Promise<HealthServer> {
    const server = createServer((request, response) => void handle(request, response, checks));
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      throw new SettingsError([
        {
          setting: 'HTTP_TASKS_HEALTH_ADDRESS',
          message: `cannot be listened on (${code}); is another process using it?`,
        },
      ]);
    }
    // The server alone does not keep the process alive.
    server.unref();
    return new HealthServer(server);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

async function handle(
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
  checks: HealthChecks,
): Promise<void> {
  const path = url.split('?', 1)[0] ?? '';
  const check = Object.entries(checks).find(([name]) => name === path)?.[1];
  if (!check) return send(response, 404, { ok: false, paths: Object.keys(checks) });
  if (method !== 'GET' && method !== 'HEAD') return send(response, 405, { ok: false });
  try {
    const health = await check();
    send(response, health.ok ? 200 : 503, health);
  } catch {
    send(response, 503, { ok: false });
  }
}

function send(response: ServerResponse, status: number, health: Health): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(health)}\n`);
}
