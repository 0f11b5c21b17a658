/** The address that a server listens on. */
export interface ListenAddress {
  /** IPv6 addresses are written without brackets. */
  host: string;
  port: number;
}

/** The default: only this machine can connect. */
const LOOPBACK = '127.0.0.1';
const ADDRESS = /^(?:(?:\[(?<six>[0-9A-Fa-f:.]+)\]|(?<host>[^\s:/[\]]+)):)?(?<port>\d{1,5})$/;

/**
 * Parses `PORT`, `HOST:PORT` or `[IPV6]:PORT`; returns undefined for anything else. A port alone means this machine
 * only.
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const found = ADDRESS.exec(text)?.groups;
  const port = Number(found?.['port']);
  if (!found || port < 1 || port > 65_535) return undefined;
  return { host: found['six'] ?? found['host'] ?? LOOPBACK, port };
}

/** Formats the address as it was given. */
export function listenAddressText({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
