import { isThisMachine, whyTlsIsNeeded } from '../transport/plaintext';
import { whyAmbiguousUrl } from '../transport/url-text';
import { readPlaintext } from './database-settings';
import { ProblemList, readChoice, readInteger, readText } from './env';
import type { Env } from './env';
import { SETTINGS } from './setting-table';

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

/** How spans are sent. OpenTelemetry's packages read the endpoint, the headers and the sampling themselves. */
export interface TracingSettings {
  protocol: (typeof PROTOCOLS)[number];
}

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
const EXPORTERS = ['otlp', 'none'] as const;

/**
 * Reads OpenTelemetry's own settings. Spans are sent if an OTLP endpoint is set or `OTEL_TRACES_EXPORTER` is `otlp`,
 * unless `OTEL_SDK_DISABLED` is `true`.
 */
export function readTracing(env: Env, problems: ProblemList): TracingSettings | undefined {
  if (readText(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  const endpoint = readText(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? readText(env, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  const exporter = readText(env, 'OTEL_TRACES_EXPORTER') ?? (endpoint === undefined ? 'none' : 'otlp');
  if (!EXPORTERS.some((name) => name === exporter)) {
    problems.add('OTEL_TRACES_EXPORTER', `"${exporter}" is not valid; allowed: ${EXPORTERS.join(', ')}.`);
  }
  if (exporter !== 'otlp') return undefined;
  const given =
    readText(env, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ??
    readText(env, 'OTEL_EXPORTER_OTLP_PROTOCOL') ??
    'http/protobuf';
  const protocol = PROTOCOLS.find((name) => name === given);
  if (!protocol)
    problems.add('OTEL_EXPORTER_OTLP_PROTOCOL', `"${given}" is not valid; allowed: ${PROTOCOLS.join(', ')}.`);
  refuseKeysInClear(env, endpoint, problems);
  return protocol && { protocol };
}

/**
 * Requires TLS for headers, which may carry the collector's keys, unless they stay on this machine or plaintext is
 * allowed.
 */
function refuseKeysInClear(env: Env, endpoint: string | undefined, problems: ProblemList): void {
  if (endpoint === undefined) return;
  const setting =
    readText(env, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') === undefined
      ? 'OTEL_EXPORTER_OTLP_ENDPOINT'
      : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  const ambiguous = whyAmbiguousUrl(endpoint);
  if (ambiguous !== undefined) problems.add(setting, ambiguous);
  else if (URL.canParse(endpoint)) {
    const { protocol, hostname, username, password } = new URL(endpoint);
    const hasKeys = username !== '' || password !== '' || tracingSecrets(env).length > 0;
    if (
      protocol !== 'http:' ||
      !hasKeys ||
      isThisMachine(hostname) ||
      readPlaintext(env, new ProblemList()).allows('otlp')
    )
      return;
    problems.add(setting, whyTlsIsNeeded(hostname, 'otlp', 'Write an https endpoint, or send no headers.'));
  }
}

/** Returns values that must not be logged: those of the headers with which spans are sent. */
export function tracingSecrets(env: Env): string[] {
  const headers = [readText(env, 'OTEL_EXPORTER_OTLP_HEADERS'), readText(env, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS')];
  return headers
    .flatMap((list) => (list ?? '').split(','))
    .map((entry) => entry.slice(entry.indexOf('=') + 1).trim())
    .filter((value) => value !== '');
}

/** Concurrency limits of a worker process. */
export interface WorkLimits {
  /** Sweep calls in flight per key of a service. */
  callsPerKey: number;
  /** Connections, and so calls in flight, per origin. */
  connectionsPerOrigin: number;
  /** Users of sweeps that are in progress; after a crash, each of them is read again. */
  openUsers: number;
  /** Concurrent chunks and bulk calls of sweeps. */
  chunkSlots: number;
}

/** For each limit, its setting. */
const LIMITS = {
  callsPerKey: 'HTTP_TASKS_CALLS_PER_KEY',
  connectionsPerOrigin: 'HTTP_TASKS_CONNECTIONS_PER_ORIGIN',
  openUsers: 'HTTP_TASKS_OPEN_USERS',
  chunkSlots: 'HTTP_TASKS_CHUNK_SLOTS',
} as const;

export const DEFAULT_WORK_LIMITS: Readonly<WorkLimits> = {
  callsPerKey: SETTINGS.HTTP_TASKS_CALLS_PER_KEY.default,
  connectionsPerOrigin: SETTINGS.HTTP_TASKS_CONNECTIONS_PER_ORIGIN.default,
  openUsers: SETTINGS.HTTP_TASKS_OPEN_USERS.default,
  chunkSlots: SETTINGS.HTTP_TASKS_CHUNK_SLOTS.default,
};

const NAMES = Object.keys(LIMITS) as (keyof WorkLimits)[];

/** Reads the limits; adds invalid ones to `problems`. */
export function readWorkLimits(env: Env, problems: ProblemList): WorkLimits {
  const limits = { ...DEFAULT_WORK_LIMITS };
  for (const name of NAMES) limits[name] = readInteger(env, LIMITS[name], problems) ?? limits[name];
  return limits;
}

/**
 * Returns the limits that were read, overridden by those given in code.
 *
 * @throws TypeError that names the invalid limit.
 */
export function withLimits(read: WorkLimits, given: Partial<WorkLimits> = {}): WorkLimits {
  for (const name of NAMES) {
    const number = given[name];
    const { min, max } = SETTINGS[LIMITS[name]];
    if (number !== undefined && !(Number.isInteger(number) && number >= min && number <= max)) {
      throw new TypeError(`limits.${name} must be a whole number from ${min} to ${max}.`);
    }
  }
  return { ...read, ...given };
}

/** Settings that only this package's own worker process needs; a host decides these things itself. */
export interface ProcessSettings {
  /** Address of the Prometheus metrics; not served if absent. */
  metrics?: ListenAddress;
  /** Address of `/healthz` and `/readyz`; not served if absent. */
  health?: ListenAddress;
  /** Maximum time between a shutdown signal and the end of the process, in milliseconds. */
  shutdownMs: number;
  /** The version that Temporal knows this worker's code by; unversioned if absent. */
  deployment?: Deployment;
  /** Where spans are sent; tracing is off if absent. */
  tracing?: TracingSettings;
}

/** A version of a worker's code, for Temporal's worker versioning. */
export interface Deployment {
  name: string;
  buildId: string;
  /** How runs move to a newer version of a worker. */
  behavior: 'auto-upgrade' | 'pinned';
}

/**
 * Default shutdown time in milliseconds: long enough for an irreversible call in flight to time out and be recorded.
 */
export const DEFAULT_SHUTDOWN_MS = SETTINGS.HTTP_TASKS_SHUTDOWN_MS.default;

/** Reads what a worker process needs besides the settings of its tasks; adds invalid settings to `problems`. */
export function readProcess(env: Env, problems: ProblemList): ProcessSettings {
  const metrics = readAddress(env, 'HTTP_TASKS_METRICS_ADDRESS', problems);
  const health = readAddress(env, 'HTTP_TASKS_HEALTH_ADDRESS', problems);
  if (metrics && health && metrics.port === health.port) {
    problems.add(
      'HTTP_TASKS_HEALTH_ADDRESS',
      'has the same port as HTTP_TASKS_METRICS_ADDRESS; use a different port for each.',
    );
  }
  const deployment = readDeployment(env, problems);
  const tracing = readTracing(env, problems);
  return {
    ...(metrics && { metrics }),
    ...(health && { health }),
    shutdownMs: readInteger(env, 'HTTP_TASKS_SHUTDOWN_MS', problems) ?? DEFAULT_SHUTDOWN_MS,
    ...(deployment && { deployment }),
    ...(tracing && { tracing }),
  };
}

function readAddress(env: Env, setting: string, problems: ProblemList): ListenAddress | undefined {
  const given = readText(env, setting);
  if (given === undefined) return undefined;
  const address = parseListenAddress(given);
  if (!address)
    problems.add(
      setting,
      `"${given}" is not an address; write a port (9464) to listen on this machine only, or HOST:PORT (0.0.0.0:9464).`,
    );
  return address;
}

function readDeployment(env: Env, problems: ProblemList): Deployment | undefined {
  const name = readText(env, 'HTTP_TASKS_DEPLOYMENT');
  const buildId = readText(env, 'HTTP_TASKS_BUILD_ID');
  const behavior = readChoice(env, 'HTTP_TASKS_VERSIONING', problems);
  if (name !== undefined && buildId !== undefined) {
    // Temporal writes a version as NAME.BUILD, and refuses a name that contains a dot.
    if (name.includes('.'))
      problems.add(
        'HTTP_TASKS_DEPLOYMENT',
        `"${name}" contains a dot, which Temporal does not allow in the name of a deployment.`,
      );
    return { name, buildId, behavior };
  }
  if (name !== undefined)
    problems.add(
      'HTTP_TASKS_BUILD_ID',
      'is missing; a deployment (HTTP_TASKS_DEPLOYMENT) needs the version of its code.',
    );
  if (buildId !== undefined)
    problems.add(
      'HTTP_TASKS_DEPLOYMENT',
      'is missing; a build ID (HTTP_TASKS_BUILD_ID) needs the name of its deployment.',
    );
  return undefined;
}

/**
 * Name endings of settings that contain a credential, in upper case; `__ACME` names an account. A `_FILE` setting names a
 * file instead.
 */
const CREDENTIAL =
  /(?:API_?KEYS?|SECRETS?|TOKENS?|PASSWORD|PASSWD|PASSPHRASE|PRIVATE_KEY|CLIENT_KEY_DATA|ACCESS_KEY(?:_ID)?|ENCRYPTION_KEYS?|SUBJECT_KEY|SEAL_KEY|AUTHORIZATION|CREDENTIALS?)(?:__[A-Z0-9_]+(?<!_FILE))?$/;
/** Settings of which each may be a secret: those of `http.request`, and headers of the Temporal connection. */
const PREFIXED = /^(?:HTTP_TASKS_SECRET_[A-Z0-9_]+?(?<!_ORIGIN|_METHODS|_PATHS|_FILE)|TEMPORAL_GRPC_META_[A-Z0-9_]+)$/;
/**
 * Minimum length of a value. A shorter value is more likely a word than a credential, and would be removed from every
 * line that contains it.
 */
const MIN_CHARACTERS = 8;

/**
 * Returns the values of an environment that must not be logged, no matter which code reads them: settings whose name
 * ends like a credential's (such as `TEMPORAL_API_KEY`), passwords in URLs, and the headers with which spans are sent.
 */
export function environmentSecrets(env: Env): string[] {
  const values = Object.entries(env).flatMap(([name, value]) => {
    if (value === undefined || value === '') return [];
    const key = name.toUpperCase();
    const own = CREDENTIAL.test(key) || PREFIXED.test(key) ? [value, value.trim(), ...withoutPrefix(value)] : [];
    return [...own, ...passwordsIn(value)];
  });
  return [...new Set([...values, ...tracingSecrets(env)])].filter((value) => value.length >= MIN_CHARACTERS);
}

/** Returns the keys in `Bearer KEY` and `NAME=KEY,NAME=KEY`, which are secret on their own too. */
function withoutPrefix(value: string): string[] {
  const entries = value.includes('=')
    ? value.split(',').map((entry) => entry.slice(entry.indexOf('=') + 1).trim())
    : [];
  return [...entries, ...(/^\s*(?:Bearer|Basic)\s+(\S+)/i.exec(value)?.slice(1) ?? [])];
}

function passwordsIn(value: string): string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/]*@/i.test(value) || !URL.canParse(value)) return [];
  const { password } = new URL(value);
  if (password === '') return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
