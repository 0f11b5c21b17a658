import { isIPv6 } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { buildConnector, Client } from 'undici';
import type { SenderSettings } from '../config/sender-settings';
import type { TlsIdentity } from '../config/tls-identity';
import { untraced } from './untraced';

type Connector = buildConnector.connector;

/** What decides how connections are made. */
export type NetworkSettings = Pick<SenderSettings, 'tlsIdentities' | 'proxy'>;

/** How the connections to one origin are made. */
export interface ConnectorOptions {
  connectMs: number;
  /** Looks names up and refuses what may not be connected to; absent where anything may be. */
  guard?: LookupFunction;
}

/** Codes of connections that a proxy did not make. */
export const PROXY_UNREACHABLE = 'PROXY_UNREACHABLE';
export const PROXY_UNTRUSTED = 'PROXY_UNTRUSTED';
export const PROXY_UNAUTHORIZED = 'PROXY_UNAUTHORIZED';
export const PROXY_REFUSED = 'PROXY_REFUSED';
export const PROXY_AWAY = 'PROXY_AWAY';
/** Codes of Node under which a certificate or a handshake was not accepted. */
export const TLS_CODE = /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/;
/** Code of a connection through a proxy that was not made: the name is not known here, where it has to be checked. */
export const UNKNOWN_HERE = 'NAME_UNKNOWN_HERE';

/** What connects to an origin: with the certificate and the authorities for it, and through the proxy if it is not spared. */
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

/** Certificates live shorter than workers: each new connection is made with what the files hold by then. */
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
 * Connects by a tunnel (CONNECT), to http origins too: so nothing of a call reaches the proxy before there is a way to
 * the service, and no answer of the proxy's is taken for the service's.
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
    // undici would take the host of the header, which is the service's, for the name in the proxy's certificate.
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
    // The tunnel is no longer the client's.
    void client.close().catch(() => undefined);
  }
}

/** An address of this name that was checked; the proxy is asked for it and not for the name. */
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

/** There is no tunnel; nothing of the call was sent. */
class TunnelError extends Error {
  readonly code: string;

  constructor(code: string) {
    super('The proxy made no connection');
    this.code = code;
  }
}

function failed(code: string): TunnelError {
  return new TunnelError(code);
}
