import { BlockList, isIP } from 'node:net';

/** What may be allowed to go beyond this machine without TLS, each by its own name. */
export type PlaintextItem = 'ledger' | 'temporal' | 'otlp' | `source.${string}`;

const SETTING = 'HTTP_TASKS_ALLOW_PLAINTEXT';
/** The items that are not sources. */
export const FIXED_PLAINTEXT_ITEMS = ['ledger', 'temporal', 'otlp'] as const;
const SOURCE = /^source\.([A-Z][A-Z0-9_-]*)$/i;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Returns whether a host is this machine itself: an address of 127.0.0.0/8, `::1` (with or without brackets),
 * `localhost`, or the absolute path of a Unix socket. Any other name is beyond this machine, wherever it may lead, and so
 * is any other way to write an address: a resolver could be made to answer for it.
 */
export function isThisMachine(host: string): boolean {
  if (host.startsWith('/')) return true;
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(bare);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}

/** Returns whether this is the name of an item that can be allowed. */
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

  /** As they are written in the setting, sorted. */
  get items(): readonly string[] {
    return [...this.#items].sort();
  }
}

/** Returns what to write instead of a connection without TLS to a host beyond this machine. */
export function whyTlsIsNeeded(host: string, item: PlaintextItem, how: string): string {
  return `leads to ${host}, which is beyond this machine, without TLS: keys and data would travel in clear. ${how} Or, on a network that you trust, list ${item} in ${SETTING}.`;
}

/** `source.closed-accounts` and `source.CLOSED_ACCOUNTS` are one source. */
function normalized(item: string): string {
  const name = SOURCE.exec(item)?.[1];
  return name === undefined ? item : `source.${name.toLowerCase().replaceAll('-', '_')}`;
}
