import { isIPv6 } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { buildConnector, Client } from 'undici';
import type { SenderSettings } from '../config/sender-settings';
import type { TlsIdentity } from '../config/network-settings';
import { untraced } from './untraced';

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
    connect: (given, callback) => toProxy({ ...given, servername: '' }, callback),
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
    guard(hostname, { all: true }, (error, answer) => {
      const [first] = Array.isArray(answer) ? answer : [{ address: answer }];
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
