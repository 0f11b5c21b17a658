import { isLoopback, parseOrigin } from './base-url';
import { readList, readText } from './env';
import type { Env } from './env';
import type { ProblemList } from './problems';
import { PathRule, segmentsOf } from './request-paths';

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** The parts of a request that decide whether it may use a secret. */
export interface SecretUse {
  url: URL;
  /** Its own method, and the methods that its override headers ask for. */
  methods: readonly string[];
  /** The header that names a different path, if any. */
  pathOverride?: string | undefined;
}

interface Limits {
  methods?: ReadonlySet<string>;
  paths?: readonly PathRule[];
  /** As the operator wrote them. */
  shownPaths?: string;
}

/** Where a secret may be sent: one origin, optionally limited to methods and paths. */
export class SecretScope {
  readonly origin: string;
  readonly #setting: string;
  readonly #limits: Limits;

  constructor(setting: string, origin: string, limits: Limits = {}) {
    this.#setting = setting;
    this.origin = origin;
    this.#limits = limits;
  }

  /** Returns why a request may not use the secret; undefined if it may. */
  refusal({ url, methods, pathOverride }: SecretUse): string | undefined {
    const { methods: allowed, paths, shownPaths = '' } = this.#limits;
    if (url.origin !== this.origin) return `belongs to ${this.origin} and is not sent to ${url.origin}`;
    const method = allowed && methods.find((one) => !allowed.has(one));
    if (allowed && method !== undefined) {
      const shown =
        METHODS.includes(method) || method === 'TRACE' ? method : 'a method that is named outside the request line';
      return `is not sent with ${shown}; ${this.#setting}_METHODS allows ${[...allowed].join(', ')}`;
    }
    if (!paths) return undefined;
    if (pathOverride !== undefined)
      return `is not sent with the header ${pathOverride}, which names another path; ${this.#setting}_PATHS allows ${shownPaths}`;
    const segments = segmentsOf(url.pathname);
    if (segments !== undefined && paths.some((rule) => rule.covers(segments))) return undefined;
    const why = segments === undefined ? 'to a path with an empty segment, dots, or an encoded slash' : 'to this path';
    return `is not sent ${why}; ${this.#setting}_PATHS allows ${shownPaths}, and what is below`;
  }
}

/** Reads `_ORIGIN`, which is required, `_METHODS` and `_PATHS` of a secret. */
export function readSecretScope(env: Env, setting: string, problems: ProblemList): SecretScope | undefined {
  const origin = readSecretOrigin(env, `${setting}_ORIGIN`, problems);
  const methods = readMethods(env, `${setting}_METHODS`, problems);
  const limits = { ...(methods && { methods }), ...readPaths(env, `${setting}_PATHS`, problems) };
  return origin === undefined ? undefined : new SecretScope(setting, origin, limits);
}

function readSecretOrigin(env: Env, setting: string, problems: ProblemList): string | undefined {
  const given = readText(env, setting);
  if (given === undefined) {
    problems.add(
      setting,
      'is missing; name the one origin that may receive this secret, for example https://api.example.com.',
    );
    return undefined;
  }
  const origin = parseOrigin(given);
  if (typeof origin === 'string') {
    problems.add(setting, origin);
    return undefined;
  }
  if (origin.protocol === 'http:' && !isLoopback(origin.hostname)) {
    problems.add(setting, `is http to ${origin.hostname}, where the secret would be sent in cleartext; use https.`);
    return undefined;
  }
  return origin.origin;
}

function readMethods(env: Env, setting: string, problems: ProblemList): ReadonlySet<string> | undefined {
  if (readText(env, setting) === undefined) return undefined;
  const methods = readList(env, setting).map((method) => method.toUpperCase());
  const isWrong = methods.length === 0 || methods.some((method) => !METHODS.includes(method));
  if (isWrong)
    problems.add(setting, `is not a list of methods; write for example GET,POST. Allowed: ${METHODS.join(', ')}.`);
  return new Set(methods);
}

function readPaths(env: Env, setting: string, problems: ProblemList): Pick<Limits, 'paths' | 'shownPaths'> {
  if (readText(env, setting) === undefined) return {};
  const given = readList(env, setting);
  if (given.length === 0) problems.add(setting, 'contains no path; write for example /v1/search,/v1/tickets.');
  const paths: PathRule[] = [];
  for (const path of given) {
    const rule = PathRule.read(path, { below: true });
    if (typeof rule === 'string') problems.add(setting, rule);
    else paths.push(rule);
  }
  return { paths, shownPaths: given.join(', ') };
}
