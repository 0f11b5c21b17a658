/** Where something listens. */
export interface ListenAddress {
  /** An IPv6 address stands without brackets. */
  host: string;
  port: number;
}

/** Nobody else reaches it unless the setting says so. */
const LOOPBACK = '127.0.0.1';
const ADDRESS = /^(?:(?:\[(?<six>[0-9A-Fa-f:.]+)\]|(?<host>[^\s:/[\]]+)):)?(?<port>\d{1,5})$/;

/** Reads `PORT`, `HOST:PORT` or `[IPV6]:PORT`; undefined for anything else. A port alone means this machine only. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const found = ADDRESS.exec(text)?.groups;
  const port = Number(found?.['port']);
  if (!found || port < 1 || port > 65_535) return undefined;
  return { host: found['six'] ?? found['host'] ?? LOOPBACK, port };
}

/** The address as one text, as it was given. */
export function listenAddressText({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
