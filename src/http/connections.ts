import type { LookupFunction } from 'node:net';
import { Pool } from 'undici';
import type { CallTimeouts } from '../tasks/define';
import { cancelOn } from './cancellation';
import { connectorFor } from './connector';
import type { NetworkSettings } from './connector';
import { Exchange } from './exchange';
import type { ExchangeLimits, ExchangeResult } from './exchange';
import type { RequestParts } from './prepared-request';
import { publicLookup } from './public-lookup';
import { untraced } from './untraced';

/** One request to be sent. */
export interface WireCall {
  request: RequestParts;
  timeouts: CallTimeouts;
  limits: ExchangeLimits;
  signal?: AbortSignal | undefined;
  onSent?: (() => void) | undefined;
}

/** How connections are made. */
export interface ConnectionOptions {
  /** Connections, and so calls at the same time, to one origin. */
  perOrigin: number;
  network: NetworkSettings;
  /** Looks host names up for calls that may only go to public addresses. @default the system's */
  lookup?: LookupFunction | undefined;
}

/** Kept-alive connections by what they lead to and how they were made. */
export class Connections {
  readonly #perOrigin: number;
  readonly #network: NetworkSettings;
  readonly #publicLookup: LookupFunction;
  readonly #pools = new Map<string, Pool>();
  #closed = false;

  constructor({ perOrigin, network, lookup }: ConnectionOptions) {
    this.#perOrigin = perOrigin;
    this.#network = network;
    this.#publicLookup = publicLookup(lookup);
  }

  /** Sends one request, once, and tells what the wire gave. */
  exchange({ request, timeouts, limits, signal, onSent }: WireCall): Promise<ExchangeResult> {
    if (this.#closed) return Promise.resolve({ kind: 'lost', sent: false, code: 'UND_ERR_CLOSED' });
    if (signal?.aborted) return Promise.resolve({ kind: 'cancelled' });
    return new Promise((resolve) => {
      let forget: (() => void) | undefined;
      const exchange = new Exchange(limits, onSent, (result) => {
        forget?.();
        resolve(result);
      });
      if (signal) forget = cancelOn(signal, exchange);
      const pool = this.#poolFor(request, timeouts.connectMs);
      const wire = {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
        headersTimeout: timeouts.firstByteMs,
        bodyTimeout: timeouts.bodyMs,
      };
      untraced(() => pool.dispatch(wire, exchange));
    });
  }

  /** Waits for the calls in flight and closes the connections. */
  async close(): Promise<void> {
    this.#closed = true;
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.close()));
  }

  #poolFor({ origin, publicOnly = false }: RequestParts, connectMs: number): Pool {
    // A connection that was made without the guard must not carry a call that wants it.
    const key = `${connectMs} ${publicOnly ? 'public ' : ''}${origin}`;
    let pool = this.#pools.get(key);
    if (!pool) {
      pool = new Pool(origin, {
        connections: this.#perOrigin,
        // Each connection carries one call at a time, so that a broken one makes no other call uncertain.
        pipelining: 1,
        allowH2: false,
        connect: connectorFor(origin, this.#network, { connectMs, ...(publicOnly && { guard: this.#publicLookup }) }),
      });
      this.#pools.set(key, pool);
    }
    return pool;
  }
}
