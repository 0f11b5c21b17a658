import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { ListenAddress } from 'temporal-http-tasks/internal/config/process-settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';

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
