import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isThisMachine, whyTlsIsNeeded } from './plaintext';
import type { PlaintextItem } from './plaintext';
import { whyAmbiguousUrl, whyFragment } from './url-text';

/** TLS options of a Postgres connection; certificates and key in PEM. */
export interface PostgresTls {
  /**
   * `full` verifies authority and host name, `ca` only the authority, `none` neither, so that anyone could pose as the
   * server.
   */
  verify: 'full' | 'ca' | 'none';
  /** Authorities that are trusted instead of the default ones. */
  ca?: string;
  cert?: string;
  key?: string;
}

/** Everything needed to connect to Postgres. Contains a password: never log or return it. */
export interface PostgresTarget {
  /** A name, an address (IPv6 without brackets) or the folder of a Unix socket. */
  host: string;
  port?: number;
  user?: string;
  password?: string;
  database?: string;
  /** Undefined means plaintext. */
  tls?: PostgresTls;
  /** `-c name=value` options of the session, as in libpq. */
  options?: string;
  applicationName?: string;
  /** Whether the connection may leave this machine without TLS that verifies the server. */
  plaintextAllowed: boolean;
  /** Host, port and database, for display. */
  label: string;
}

/** The purpose of a Postgres URL. */
export interface PostgresUrlUse {
  item: PlaintextItem;
  /** Whether the operator allows plaintext for it beyond this machine. */
  plaintextAllowed: boolean;
}

const PARAMETERS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'host', 'application_name', 'options'] as const;
type Parameter = (typeof PARAMETERS)[number];
type Parameters = Partial<Record<Parameter, string>>;

const MODES = ['disable', 'require', 'no-verify', 'verify-ca', 'verify-full'] as const;
type Mode = (typeof MODES)[number];

const UNREADABLE = 'cannot be read; special characters in user and password must be percent-encoded.';
const HOST = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*)$/;
const HOW =
  'Add sslmode=verify-full (with sslrootcert=FILE where an authority of your own signed the certificate of the server).';
