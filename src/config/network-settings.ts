import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { whyAmbiguousUrl, whyFragment } from '../transport/url-text';
import { isLoopback, parseOrigin } from './origins';
import { readChoice, readList, readText, Secret } from './env';
import type { Env, ProblemList } from './env';

const PROXY = 'HTTP_TASKS_PROXY';
const NO_PROXY = 'HTTP_TASKS_NO_PROXY';
const LOOKUP = 'HTTP_TASKS_PROXY_LOOKUP';

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
  readonly lookup: 'here' | 'proxy';
  readonly #url: Secret;
  readonly #direct: readonly DirectHost[] | undefined;
  readonly #directNetworks: BlockList;

  constructor(url: Secret, direct: readonly string[] | undefined, lookup: 'here' | 'proxy') {
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
  const lookup = readChoice(env, LOOKUP, problems);
  return url && !direct?.some((entry) => whyNotDirect(entry) !== undefined)
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

const PREFIX = 'HTTP_TASKS_TLS_';
const NAME = /^HTTP_TASKS_TLS_([A-Z0-9_]+?)_(?:ORIGIN|CERT_FILE|KEY_FILE|CA_FILE|KEY_PASSPHRASE(?:_FILE)?)$/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Material for TLS connections, in PEM. */
export interface TlsMaterial {
  /** The client's certificate, followed by intermediate certificates. */
  cert?: string;
  key?: string;
  passphrase?: string;
  /** Authorities that are trusted instead of the system's. */
  ca?: string;
}

interface TlsFiles {
  cert?: string;
  key?: string;
  ca?: string;
}

type Part = keyof TlsFiles;

/** A problem with one of the files. */
interface WrongFile {
  part: Part;
  message: string;
}

/** A client certificate, trusted authorities, or both, for connections to some origins. */
export class TlsIdentity {
  readonly name: string;
  readonly #files: TlsFiles;
  readonly #passphrase: Secret | undefined;
  #material: TlsMaterial;
  #stamp: string;

  constructor(name: string, files: TlsFiles, passphrase: Secret | undefined, material: TlsMaterial) {
    this.name = name;
    this.#files = files;
    this.#passphrase = passphrase;
    this.#material = material;
    this.#stamp = stampOf(files);
  }

  /**
   * Returns the material for new connections; the same object until a file is replaced. If files are missing or do not
   * match, for example because only some of them have been replaced so far, the old material stays in use.
   */
  material(): TlsMaterial {
    const stamp = stampOf(this.#files);
    if (stamp === this.#stamp) return this.#material;
    this.#passphrase?.reload();
    const read = readMaterial(this.#files, this.#passphrase?.value);
    if ('message' in read) return this.#material;
    this.#stamp = stamp;
    this.#material = read;
    return read;
  }
}

/** Reads every `HTTP_TASKS_TLS_<NAME>_…`; returns the identities by origin. */
export function readTlsIdentities(env: Env, problems: ProblemList): ReadonlyMap<string, TlsIdentity> {
  const byOrigin = new Map<string, TlsIdentity>();
  const names = Object.entries(env).flatMap(([setting, value]) => (value ? (NAME.exec(setting)?.[1] ?? []) : []));
  for (const name of [...new Set(names)].sort()) {
    const identity = readIdentity(env, name, problems);
    for (const origin of readOrigins(env, `${PREFIX}${name}_ORIGIN`, problems)) {
      const other = byOrigin.get(origin);
      if (other)
        problems.add(`${PREFIX}${name}_ORIGIN`, `names ${origin}, which ${PREFIX}${other.name}_ORIGIN names too.`);
      else if (identity) byOrigin.set(origin, identity);
    }
  }
  return byOrigin;
}

function readIdentity(env: Env, name: string, problems: ProblemList): TlsIdentity | undefined {
  const setting = (part: Part): string => `${PREFIX}${name}_${part.toUpperCase()}_FILE`;
  const [cert, key, ca] = (['cert', 'key', 'ca'] as const).map((part) => readText(env, setting(part)));
  const files = {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
  };
  if (cert === undefined && key === undefined && ca === undefined)
    problems.add(
      setting('cert'),
      `is missing; name a file with the client's certificate, or ${setting('ca')} with authorities to trust.`,
    );
  if (cert === undefined && key !== undefined)
    problems.add(setting('cert'), `is missing, and ${setting('key')} is set; a certificate and its key go together.`);
  if (cert !== undefined && key === undefined)
    problems.add(setting('key'), `is missing, and ${setting('cert')} is set; a certificate and its key go together.`);
  const passphrase = Secret.read(env, `${PREFIX}${name}_KEY_PASSPHRASE`, problems, { required: false });
  if ((cert === undefined) !== (key === undefined) || (cert ?? ca) === undefined) return undefined;
  const read = readMaterial(files, passphrase?.value);
  if (!('message' in read)) return new TlsIdentity(name, files, passphrase, read);
  problems.add(setting(read.part), read.message);
  return undefined;
}

function readOrigins(env: Env, setting: string, problems: ProblemList): string[] {
  const entries = readList(env, setting);
  if (entries.length === 0)
    problems.add(
      setting,
      'is missing; name the origin of these connections, for example https://api.example.com, or several separated by commas.',
    );
  return entries.flatMap((entry) => {
    const origin = parseOrigin(entry);
    const wrong =
      typeof origin === 'string'
        ? origin
        : origin.protocol === 'https:'
          ? undefined
          : `contains ${origin.origin}, which does not use TLS.`;
    if (wrong !== undefined) problems.add(setting, wrong);
    return wrong === undefined && typeof origin !== 'string' ? [origin.origin] : [];
  });
}

/** Reads and checks the files. Errors repeat nothing from a file. */
function readMaterial(files: TlsFiles, passphrase: string | undefined): TlsMaterial | WrongFile {
  const texts: TlsFiles = {};
  for (const part of ['cert', 'key', 'ca'] as const) {
    const file = files[part];
    if (file === undefined) continue;
    const text = readFile(file);
    if (text === undefined)
      return { part, message: `the file ${file} cannot be read; name a file that this process may read.` };
    texts[part] = text;
  }
  const wrong = whyNotAuthorities(texts.ca) ?? whyNotPair(texts, passphrase);
  return wrong ?? { ...texts, ...(passphrase !== undefined && texts.key !== undefined && { passphrase }) };
}

function whyNotAuthorities(ca: string | undefined): WrongFile | undefined {
  if (ca === undefined) return undefined;
  const blocks = ca.match(CERTIFICATE) ?? [];
  const readable = blocks.length > 0 && blocks.every((block) => certificateIn(block) !== undefined);
  return readable ? undefined : { part: 'ca', message: 'contains no certificate in PEM, or an invalid one.' };
}

function whyNotPair({ cert, key }: TlsFiles, passphrase: string | undefined): WrongFile | undefined {
  if (cert === undefined || key === undefined) return undefined;
  const certificate = certificateIn(cert);
  if (!certificate) return { part: 'cert', message: 'contains no certificate in PEM, or an invalid one.' };
  if (Date.parse(certificate.validTo) < Date.now())
    return { part: 'cert', message: `contains a certificate that expired on ${certificate.validTo}.` };
  try {
    const isOurs = certificate.checkPrivateKey(
      createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) }),
    );
    return isOurs
      ? undefined
      : {
          part: 'key',
          message: 'contains a key that does not belong to the first certificate in the certificate file.',
        };
  } catch {
    return {
      part: 'key',
      message:
        passphrase === undefined
          ? 'contains no private key in PEM that can be read without a passphrase.'
          : 'contains no private key in PEM that this passphrase decrypts.',
    };
  }
}

function certificateIn(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function readFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Returns a value that changes when a file does. */
function stampOf(files: TlsFiles): string {
  return Object.values(files)
    .map((file: string) => {
      const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
      return stat ? `${stat.ino}:${stat.mtimeNs}:${stat.size}` : '';
    })
    .join(' ');
}
