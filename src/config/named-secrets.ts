import { AUTH_METHODS } from '../tasks/service';
import type { AuthMethod } from '../tasks/service';
import { OAuthClient, secretFormsOf } from './credential';
import { readList, readText, Secret } from './env';
import type { Env, ProblemList } from './env';
import { isLoopback, parseOrigin, parseTokenUrl, PathRule, segmentsOf } from './origins';
import type { BaseUrl } from './origins';

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

const SECRET_PREFIX = 'HTTP_TASKS_SECRET_';
const SECRET_NAME = /^HTTP_TASKS_SECRET_([A-Z0-9_]+?)(?:_FILE|_ORIGIN|_METHODS|_PATHS)?$/;
/**
 * Minimum length of a secret, in characters. Pieces and encodings of a shorter one cannot be distinguished from other
 * text in a response.
 */
const MIN_SECRET_CHARACTERS = 8;

/** A secret that `http.request` may put into a header as `{{secret:NAME}}`, for one origin only. */
export class NamedSecret {
  readonly name: string;
  /** Where it may be sent. */
  readonly scope: SecretScope;
  readonly #secret: Secret;

  constructor(name: string, scope: SecretScope, secret: Secret) {
    this.name = name;
    this.scope = scope;
    this.#secret = secret;
  }

  get value(): string {
    return this.#secret.value;
  }

  reload(): boolean {
    return this.#secret.reload();
  }
}

/** Reads every `HTTP_TASKS_SECRET_<NAME>` with its required `_ORIGIN` and its optional limits. */
export function readNamedSecrets(env: Env, problems: ProblemList): ReadonlyMap<string, NamedSecret> {
  const secrets = new Map<string, NamedSecret>();
  for (const name of namedSecretsIn(env)) {
    const setting = settingOfNamedSecret(name);
    const secret = Secret.read(env, setting, problems, { required: true, check: whyNotNamedSecret });
    const scope = readSecretScope(env, setting, problems);
    if (secret && scope) secrets.set(name, new NamedSecret(name, scope, secret));
  }
  return secrets;
}

/** Returns the names of the secrets that the settings contain. */
export function namedSecretsIn(env: Env): string[] {
  const names = new Set<string>();
  for (const [setting, value] of Object.entries(env)) {
    const name = SECRET_NAME.exec(setting)?.[1];
    if (name !== undefined && value !== undefined && value !== '') names.add(name);
  }
  return [...names].sort();
}

/** Returns the setting that contains the secret of this name. */
export function settingOfNamedSecret(name: string): string {
  return `${SECRET_PREFIX}${name}`;
}

function whyNotNamedSecret(text: string): string | undefined {
  if (text.length >= MIN_SECRET_CHARACTERS) return whyNotInHeader(text);
  return `has fewer than ${MIN_SECRET_CHARACTERS} characters; a secret that short can be guessed, and cannot be removed reliably from what a server echoes. Use a longer one.`;
}

/** Checks what a header cannot carry here, where the error can name the setting. */
export function whyNotInHeader(text: string): string | undefined {
  return /^[\x20-\x7e]+$/.test(text)
    ? undefined
    : 'contains a line break, a control character or a character outside ASCII, which a header cannot carry.';
}

const CLIENT_PREFIX = 'HTTP_TASKS_OAUTH_';
const CLIENT_NAME =
  /^HTTP_TASKS_OAUTH_([A-Z0-9_]+?)_(?:TOKEN_URL|CLIENT_ID|CLIENT_SECRET|SCOPE|AUDIENCE|AUTH_METHOD|ORIGIN|METHODS|PATHS)(?:_FILE)?$/;

/**
 * An OAuth client whose access token `http.request` may put into a header as `{{secret:NAME}}`, for one origin only.
 */
export class NamedClient {
  readonly name: string;
  /** Where its access token may be sent. */
  readonly scope: SecretScope;
  readonly client: OAuthClient;
  readonly #secrets: readonly Secret[];

  constructor(name: string, scope: SecretScope, client: OAuthClient, secrets: readonly Secret[]) {
    this.name = name;
    this.scope = scope;
    this.client = client;
    this.#secrets = secrets;
  }

  /** Returns ID and secret, to search for them in responses. */
  secretValues(): string[] {
    return secretFormsOf(this.#secrets.map(({ value }) => value));
  }

  reload(): boolean {
    return this.#secrets.map((secret) => secret.reload()).includes(true);
  }
}

/** Reads every client for which any `HTTP_TASKS_OAUTH_<NAME>_…` is set. */
export function readNamedClients(
  env: Env,
  taken: ReadonlySet<string>,
  problems: ProblemList,
): ReadonlyMap<string, NamedClient> {
  const clients = new Map<string, NamedClient>();
  for (const name of namedClientsIn(env)) {
    if (taken.has(name))
      problems.add(
        `${CLIENT_PREFIX}${name}_CLIENT_SECRET`,
        `has the same name as HTTP_TASKS_SECRET_${name}; {{secret:${name}}} can only mean one of them.`,
      );
    const client = readClient(env, name, problems);
    if (client) clients.set(name, client);
  }
  return clients;
}

/** Returns the names of the clients that the settings contain. */
export function namedClientsIn(env: Env): string[] {
  const names = Object.entries(env).flatMap(([setting, value]) =>
    value ? (CLIENT_NAME.exec(setting)?.[1] ?? []) : [],
  );
  return [...new Set(names)].sort();
}

/** Returns the settings with the ID and the secret of the client of this name. */
export function settingsOfClient(name: string): string[] {
  return [`${CLIENT_PREFIX}${name}_CLIENT_ID`, `${CLIENT_PREFIX}${name}_CLIENT_SECRET`];
}

function readClient(env: Env, name: string, problems: ProblemList): NamedClient | undefined {
  const setting = `${CLIENT_PREFIX}${name}`;
  const [id, secret] = settingsOfClient(name).map((one) =>
    Secret.read(env, one, problems, { required: true, check: whyNotInHeader }),
  );
  const tokenEndpoint = readTokenEndpoint(env, `${setting}_TOKEN_URL`, problems);
  const authMethod = readAuthMethod(env, `${setting}_AUTH_METHOD`, problems);
  const allowed = readSecretScope(env, setting, problems);
  if (!id || !secret || !tokenEndpoint || !authMethod || !allowed) return undefined;
  const scope = readText(env, `${setting}_SCOPE`);
  const audience = readText(env, `${setting}_AUDIENCE`);
  const parts = {
    tokenEndpoint,
    authMethod,
    ...(scope !== undefined && { scope }),
    ...(audience !== undefined && { audience }),
    settings: settingsOfClient(name),
    tokenName: `${setting}_ACCESS_TOKEN`,
  };
  return new NamedClient(name, allowed, new OAuthClient(parts, () => ({ id: id.value, secret: secret.value })), [
    id,
    secret,
  ]);
}

function readTokenEndpoint(env: Env, setting: string, problems: ProblemList): BaseUrl | undefined {
  const given = readText(env, setting);
  const endpoint =
    given === undefined
      ? 'is missing; name the token endpoint, for example https://login.example.com/oauth/token.'
      : parseTokenUrl(given);
  if (typeof endpoint !== 'string') return endpoint;
  problems.add(setting, endpoint);
  return undefined;
}

function readAuthMethod(env: Env, setting: string, problems: ProblemList): AuthMethod | undefined {
  const given = readText(env, setting) ?? 'client_secret_basic';
  const method = AUTH_METHODS.find((name) => name === given);
  if (!method) problems.add(setting, `"${given}" is not valid; allowed: ${AUTH_METHODS.join(', ')}.`);
  return method;
}
