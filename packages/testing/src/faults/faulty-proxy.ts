import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, request as forward } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The port of a provider that is shut, really, for some of its calls: each connection is refused. */
export interface FaultyProxy {
  url: string;
  /** How many connections were refused. */
  refused(): number;
  close(): Promise<void>;
}

const CONNECT_ERROR = 'undici:client:connectError';

/**
 * Opens a door to a server of this machine. Every call comes over a connection of its own.
 *
 * @param shut.atCall The door is shut right before the call of that number, from 1.
 * @param shut.times After so many refusals it is opened again.
 */
export async function openFaultyProxy(target: string, shut: { atCall: number; times: number }): Promise<FaultyProxy> {
  const proxy = new ClosingProxy(new URL(target), shut);
  await proxy.open();
  return proxy;
}

class ClosingProxy implements FaultyProxy {
  readonly #target: URL;
  readonly #shut: { atCall: number; times: number };
  readonly #server: Server;
  #port = 0;
  #calls = 0;
  #refused = 0;
  #closed = false;

  constructor(target: URL, shut: { atCall: number; times: number }) {
    this.#target = target;
    this.#shut = shut;
    this.#server = createServer((request, response) => this.#pass(request, response));
    subscribe(CONNECT_ERROR, this.#onRefused);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  refused(): number {
    return this.#refused;
  }

  async open(): Promise<void> {
    await this.#listen(0);
    this.#port = (this.#server.address() as AddressInfo).port;
    if (this.#shut.atCall === 1) await this.#stopListening();
  }

  async close(): Promise<void> {
    this.#closed = true;
    unsubscribe(CONNECT_ERROR, this.#onRefused);
    if (this.#server.listening) await this.#stopListening();
    this.#server.closeAllConnections();
  }

  /** The client is in this process and says itself that the port was closed. */
  readonly #onRefused = (message: unknown): void => {
    const { connectParams } = message as { connectParams?: { port?: string | number } };
    if (Number(connectParams?.port) !== this.#port) return;
    this.#refused += 1;
    if (this.#refused === this.#shut.times && !this.#closed) void this.#listen(this.#port);
  };

  #pass(request: IncomingMessage, response: ServerResponse): void {
    this.#calls += 1;
    // Shut before the response is sent: the next call comes right after it.
    if (this.#calls === this.#shut.atCall - 1) void this.#stopListening();
    const { hostname, port } = this.#target;
    const { url: path, method, headers } = request;
    const further = forward(
      { hostname, port, path, method, headers: { ...headers, connection: 'close' } },
      (upstream) => {
        response.writeHead(upstream.statusCode ?? 502, { ...upstream.headers, connection: 'close' });
        upstream.pipe(response);
      },
    );
    further.on('error', () => response.destroy());
    request.pipe(further);
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  #stopListening(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
