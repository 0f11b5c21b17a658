import { isIP } from 'node:net';
import type { z } from 'zod';
import { HTTP_READS, isLoopback } from '../config/origins';
import type { OAuthClient } from '../config/credential';
import type { SecretUse } from '../config/named-secrets';
import type { SenderSettings } from '../config/sender-settings';
import { DEFAULT_TIMEOUTS } from '../tasks/define';
import { isSafeMethod, overridesOf, pathOverrideOf } from '../tasks/effect';
import type { MethodOverride } from '../tasks/effect';
import type { httpRequest } from '../tasks/http-request';
import { InvalidInputError } from '../tasks/parse-input';
import type { RequestParts, TokenValues } from './exchange';
import { MASK } from './redact';
import { USER_AGENT } from './exchange';
import { wellFormed, writePairs } from './write-body';

type GenericInput = z.output<(typeof httpRequest)['input']>;

const SECRET = /\{\{\s*secret:([^{}]*)\}\}/g;
/**
 * Headers that only the sender sets: they frame the message, control the connection, or would allow a compressed
 * response.
 */
export const OWN_HEADERS: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'expect', 'te', 'trailer'],
  ...['accept-encoding', 'proxy-authorization', 'proxy-connection'],
]);

/**
 * Builds the request of the generic task from its input. Without `tokens`, secrets stay as placeholders.
 *
 * @throws InvalidInputError if the origin is not allowed, a secret is unknown or not allowed for this request, the
 * input claims to only read although neither its method nor the operator's list says so, or it sets something that only
 * the sender decides.
 */
export function genericRequest(
  what: string,
  input: GenericInput,
  settings: SenderSettings,
  tokens: TokenValues | undefined,
): RequestParts {
  const url = allowedUrl(what, input.uri, settings);
  const method = input.method ?? 'GET';
  const body = bodyOf(what, method, input);
  const overrides = overridesOf(input);
  if (input.effect === 'read')
    refuseUnlistedRead(what, { method, overrides, url, pathOverride: pathOverrideOf(input) }, settings);
  const headers: Record<string, string> = {
    'user-agent': USER_AGENT,
    accept: input.accept ?? 'application/json',
    ...(body !== undefined && { 'content-type': input.contentType ?? 'application/json' }),
  };
  const secrets = new HeaderSecrets(
    what,
    { url, methods: [method, ...overrides.map((one) => one.method)], pathOverride: pathOverrideOf(input) },
    settings,
    tokens,
  );
  for (const [name, value] of Object.entries(input.headers ?? {})) {
    const key = name.toLowerCase();
    if (OWN_HEADERS.has(key)) refuse(what, `headers.${name}`, 'is set by the sender; leave it out');
    if (method === 'TRACE' && value.includes('{{secret:'))
      refuse(what, `headers.${name}`, 'must not name a secret: the response to TRACE repeats the request');
    headers[key] = secrets.putInto(`headers.${name}`, value);
  }
  headers['accept-encoding'] = 'identity';
  return {
    method,
    origin: url.origin,
    path: url.pathname + queryOf(what, url.search, input.query ?? {}),
    headers,
    ...(body !== undefined && { body }),
    ...ownTimeouts(input),
    ...(input.expectedStatuses && { expectedStatuses: input.expectedStatuses }),
    ...(input.keepBody !== undefined && { keepBody: input.keepBody }),
    publicOnly: !mayLeadAnywhere(url, settings),
    ...(secrets.clients.size > 0 && { tokenClients: [...secrets.clients] }),
  };
}

interface ClaimedRead {
  method: string;
  overrides: readonly MethodOverride[];
  url: URL;
  pathOverride: string | undefined;
}

/**
 * Refuses `effect: "read"` for an unsafe method unless the operator has listed the request: the claim alone does not
 * count.
 */
function refuseUnlistedRead(
  what: string,
  { method, overrides, url, pathOverride }: ClaimedRead,
  { httpReads }: SenderSettings,
): void {
  const unsafe = overrides.find((override) => !isSafeMethod(override.method));
  if (unsafe)
    refuse(
      what,
      'effect',
      `must not be "read", because ${unsafe.field} asks for a method other than ${method}; leave effect out`,
    );
  if (isSafeMethod(method)) return;
  if (pathOverride !== undefined)
    refuse(
      what,
      'effect',
      `must not be "read" with the header ${pathOverride}, which names another path; leave one of them out`,
    );
  if (httpReads.has(method, url)) return;
  const listed = httpReads.of(url.origin);
  const allowed = `For ${url.origin}, ${HTTP_READS} lists ${listed.length === 0 ? 'nothing' : listed.join(', ')}`;
  refuse(
    what,
    'effect',
    `must not be "read" for ${method}, because the method decides. Leave effect out, or ask the operator to list this request in ${HTTP_READS}. ${allowed}`,
  );
}

