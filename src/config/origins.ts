import { isLoopback, whyAmbiguousUrl } from '../transport/url-text';
import { readList } from './env';
import type { Env, ProblemList } from './env';

export { isLoopback };

/** The address of a service, split into what a connection and a request line need. */
export interface BaseUrl {
  /** Scheme, host and port. */
  origin: string;
  /** Prefix of every route: empty, or starts with a slash and does not end with one. */
  path: string;
}

/** Parses a base URL from a setting; returns what is wrong with it as a string, without repeating a user name in it. */
export function parseBaseUrl(text: string): BaseUrl | string {
  if (!URL.canParse(text)) return 'is not a URL; write for example https://api.example.com.';
  const ambiguous = whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return ambiguous;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return `begins with ${url.protocol}; it must be an https URL.`;
  if (url.username !== '' || url.password !== '') return 'contains a user name or a password; leave them out.';
  if (url.search !== '' || url.hash !== '') return 'contains a query or a fragment; leave it out.';
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return `is http to ${url.hostname}, where keys would be sent in cleartext; use https. http is allowed only for this machine (localhost, 127.0.0.1, [::1]).`;
  }
  return { origin: url.origin, path: url.pathname.replace(/(?<!\/)\/+$/, '') };
}

/** Parses the URL of a token endpoint; returns what is wrong with it as a string. */
export function parseTokenUrl(text: string): BaseUrl | string {
  if (!URL.canParse(text)) return 'is not a URL; write for example https://login.example.com/oauth/token.';
  const ambiguous = whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return ambiguous;
  const url = new URL(text);
  const { search, hash } = url;
  if (hash !== '') return 'contains a fragment; leave it out.';
  // Some providers distinguish tenants by a query.
  url.search = '';
  const base = parseBaseUrl(url.href);
  return typeof base === 'string' ? base : { origin: base.origin, path: url.pathname + search };
}

/** Parses an origin such as `https://api.example.com:8443`; returns what is wrong with it as a string. */
export function parseOrigin(text: string): URL | string {
  const form = 'write scheme, host and port only, for example https://api.example.com.';
  if (!URL.canParse(text)) return `contains an entry that is not a URL; ${form}`;
  const ambiguous = whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return ambiguous;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return `contains ${url.protocol}; only https and http are allowed.`;
  if (url.username !== '' || url.password !== '') return `contains an entry with a user name or a password; ${form}`;
  if (url.hostname.includes('*'))
    return 'contains a wildcard, which is allowed in HTTP_TASKS_HTTP_ALLOW only; name each host.';
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return `contains more than an origin for ${url.host}; ${form}`;
  return url;
}

/** All names below a domain, with one scheme and port. */
interface Wildcard {
  protocol: string;
  /** What a name must end with, including the dot: `.example.com`. */
  suffix: string;
  port: string;
}

const WILDCARD_FORM =
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
      return `contains a wildcard that is not the whole first label of a name, or something other than a port after the name; ${WILDCARD_FORM}`;
    if (/(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i.test(domain))
      return 'contains a wildcard within an address; name each address separately.';
    if (!domain.replace(/\.$/, '').includes('.'))
      return `contains a wildcard for every name below "${domain}", which belongs to more than one owner; ${WILDCARD_FORM}`;
    const sample = `${scheme}://any.${domain}${port === undefined ? '' : `:${port}`}`;
    if (!URL.canParse(sample)) return `contains a wildcard for an invalid domain; ${WILDCARD_FORM}`;
    const { protocol, hostname, host, port: ownPort } = new URL(sample);
    const wildcard = { protocol, suffix: hostname.slice('any'.length), port: ownPort };
    this.#wildcards.set(`${protocol}//*${host.slice('any'.length)}`, wildcard);
    return undefined;
  }
}

/** Returns whether a host name is below the domain, at any depth; the domain itself is not. */
function isBelow(hostname: string, { suffix }: Wildcard): boolean {
  return hostname.endsWith(suffix) && LABELS.test(hostname.slice(0, -suffix.length));
}

/**
 * Returns the decoded segments of a URL path. Returns undefined if servers may interpret the path in different ways: an
 * encoded slash, double encoding, an empty segment, or dot segments.
 */
