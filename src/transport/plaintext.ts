import { BlockList, isIP } from 'node:net';

/** Connections that may be allowed to leave this machine without TLS. */
export type PlaintextItem = 'ledger' | 'temporal' | 'otlp' | `source.${string}`;

const SETTING = 'HTTP_TASKS_ALLOW_PLAINTEXT';
/** The items that are not sources. */
export const FIXED_PLAINTEXT_ITEMS = ['ledger', 'temporal', 'otlp'] as const;
const SOURCE = /^source\.([A-Z][A-Z0-9_-]*)$/i;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Returns whether a host is this machine: an address in 127.0.0.0/8, `::1` (with or without brackets), `localhost`, or
 * the absolute path of a Unix socket. All other names and notations count as other machines, because a resolver could
 * be made to return any address for them.
 */
export function isThisMachine(host: string): boolean {
  if (host.startsWith('/')) return true;
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(bare);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}

/** Returns whether this item can be allowed. */
export function isPlaintextItem(item: string): boolean {
  return FIXED_PLAINTEXT_ITEMS.some((known) => known === item) || SOURCE.test(item);
}

/** The items of `HTTP_TASKS_ALLOW_PLAINTEXT`. */
export class AllowedPlaintext {
  readonly #items: ReadonlySet<string>;

  constructor(items: Iterable<string>) {
    this.#items = new Set([...items].map(normalized));
  }

  allows(item: PlaintextItem): boolean {
    return this.#items.has(normalized(item));
  }

  /** The items as written in the setting, sorted. */
  get items(): readonly string[] {
    return [...this.#items].sort();
  }
}

/** Returns why a connection to a host beyond this machine needs TLS, and what to do. */
export function whyTlsIsNeeded(host: string, item: PlaintextItem, how: string): string {
  return `connects to ${host}, which is beyond this machine, without TLS: keys and data would be sent in cleartext. ${how} Or, on a network that you trust, list ${item} in ${SETTING}.`;
}

/** `source.closed-accounts` and `source.CLOSED_ACCOUNTS` are the same source. */
function normalized(item: string): string {
  const name = SOURCE.exec(item)?.[1];
  return name === undefined ? item : `source.${name.toLowerCase().replaceAll('-', '_')}`;
}
