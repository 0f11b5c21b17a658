import { isIPv6 } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import { buildConnector, Client, Pool } from 'undici';
import type { TlsIdentity } from '../config/network-settings';
import type { SenderSettings } from '../config/sender-settings';
import type { CallTimeouts } from '../tasks/define';
import { Exchange } from './exchange';
import type { ExchangeLimits, ExchangeResult, RequestParts } from './exchange';
import { publicLookup } from './public-address';

/** The context key with which OpenTelemetry packages suppress tracing. Keys with the same name are the same key. */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const SUPPRESSED = ROOT_CONTEXT.setValue(SUPPRESS_TRACING, true);

/**
 * Runs something without the host's instrumentation. Instrumentation of undici would otherwise add trace headers to
 * calls to third parties and put their URLs, which may contain a key, into spans.
 */
export function untraced<T>(work: () => T): T {
  return context.with(SUPPRESSED, work);
}

/** An operation in progress that can be cancelled. */
export interface Cancellable {
  cancel(): void;
}

const inProgress = new WeakMap<AbortSignal, Set<Cancellable>>();

/**
 * Cancels the operation when the signal aborts; returns a function that unsubscribes it. Hundreds of calls may share
 * one signal, so each signal gets one listener instead of one per call.
 */
export function cancelOn(signal: AbortSignal, cancellable: Cancellable): () => void {
  let cancellables = inProgress.get(signal);
  if (!cancellables) {
    const fresh = new Set<Cancellable>();
    inProgress.set(signal, fresh);
    signal.addEventListener('abort', () => fresh.forEach((open) => open.cancel()), { once: true });
    cancellables = fresh;
  }
  const shared = cancellables;
  shared.add(cancellable);
  return () => shared.delete(cancellable);
}

type Connector = buildConnector.connector;

/** The settings that decide how connections are made. */
export type NetworkSettings = Pick<SenderSettings, 'tlsIdentities' | 'proxy'>;

/** How connections to one origin are made. */
export interface ConnectorOptions {
  connectMs: number;
  /** DNS lookup that refuses forbidden addresses; absent if any address is allowed. */
  guard?: LookupFunction;
}

/** Error codes of connections that a proxy did not make. */
export const PROXY_UNREACHABLE = 'PROXY_UNREACHABLE';
export const PROXY_UNTRUSTED = 'PROXY_UNTRUSTED';
export const PROXY_UNAUTHORIZED = 'PROXY_UNAUTHORIZED';
export const PROXY_REFUSED = 'PROXY_REFUSED';
export const PROXY_AWAY = 'PROXY_AWAY';
/** Node.js error codes of a rejected certificate or a failed handshake. */
export const TLS_CODE = /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/;
/** Error code of a connection through a proxy: the host name has to be checked here but does not resolve here. */
export const UNKNOWN_HERE = 'NAME_UNKNOWN_HERE';

/**
 * Returns the connector for an origin: with its certificate and authorities, and through the proxy unless the origin is
 * exempt.
 */
export function connectorFor(
  origin: string,
  network: NetworkSettings,
  { connectMs, guard }: ConnectorOptions,
): Connector {
  const identity = network.tlsIdentities.get(origin);
  if (!network.proxy?.isFor(origin))
    return identified(identity, { timeout: connectMs, ...(guard && { lookup: guard }) });
  return tunnelled(network, identified(identity, { timeout: connectMs }), {
    connectMs,
    ...(guard && network.proxy.lookup === 'here' && { guard }),
  });
}

/** The longest interim response whose end is waited for, in bytes. */
const MOST_INTERIM_BYTES = 16_384;
/** The start of an interim response; 101 is none, because it ends HTTP on the connection. */
const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d/;
/** Every text that is the start of an interim response, or may become one. */
const MAY_BE_INTERIM = /^(?:$|H$|HT$|HTT$|HTTP$|HTTP\/(?:$|1(?:$|\.(?:$|[01](?:$| (?:$|1\d{0,2}$))))))/;
const INTERIM_LENGTH = 'HTTP/1.1 100'.length;
const STATUS_AT = 'HTTP/1.1 '.length;
const ONE = '1'.charCodeAt(0);
const CONTINUE = ' 100';

/**
 * Connects without ever showing `100 Continue` to undici, which closes the connection on it. No request asks for it, but
 * servers and proxies may send it all the same (RFC 9110, section 15.2). undici skips other interim responses itself.
 */
function withoutContinue(connector: Connector): Connector {
  return (target, callback) => {
    connector(target, (...result) => {
      const [error, socket] = result;
      if (error) callback(error, null);
      else {
        hideContinue(socket);
        callback(null, socket);
      }
    });
  };
}

/** A response begins after the head of a request, which is the only text that undici writes; bodies are bytes. */
function hideContinue(socket: Socket): void {
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null;
  const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
  const filter = new InterimFilter();
  socket.write = (...given: unknown[]) => {
    if (typeof given[0] === 'string') filter.expectResponse();
    return write(...given);
  };
  socket.read = (size?: number) => {
    if (size !== undefined) return read(size);
    for (let chunk = read(); chunk !== null; chunk = read()) {
      const shown = filter.shown(chunk);
      if (shown.length > 0) return shown;
    }
    return null;
  };
}