export function segmentsOf(pathname: string): readonly string[] | undefined {
  const segments = pathname.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  const read = segments.map(decoded);
  return read.every((segment) => segment !== undefined && isPlain(segment)) ? (read as string[]) : undefined;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function isPlain(segment: string): boolean {
  // Some servers convert fullwidth slashes and dots to the ASCII ones.
  const text = segment.normalize('NFKC');
  if (/[/\\\p{Cc}]|%[0-9a-f]{2}/iu.test(text)) return false;
  // Some servers remove white space and everything after a semicolon before they resolve dot segments.
  const [name = ''] = text.split(';');
  return !/^[\s.]*$/.test(name);
}

/** A path, optionally with everything below it. Case-sensitive; a trailing slash is ignored. */
export class PathRule {
  readonly #segments: readonly string[];
  readonly #below: boolean;

  private constructor(segments: readonly string[], below: boolean) {
    this.#segments = segments;
    this.#below = below;
  }

  /** Parses a path from a setting; returns what is wrong with it as a string. */
  static read(path: string, { below }: { below: boolean }): PathRule | string {
    if (!path.startsWith('/')) return 'contains a path that does not begin with a slash; write for example /v1/search.';
    if (/[?#*\s]/.test(path))
      return 'contains a path with a query, a fragment, an asterisk or white space; leave it out.';
    const { pathname } = new URL(`http://host${path}`);
    const segments = segmentsOf(pathname);
    const isNormal =
      segments !== undefined &&
      !path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment)) &&
      !path.includes('\\');
    if (!isNormal)
      return 'contains a path with an empty segment, dots, or an encoded slash; write it as the service documents it.';
    return new PathRule(segments, below);
  }

  /** Whether a path, given as segments, equals this one or is below it, if that is allowed. */
  covers(segments: readonly string[]): boolean {
    if (segments.length < this.#segments.length || (!this.#below && segments.length > this.#segments.length))
      return false;
    return this.#segments.every((segment, place) => segment === segments[place]);
  }
}

/** The setting that lists requests of `http.request` that only read, although their method suggests a change. */
export const HTTP_READS = 'HTTP_TASKS_HTTP_READS';

const READS_FORM =
  'write for example POST https://desk.example.com/search, or POST https://desk.example.com/search/* for everything below it too.';
const ENTRY = /^(POST|PUT|PATCH|DELETE)[ \t]+(\S+)$/;

interface ListedRead {
  method: string;
  origin: string;
  rule: PathRule;
  /** As the operator wrote it. */
  text: string;
}

/** The requests that the operator declared as read-only. */
export class HttpReads {
  readonly #listed: readonly ListedRead[];

  constructor(listed: readonly ListedRead[] = []) {
    this.#listed = listed;
  }

  /** Returns whether a request is listed. Its query is ignored. */
  has(method: string, { origin, pathname }: URL): boolean {
    const candidates = this.#listed.filter((entry) => entry.method === method && entry.origin === origin);
    if (candidates.length === 0) return false;
    const segments = segmentsOf(pathname);
    return segments !== undefined && candidates.some(({ rule }) => rule.covers(segments));
  }

  /** Returns what is listed for an origin, as the operator wrote it. */
  of(origin: string): string[] {
    return this.#listed.filter((entry) => entry.origin === origin).map(({ text }) => text);
  }
}

/** Reads `HTTP_TASKS_HTTP_READS`. */
export function readHttpReads(env: Env, problems: ProblemList): HttpReads {
  const listed: ListedRead[] = [];
  for (const text of readList(env, HTTP_READS)) {
    const entry = readEntry(text);
    if (typeof entry === 'string') problems.add(HTTP_READS, entry);
    else listed.push(entry);
  }
  return new HttpReads(listed);
}

function readEntry(text: string): ListedRead | string {
  const [, method, address] = ENTRY.exec(text) ?? [];
  if (method === undefined || address === undefined)
    return `contains an entry that is not a method (POST, PUT, PATCH, DELETE) and an address; ${READS_FORM}`;
  const parts = /^(https?:\/\/[^/?#\\]+)(\/[^]*)$/i.exec(address);
  if (!parts) return `contains an entry without a path; ${READS_FORM}`;
  const [, host = '', path = ''] = parts;
  const origin = parseOrigin(host);
  if (typeof origin === 'string') return origin;
  const below = path.endsWith('/*');
  const rule = PathRule.read(below ? path.slice(0, -1) : path, { below });
  return typeof rule === 'string'
    ? rule
    : { method, origin: origin.origin, rule, text: `${method} ${origin.origin}${path}` };
}
