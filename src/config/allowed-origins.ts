import { parseOrigin } from './base-url';

/** All names below a domain, with one scheme and port. */
interface Wildcard {
  protocol: string;
  /** What a name must end with, including the dot: `.example.com`. */
  suffix: string;
  port: string;
}

const FORM =
  'write for example https://*.example.com, which covers every name below example.com, but not example.com itself.';
/** Optional scheme, wildcard as the whole first label, domain, optional port. */
const WILDCARD = /^(?:(https?):\/\/)?\*\.([^*/?#@:[\]\s]+)(?::(\d+))?\/?$/;
const LABELS = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** Origins: exact ones, and wildcards for the names below a domain. Iterates over them as written in settings. */
export class AllowedOrigins implements Iterable<string> {
  readonly #exact = new Set<string>();
  readonly #wildcards = new Map<string, Wildcard>();

  /** Adds an entry; returns what is wrong with it, if anything. */
  add(entry: string): string | undefined {
    return entry.includes('*') ? this.#addWildcard(entry) : this.#addExact(entry);
  }

  allows({ origin, protocol, hostname, port }: URL): boolean {
    if (this.#exact.has(origin)) return true;
    for (const wildcard of this.#wildcards.values()) {
      if (wildcard.protocol === protocol && wildcard.port === port && isBelow(hostname, wildcard)) return true;
    }
    return false;
  }

  *[Symbol.iterator](): Iterator<string> {
    yield* this.#exact;
    yield* this.#wildcards.keys();
  }

  #addExact(entry: string): string | undefined {
    const origin = parseOrigin(entry);
    if (typeof origin === 'string') return origin;
    this.#exact.add(origin.origin);
    return undefined;
  }

  #addWildcard(entry: string): string | undefined {
    const [, scheme = 'https', domain, port] = WILDCARD.exec(entry) ?? [];
    if (domain === undefined)
      return `contains a wildcard that is not the whole first label of a name, or something other than a port after the name; ${FORM}`;
    if (/(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i.test(domain))
      return 'contains a wildcard within an address; name each address separately.';
    if (!domain.replace(/\.$/, '').includes('.'))
      return `contains a wildcard for every name below "${domain}", which belongs to more than one owner; ${FORM}`;
    const sample = `${scheme}://any.${domain}${port === undefined ? '' : `:${port}`}`;
    if (!URL.canParse(sample)) return `contains a wildcard for an invalid domain; ${FORM}`;
    const { protocol, hostname, host, port: ownPort } = new URL(sample);
    const wildcard = { protocol, suffix: hostname.slice('any'.length), port: ownPort };
    this.#wildcards.set(`${protocol}//*${host.slice('any'.length)}`, wildcard);
    return undefined;
  }
}

/** Matches at any depth, but not the domain itself. */
function isBelow(hostname: string, { suffix }: Wildcard): boolean {
  return hostname.endsWith(suffix) && LABELS.test(hostname.slice(0, -suffix.length));
}