/** Removes `100 Continue` between the head of a request and the final response. */
class InterimFilter {
  #isExpected = false;
  /** The beginning of what may become an interim response. */
  #kept = Buffer.alloc(0);

  expectResponse(): void {
    this.#isExpected = true;
  }

  /** Returns what is left of the bytes received. */
  shown(chunk: Buffer): Buffer {
    if (!this.#isExpected) return chunk;
    // Nearly every response.
    if (this.#kept.length === 0 && chunk.length > STATUS_AT && chunk[STATUS_AT] !== ONE) {
      this.#isExpected = false;
      return chunk;
    }
    const shown: Buffer[] = [];
    let rest = Buffer.concat([this.#kept, chunk]);
    this.#kept = Buffer.alloc(0);
    while (rest.length > 0) {
      const start = rest.toString('latin1', 0, INTERIM_LENGTH);
      const isInterim = INTERIM.test(start);
      const end = isInterim ? rest.indexOf('\r\n\r\n') : -1;
      if (end >= 0) {
        if (!start.endsWith(CONTINUE)) shown.push(rest.subarray(0, end + 4));
        rest = rest.subarray(end + 4);
      } else if ((isInterim || MAY_BE_INTERIM.test(start)) && rest.length <= MOST_INTERIM_BYTES) {
        this.#kept = rest;
        break;
      } else {
        this.#isExpected = false;
        shown.push(rest);
        break;
      }
    }
    return Buffer.concat(shown);
  }
}

/** A certificate may expire before the worker stops, so each new connection uses the current content of the files. */
function identified(identity: TlsIdentity | undefined, options: buildConnector.BuildOptions): Connector {
  if (!identity) return buildConnector(options);
  let made: { material: ReturnType<TlsIdentity['material']>; connect: Connector } | undefined;
  return (target, callback) => {
    const material = identity.material();
    if (made?.material !== material) made = { material, connect: buildConnector({ ...options, ...material }) };
    made.connect(target, callback);
  };
}

/**
 * Connects through a tunnel (CONNECT), also to http origins. Nothing of a call reaches the proxy before the tunnel is
 * open, and no response of the proxy can be mistaken for the service's.
 */
function tunnelled(network: NetworkSettings, inner: Connector, options: ConnectorOptions): Connector {
  return (target, callback) => {
    untraced(() => openTunnel(network, target, options)).then(
      (socket) => {
        if (target.protocol === 'https:') inner({ ...target, httpSocket: socket }, callback);
        else callback(null, socket);
      },
      (error: Error) => callback(error, null),
    );
  };
}

async function openTunnel(
  network: NetworkSettings,
  target: buildConnector.Options,
  { connectMs, guard }: ConnectorOptions,
): Promise<Socket> {
  const { proxy } = network;
  if (!proxy) throw failed(PROXY_UNREACHABLE);
  const port = target.port === '' ? (target.protocol === 'https:' ? '443' : '80') : target.port;
  const host = guard ? await checkedAddress(guard, target.hostname) : target.hostname;
  const path = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const { origin, authorization } = proxy;
  const toProxy = identified(network.tlsIdentities.get(origin), { timeout: connectMs });
  const client = new Client(origin, {
    // Otherwise undici would verify the proxy's certificate against the `host` header, which is the service's.
    connect: withoutContinue((given, callback) => toProxy({ ...given, servername: '' }, callback)),
    headersTimeout: connectMs,
  });
  try {
    const { statusCode, socket } = await client.connect({
      path,
      headers: { host: path, ...(authorization !== undefined && { 'proxy-authorization': authorization }) },
    });
    if (statusCode >= 200 && statusCode < 300) return socket as Socket;
    socket.on('error', () => undefined).destroy();
    throw failed(codeOf(statusCode));
  } catch (error) {
    throw error instanceof TunnelError ? error : failed(isOfTls(error) ? PROXY_UNTRUSTED : PROXY_UNREACHABLE);
  } finally {
    // The client no longer owns the tunnel.
    void client.close().catch(() => undefined);
  }
}

/** Returns an address of this name that was checked; the proxy connects to it instead of resolving the name. */
function checkedAddress(guard: LookupFunction, hostname: string): Promise<string> {
  return new Promise((resolve, reject) => {
    guard(hostname, { all: true }, (error, response) => {
      const [first] = Array.isArray(response) ? response : [{ address: response }];
      if (!error && first) resolve(first.address);
      else
        reject(
          error?.code === 'ENOTFOUND' || error?.code === 'EAI_AGAIN'
            ? failed(UNKNOWN_HERE)
            : (error ?? failed(UNKNOWN_HERE)),
        );
    });
  });
}

function isOfTls(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && TLS_CODE.test(error.code);
}

function codeOf(status: number): string {
  if (status === 407) return PROXY_UNAUTHORIZED;
  return status >= 500 || status === 408 || status === 429 ? PROXY_AWAY : PROXY_REFUSED;
}

/** The tunnel was not opened; nothing of the call was sent. */
class TunnelError extends Error {
  readonly code: string;

  constructor(code: string) {
    super('The proxy did not open a connection');
    this.code = code;
  }
}

function failed(code: string): TunnelError {
  return new TunnelError(code);
}

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
        connect: withoutContinue(
          connectorFor(origin, this.#network, { connectMs, ...(publicOnly && { guard: this.#publicLookup }) }),
        ),
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