function allowedUrl(what: string, uri: string, settings: SenderSettings): URL {
  // Outside of headers, a secret would end up in access logs or in the provider's data.
  if (uri.includes('{{secret:')) refuse(what, 'uri', 'must not name a secret; secrets are allowed in headers only');
  const url = new URL(wellFormed({ task: what, field: 'uri' }, uri));
  if (url.username !== '' || url.password !== '') {
    refuse(what, 'uri', 'must not contain a user name or a password; put a secret into a header as {{secret:NAME}}');
  }
  if (settings.httpAllow.allows(url)) return url;
  const allowed = [...settings.httpAllow];
  return refuse(
    what,
    'uri',
    `${url.origin} is not an allowed origin; allowed: ${allowed.length === 0 ? 'none' : allowed.join(', ')}. The operator adds origins to HTTP_TASKS_HTTP_ALLOW`,
  );
}

/**
 * Whether the host name needs no check for public addresses: it is an IP address or loopback that the operator has
 * allowed, or the operator allows this origin to resolve to any address.
 */
function mayLeadAnywhere({ origin, hostname }: URL, { httpAllowPrivate }: SenderSettings): boolean {
  return httpAllowPrivate.has(origin) || isLoopback(hostname) || isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

function queryOf(what: string, ofUri: string, query: NonNullable<GenericInput['query']>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    const text = JSON.stringify([name, value]);
    if (text.includes('{{secret:'))
      refuse(what, 'query', 'must not name a secret; secrets are allowed in headers only');
    return writePairs({ task: what, field: `query.${name}` }, name, value);
  });
  if (pairs.length === 0) return ofUri;
  return `${ofUri}${ofUri === '' ? '?' : '&'}${pairs.join('&')}`;
}

/**
 * Returns the timeouts that the input sets. The total timeout grows to at least the sum of connect and read timeout.
 */
function ownTimeouts({ connectTimeoutMs, readTimeoutMs }: GenericInput): Pick<RequestParts, 'timeouts'> {
  if (connectTimeoutMs === undefined && readTimeoutMs === undefined) return {};
  const { connectMs, firstByteMs, totalMs } = DEFAULT_TIMEOUTS;
  const longest = (connectTimeoutMs ?? connectMs) + (readTimeoutMs ?? firstByteMs);
  return {
    timeouts: {
      ...(connectTimeoutMs !== undefined && { connectMs: connectTimeoutMs }),
      ...(readTimeoutMs !== undefined && { firstByteMs: readTimeoutMs, bodyMs: readTimeoutMs }),
      totalMs: Math.max(totalMs, longest),
    },
  };
}

/** Inserts secrets into the headers of one call. */
class HeaderSecrets {
  /** OAuth clients whose access tokens the headers name. */
  readonly clients = new Set<OAuthClient>();
  readonly #what: string;
  readonly #use: SecretUse;
  readonly #settings: SenderSettings;
  readonly #tokens: TokenValues | undefined;

  constructor(what: string, use: SecretUse, settings: SenderSettings, tokens: TokenValues | undefined) {
    this.#what = what;
    this.#use = use;
    this.#settings = settings;
    this.#tokens = tokens;
  }

  putInto(field: string, template: string): string {
    if (template.replace(SECRET, '').includes('{{secret')) {
      refuse(this.#what, field, 'contains a malformed secret reference; write {{secret:NAME}}');
    }
    return template.replace(SECRET, (placeholder: string, name: string) => {
      const value = this.#valueOf(field, name.trimEnd());
      return this.#tokens === undefined ? placeholder : value;
    });
  }

  #valueOf(field: string, name: string): string {
    const { namedSecrets, namedClients } = this.#settings;
    const found = namedSecrets.get(name) ?? namedClients.get(name);
    if (!found) {
      const known = [...namedSecrets.keys(), ...namedClients.keys()].join(', ') || 'none';
      return refuse(
        this.#what,
        field,
        `names an unknown secret; known: ${known}. The operator adds one as HTTP_TASKS_SECRET_<NAME>, or as HTTP_TASKS_OAUTH_<NAME>_…`,
      );
    }
    const refusal = found.scope.refusal(this.#use);
    if (refusal !== undefined) return refuse(this.#what, field, `the secret ${name} ${refusal}`);
    if ('value' in found) return found.value;
    this.clients.add(found.client);
    return this.#tokens?.get(found.client) ?? MASK;
  }
}

function bodyOf(what: string, method: string, input: GenericInput): string | undefined {
  if (input.body === undefined) return undefined;
  if (method === 'GET' || method === 'HEAD' || method === 'TRACE')
    refuse(what, 'body', `must be left out: ${method} has no body`);
  const isJson = /^application\/([\w.+-]+\+)?json\b/i.test(input.contentType ?? 'application/json');
  if (!isJson && typeof input.body !== 'string') refuse(what, 'body', 'must be a string when contentType is not JSON');
  const body =
    isJson || typeof input.body !== 'string'
      ? JSON.stringify(input.body)
      : wellFormed({ task: what, field: 'body' }, input.body);
  if (body.includes('{{secret:')) refuse(what, 'body', 'must not name a secret; secrets are allowed in headers only');
  return body;
}

function refuse(what: string, field: string, message: string): never {
  throw new InvalidInputError(what, [{ field, message }]);
}
