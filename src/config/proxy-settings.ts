import { BlockList, isIP } from 'node:net';
import { isLoopback } from './base-url';
import { readList, readText } from './env';
import type { Env } from './env';
import type { ProblemList } from './problems';
import { Secret } from './secret';
import { whyAmbiguousUrl, whyFragment } from '../transport/url-text';

const PROXY = 'HTTP_TASKS_PROXY';
const NO_PROXY = 'HTTP_TASKS_NO_PROXY';
const LOOKUP = 'HTTP_TASKS_PROXY_LOOKUP';

const LOOKUPS = ['here', 'proxy'] as const;

/** A host to which calls go directly. */
interface DirectHost {
  /** A name, including all names below it, or an address; `*` for every host. */
  host: string;
  /** Any port if absent. */
  port?: string;
}

/** The proxy for outgoing calls. Its URL may contain a password, so it is never enumerable. */
export class ProxySettings {
  /**
   * Where names that must resolve to public addresses are looked up: in this process, which can check them, or by the
   * proxy.
   */
  readonly lookup: (typeof LOOKUPS)[number];
  readonly #url: Secret;
  readonly #direct: readonly DirectHost[] | undefined;
  readonly #directNetworks: BlockList;

  constructor(url: Secret, direct: readonly string[] | undefined, lookup: (typeof LOOKUPS)[number]) {
    this.#url = url;
    this.lookup = lookup;
    this.#direct = direct?.filter((entry) => !entry.includes('/')).map(directHost);
    this.#directNetworks = networksOf(direct ?? []);
  }

  /** Scheme, host and port of the proxy. */
  get origin(): string {
    return new URL(this.#url.value).origin;
  }

  /** The `proxy-authorization` header; undefined if the URL has no user and password. */
  get authorization(): string | undefined {
    const [user, password] = credentialsIn(this.#url.value);
    return user === '' && password === ''
      ? undefined
      : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  }

  /** Whether calls to this origin use the proxy. */
  isFor(origin: string): boolean {
    const { hostname, port, protocol } = new URL(origin);
    if (this.#direct === undefined) return !isLoopback(hostname);
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host) !== 0 && this.#directNetworks.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')) return false;
    const ownPort = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
    return !this.#direct.some(
      (direct) => (direct.port === undefined || direct.port === ownPort) && matches(host, direct.host),
    );
  }

  secretValues(): string[] {
    const [, password] = credentialsIn(this.#url.value);
    return password === '' ? [] : [password, new URL(this.#url.value).password];
  }

  reload(): boolean {
    return this.#url.reload();
  }
}

/** Reads `HTTP_TASKS_PROXY`, `HTTP_TASKS_NO_PROXY` and `HTTP_TASKS_PROXY_LOOKUP`; undefined without a proxy. */
export function readProxy(env: Env, problems: ProblemList): ProxySettings | undefined {
  const url = Secret.read(env, PROXY, problems, { required: false, check: whyNotProxy });
  const direct = readText(env, NO_PROXY) === undefined ? undefined : readList(env, NO_PROXY);
  for (const entry of direct ?? []) {
    const wrong = whyNotDirect(entry);
    if (wrong !== undefined) problems.add(NO_PROXY, wrong);
  }
  const given = readText(env, LOOKUP) ?? 'here';
  const lookup = LOOKUPS.find((name) => name === given);
  if (!lookup) problems.add(LOOKUP, `"${given}" is not valid; allowed: ${LOOKUPS.join(', ')}.`);
  return url && lookup && !direct?.some((entry) => whyNotDirect(entry) !== undefined)
    ? new ProxySettings(url, direct, lookup)
    : undefined;
}

function whyNotProxy(text: string): string | undefined {
  const form = 'write http://proxy.example.com:3128, with user:password@ before the host if the proxy requires it.';
  const ambiguous = whyFragment(text) ?? whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return ambiguous;
  if (!URL.canParse(text)) return `is not a URL; ${form}`;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `is not an http or https URL; ${form}`;
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return `contains more than scheme, user, password, host and port; ${form}`;
  try {
    credentialsIn(text);
    return undefined;
  } catch {
    return 'contains a percent sign that is not encoded in its user or password; write %25.';
  }
}

function credentialsIn(text: string): [user: string, password: string] {
  const { username, password } = new URL(text);
  return [decodeURIComponent(username), decodeURIComponent(password)];
}

const CIDR = /^([0-9a-f:.]+)\/(\d{1,3})$/i;

function whyNotDirect(entry: string): string | undefined {
  const form = 'write hosts as example.com (with all names below it), example.com:8443, 10.0.0.5, 10.0.0.0/8 or *.';
  const [, network, bits] = CIDR.exec(entry) ?? [];
  if (network !== undefined)
    return isIP(network) !== 0 && Number(bits) <= (isIP(network) === 6 ? 128 : 32)
      ? undefined
      : `contains an invalid network; ${form}`;
  return /[/@?#\s]/.test(entry) || (entry.includes('*') && !/^(?:\*|\*\.[^*]+)$/.test(entry))
    ? `contains an entry that is not a host; ${form}`
    : undefined;
}

function directHost(entry: string): DirectHost {
  const bare = entry.toLowerCase().replace(/^\*?\./, '');
  if (isIP(bare) !== 0) return { host: bare };
  const [, host = bare, port] = /^(.*):(\d+)$/.exec(bare) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, '$1'), ...(port !== undefined && { port }) };
}

function matches(host: string, direct: string): boolean {
  return direct === '*' || host === direct || (isIP(host) === 0 && host.endsWith(`.${direct}`));
}

function networksOf(entries: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const entry of entries) {
    const [, network, bits] = CIDR.exec(entry) ?? [];
    if (network !== undefined && whyNotDirect(entry) === undefined)
      networks.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4');
  }
  return networks;
}
