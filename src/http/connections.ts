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

/** One request to send. */
export interface WireCall {
  request: RequestParts;
  timeouts: CallTimeouts;
  limits: ExchangeLimits;
  signal?: AbortSignal | undefined;
  onSent?: (() => void) | undefined;
}

/** How connections are made. */
export interface ConnectionOptions {
  /** Maximum connections per origin, which is also the maximum of concurrent calls to it. */
  perOrigin: number;
  network: NetworkSettings;
  /** DNS lookup for calls that may only go to public addresses. @default the system's lookup */
  lookup?: LookupFunction | undefined;
}

/**
 * Maximum number of pools to keep besides those in use, so that a process that calls ever new origins does not keep a
 * pool for each.
 */
export const MOST_IDLE_POOLS = 256;

/** The connections to one origin with one set of connection options. */
interface OriginPool {
  pool: Pool;
  /** Calls in progress. */
  calls: number;
  /** Position in the order of use across all pools. */
  usedAt: number;
}

/**
 * Keep-alive connection pools by origin and connection options. Closes idle pools, least recently used first, above a
 * limit.
 */
export class Connections {
  readonly #perOrigin: number;
  readonly #network: NetworkSettings;
  readonly #publicLookup: LookupFunction;
  readonly #pools = new Map<string, OriginPool>();
  #uses = 0;
  #closed = false;

  constructor({ perOrigin, network, lookup }: ConnectionOptions) {
    this.#perOrigin = perOrigin;
    this.#network = network;
    this.#publicLookup = publicLookup(lookup);
  }

  /** Number of open pools. */
  get pools(): number {
    return this.#pools.size;
  }

  /** Sends one request exactly once and returns the outcome on the wire. */
  exchange({ request, timeouts, limits, signal, onSent }: WireCall): Promise<ExchangeResult> {
    if (this.#closed) return Promise.resolve({ kind: 'lost', sent: false, code: 'UND_ERR_CLOSED' });
    if (signal?.aborted) return Promise.resolve({ kind: 'cancelled' });
    return new Promise((resolve) => {
      let forget: (() => void) | undefined;
      const origin = this.#poolFor(request, timeouts.connectMs);
      origin.calls += 1;
      const exchange = new Exchange(limits, onSent, (result) => {
        origin.calls -= 1;
        forget?.();
        resolve(result);
      });
      if (signal) forget = cancelOn(signal, exchange);
      const wire = {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
        headersTimeout: timeouts.firstByteMs,
        bodyTimeout: timeouts.bodyMs,
      };
      untraced(() => origin.pool.dispatch(wire, exchange));
    });
  }

  /** Waits for calls in flight, then closes the connections. */
  async close(): Promise<void> {
    this.#closed = true;
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map(({ pool }) => pool.close()));
  }

  #poolFor({ origin, publicOnly = false }: RequestParts, connectMs: number): OriginPool {
    // A connection made without the address check must not carry a call that requires it.
    const key = `${connectMs} ${publicOnly ? 'public ' : ''}${origin}`;
    let found = this.#pools.get(key);
    if (!found) {
      this.#closeIdle();
      const pool = new Pool(origin, {
        connections: this.#perOrigin,
        // One call at a time per connection, so that a broken connection leaves only one call in doubt.
        pipelining: 1,
        allowH2: false,
        connect: connectorFor(origin, this.#network, { connectMs, ...(publicOnly && { guard: this.#publicLookup }) }),
      });
      found = { pool, calls: 0, usedAt: 0 };
      this.#pools.set(key, found);
    }
    found.usedAt = this.#uses += 1;
    return found;
  }

  /** Makes room for one more pool: closes the least recently used pools without calls. */
  #closeIdle(): void {
    const excess = this.#pools.size - MOST_IDLE_POOLS + 1;
    if (excess <= 0) return;
    const idle = [...this.#pools].filter(([, { calls }]) => calls === 0).sort(([, a], [, b]) => a.usedAt - b.usedAt);
    for (const [key, { pool }] of idle.slice(0, excess)) {
      this.#pools.delete(key);
      // No call can be lost: the pool has none, and close() waits for requests that were abandoned.
      pool.close().catch(() => undefined);
    }
  }
}