/** URL parsers refuse a user without a host, as in `postgres://user:password@/db?host=/run/postgresql`. */
const NO_HOST = /^(postgres(?:ql)?:\/\/[^/?#]*@)(?=[/?]|$)/i;
const PLACEHOLDER = 'no-host.invalid';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Parses a Postgres URL, or returns what is wrong with it as a string that repeats no part of the user name, the
 * password or a value. Beyond this machine it must require TLS that verifies the server, unless `plaintextAllowed`.
 *
 * Only the URL counts: PGHOST and PGSSLMODE are not read, and unknown parameters are refused, because each of them
 * could select another host or turn TLS off.
 */
export function parsePostgresUrl(text: string, { item, plaintextAllowed }: PostgresUrlUse): PostgresTarget | string {
  const ambiguous = whyFragment(text) ?? whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return ambiguous;
  const parseable = text.replace(NO_HOST, `$1${PLACEHOLDER}`);
  if (!URL.canParse(parseable)) return UNREADABLE;
  const url = new URL(parseable);
  const parameters = readParameters(url.searchParams);
  if (typeof parameters === 'string') return parameters;
  const parts = decoded(url);
  if (!parts) return 'contains a percent sign that is not encoded; write %25.';
  const host = hostOf(parts.host, parameters.host);
  if (typeof host !== 'object') return host;
  const local = isThisMachine(host.host);
  const mode = modeOf(parameters, local || plaintextAllowed ? undefined : whyTlsIsNeeded(host.host, item, HOW));
  if ('why' in mode) return mode.why;
  const tls = tlsOf(mode.mode, parameters);
  if (typeof tls === 'string') return tls;
  return {
    ...host,
    ...(url.port !== '' && { port: Number(url.port) }),
    ...(parts.user !== '' && { user: parts.user }),
    ...(parts.password !== '' && { password: parts.password }),
    ...(parts.database !== '' && { database: parts.database }),
    ...(tls && { tls }),
    ...(parameters.options !== undefined && { options: parameters.options }),
    ...(parameters.application_name !== undefined && { applicationName: parameters.application_name }),
    plaintextAllowed,
    label: `postgres://${host.host.includes(':') ? `[${host.host}]` : host.host}${url.port === '' ? '' : `:${url.port}`}${url.pathname}`,
  };
}

/** Returns every form of the password in a database URL, to search for it in what leaves the process. */
export function passwordsInUrl(text: string): string[] {
  // Everything between the user name's colon and the last @, because passwords in URLs that are refused must be found
  // as well.
  const raw = /^[^:]+:\/\/[^:@/]*:(.*)@/.exec(text)?.[1] ?? '';
  return [...new Set([raw, decodedOrNot(raw)])].filter((password) => password !== '');
}

function readParameters(search: URLSearchParams): Parameters | string {
  const parameters: Parameters = {};
  for (const [name, value] of search) {
    const known = PARAMETERS.find((one) => one === name);
    if (!known) {
      const instead = /^ssl$/i.test(name)
        ? 'write sslmode=verify-full or sslmode=disable instead.'
        : `allowed: ${PARAMETERS.join(', ')}.`;
      return `contains a parameter that is not read here${/^[a-z_]{1,40}$/i.test(name) ? ` (${name})` : ''}; ${instead}`;
    }
    if (parameters[known] !== undefined) return `contains the parameter ${known} twice; write it once.`;
    if (value === '') return `contains the parameter ${known} without a value; leave it out.`;
    parameters[known] = value;
  }
  return parameters;
}

function decoded(url: URL): { host: string; user: string; password: string; database: string } | undefined {
  try {
    const host = url.hostname === PLACEHOLDER ? '' : decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1');
    const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent) as [
      string,
      string,
      string,
    ];
    return { host, user, password, database };
  } catch {
    return undefined;
  }
}

function hostOf(inPlace: string, parameter: string | undefined): { host: string } | string {
  if (inPlace !== '' && parameter !== undefined)
    return 'names a host twice, in its place and as the parameter host; write one of them.';
  const host = inPlace === '' ? (parameter ?? '') : inPlace;
  if (host === '') return 'names no host; write postgres://USER:PASSWORD@HOST:PORT/DATABASE (PGHOST is not read).';
  if (host.includes(',')) return 'names several hosts; write one.';
  if (!isThisMachine(host) && !HOST.test(host) && !/^[0-9a-f:.]+$/i.test(host))
    return 'has an invalid host; write its name or address.';
  return { host };
}

/** @param needsTls Why plaintext is refused; undefined if it is allowed. */
function modeOf(
  { sslmode, sslrootcert, sslcert, sslkey }: Parameters,
  needsTls: string | undefined,
): { mode: Mode } | { why: string } {
  if (sslmode === undefined) {
    if (needsTls !== undefined) return { why: needsTls };
    if (sslrootcert === undefined && sslcert === undefined && sslkey === undefined) return { mode: 'disable' };
    return { why: 'names files for TLS but no sslmode; add sslmode=verify-full.' };
  }
  if (sslmode === 'prefer' || sslmode === 'allow') {
    return {
      why: `has sslmode=${sslmode}, which silently falls back to plain text; write sslmode=verify-full, or sslmode=disable for this machine.`,
    };
  }
  const mode = MODES.find((one) => one === sslmode);
  if (!mode)
    return {
      why: `has an sslmode that does not exist; allowed: verify-full, verify-ca (with sslrootcert), and for this machine ${MODES.slice(0, 3).join(', ')}.`,
    };
  if (needsTls !== undefined && mode === 'disable') return { why: needsTls };
  if (needsTls !== undefined && (mode === 'require' || mode === 'no-verify')) {
    return {
      why: `has sslmode=${mode}, which encrypts but does not verify the server, so that anyone in between can pose as it. ${HOW.replace('Add', 'Write')}`,
    };
  }
  return { mode };
}

function tlsOf(mode: Mode, { sslrootcert, sslcert, sslkey }: Parameters): PostgresTls | string | undefined {
  if (mode === 'disable') return undefined;
  if ((sslcert === undefined) !== (sslkey === undefined))
    return 'has one of sslcert and sslkey; a certificate and its key go together.';
  // As in libpq, `system` means the authorities that are trusted by default.
  const ownAuthority = sslrootcert !== undefined && sslrootcert !== 'system';
  if (mode === 'verify-ca' && !ownAuthority)
    return 'has sslmode=verify-ca without sslrootcert=FILE: anyone can get a certificate of a public authority. Write sslmode=verify-full.';
  const files = { ca: ownAuthority ? sslrootcert : undefined, cert: sslcert, key: sslkey };
  const tls: PostgresTls = { verify: mode === 'verify-full' ? 'full' : mode === 'verify-ca' ? 'ca' : 'none' };
  for (const [part, parameter] of [
    ['ca', 'sslrootcert'],
    ['cert', 'sslcert'],
    ['key', 'sslkey'],
  ] as const) {
    const file = files[part];
    if (file === undefined) continue;
    const pem = pemIn(file);
    if (pem === undefined || (part !== 'key' && !hasCertificates(pem)))
      return `names a file in ${parameter} that cannot be read or contains no PEM.`;
    tls[part] = pem;
  }
  return tls;
}

function pemIn(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return text.includes('-----BEGIN ') ? text : undefined;
  } catch {
    return undefined;
  }
}

function hasCertificates(pem: string): boolean {
  const blocks = pem.match(CERTIFICATE) ?? [];
  try {
    return blocks.length > 0 && blocks.every((block) => new X509Certificate(block).subject !== undefined);
  } catch {
    return false;
  }
}

function decodedOrNot(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
