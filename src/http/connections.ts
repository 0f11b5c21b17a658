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

/** Pools that are kept beyond those in use, so that a process that calls ever new origins does not keep one for each. */
export const MOST_IDLE_POOLS = 256;

/** The connections to one origin, made in one way. */
interface OriginPool {
  pool: Pool;
  /** Calls in progress. */
  calls: number;
  /** Grows with each call of any pool. */
  usedAt: number;
}

/** Kept-alive connections by origin and by how they are made. Beyond a limit, pools without a call in progress are closed. */
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

  /** How many pools are kept. */
  get pools(): number {
    return this.#pools.size;
  }

  /** Sends one request, once, and tells what the wire gave. */
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

  /** Waits for the calls in flight and closes the connections. */
  async close(): Promise<void> {
    this.#closed = true;
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map(({ pool }) => pool.close()));
  }

  #poolFor({ origin, publicOnly = false }: RequestParts, connectMs: number): OriginPool {
    // A connection that was made without the guard must not carry a call that wants it.
    const key = `${connectMs} ${publicOnly ? 'public ' : ''}${origin}`;
    let found = this.#pools.get(key);
    if (!found) {
      this.#closeIdle();
      const pool = new Pool(origin, {
        connections: this.#perOrigin,
        // Each connection carries one call at a time, so that a broken one makes no other call uncertain.
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

  /** Makes room for one more pool: closes those that have no call and were not used for the longest time. */
  #closeIdle(): void {
    const excess = this.#pools.size - MOST_IDLE_POOLS + 1;
    if (excess <= 0) return;
    const idle = [...this.#pools].filter(([, { calls }]) => calls === 0).sort(([, a], [, b]) => a.usedAt - b.usedAt);
    for (const [key, { pool }] of idle.slice(0, excess)) {
      this.#pools.delete(key);
      // It has no call that could be lost; a request that was given up is still waited for.
      pool.close().catch(() => undefined);
    }
  }
}
