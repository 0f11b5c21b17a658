import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import type { SenderSettings } from 'temporal-http-tasks/internal/config/sender-settings';
import { batchService } from 'temporal-http-tasks/internal/providers/batch/service';
import { httpService } from 'temporal-http-tasks/internal/tasks/http-service';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';

export interface Received {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A real HTTP server that sends the given responses and records the requests. */
export class Provider {
  readonly received: Received[] = [];
  readonly origin: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.origin = originOf(server);
  }

  static async start(respond: (response: ServerResponse, request: Received) => void): Promise<Provider> {
    const server = createServer((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const { method = '', url = '', headers } = incoming;
        const request = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') };
        provider.received.push(request);
        respond(response, request);
      });
    });
    // Client and server share one event loop here, so a stall of it must not make the server drop an idle connection.
    server.keepAliveTimeout = 0;
    const closeIdle = server.close.bind(server);
    server.close = (done) => {
      server.closeAllConnections();
      return closeIdle(done);
    };
    await listen(server);
    const provider = new Provider(server);
    return provider;
  }

  get last(): Received {
    return this.received.at(-1)!;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }
}

/** A TCP server that lets a test write, or break, anything; `act` runs once a whole request has arrived. */
export class RawProvider {
  readonly origin: string;
  requests = 0;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.origin = originOf(server);
  }

  static async start(act: (socket: Socket) => void): Promise<RawProvider> {
    const sockets = new Set<Socket>();
    const server = createSocketServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      let seen = '';
      socket.on('data', (chunk) => {
        seen += chunk.toString('latin1');
        if (!isWhole(seen)) return;
        seen = '';
        provider.requests += 1;
        act(socket);
      });
    });
    await listen(server);
    const provider = new RawProvider(server, sockets);
    return provider;
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return closeServer(this.#server);
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
  return text.length >= end + 4 + length;
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Values that must appear nowhere but in a request. */
export const CANARIES = {
  PLAID_CLIENT_ID: 'canary-client-5d1f0c',
  PLAID_SECRET: 'canary/plaid+secret=7a&b"c',
  BATCH_REST_API_KEY: 'canary-rest-91b2c3',
  ios: 'canary-ios-key-44aa',
  android: 'canary/android key-55bb',
} as const;

export function environment(origin: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    PLAID_BASE_URL: origin,
    PLAID_CLIENT_ID: CANARIES.PLAID_CLIENT_ID,
    PLAID_SECRET: CANARIES.PLAID_SECRET,
    BATCH_BASE_URL: origin,
    BATCH_REST_API_KEY: CANARIES.BATCH_REST_API_KEY,
    BATCH_API_KEYS: `ios=${CANARIES.ios},android=${CANARIES.android}`,
    HTTP_TASKS_HTTP_ALLOW: origin,
    ...more,
  };
}

export function settingsFor(origin: string, more: Record<string, string> = {}): SenderSettings {
  return readSenderSettings(environment(origin, more), [plaidService, batchService, httpService]);
}
