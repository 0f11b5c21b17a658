import { formEncoded } from '../config/credential';
import type { OAuthClient } from '../config/credential';
import { describeTransport, parseRetryAfter } from './classify';
import { PROXY_REFUSED, PROXY_UNAUTHORIZED } from './connections';
import { parseBothWays } from './exact-json';
import type { ExchangeResult, RequestParts } from './exchange';
import { USER_AGENT } from './exchange';
import { safeCode, Scrubber } from './redact';

/** An access token as issued by a token endpoint. */
export interface IssuedToken {
  value: string;
  /** Remaining lifetime in milliseconds. */
  livesMs: number;
}

/** Why there is no token; contains no secrets. */
export interface TokenProblem {
  /** Whether the same request may succeed later. */
  retryable: boolean;
  /** What happened, as the end of a sentence about the token endpoint. */
  what: string;
  /** OAuth's own code, for example `invalid_client`. */
  code?: string;
  retryAfterMs?: number;
}

/** No access token could be obtained. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly problem: TokenProblem;

  constructor(problem: TokenProblem) {
    super(problem.what);
    this.problem = problem;
  }
}

/** Requests a token from the endpoint; rejects with a TokenError. */
export type RequestToken = () => Promise<IssuedToken>;

/** A token for one call. */
export interface GivenToken {
  value: string;
  /** It was obtained before this call needed it, so it may have been revoked since. */
  cached: boolean;
}

/** A token is refreshed during the last tenth of its lifetime, but at most this many milliseconds before it ends. */
const EARLIEST_REFRESH_MS = 60_000;
const REFRESHED_PART = 10;
/**
 * Minimum pause, in milliseconds, after a failed request for a token: hundreds of calls may wait for the same token.
 */
const PAUSE_MS = 1_000;

/** What is known about one client. */
interface Kept {
  token?: { value: string; refreshAtMs: number; endsAtMs: number };
  requesting?: Promise<string>;
  failed?: { error: TokenError; untilMs: number };
}

/** The access tokens of this process, each fetched by one request at a time. They are kept only in memory. */
export class AccessTokens {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  /** @param now A clock in milliseconds. @default a monotonic clock, which changes of the system time do not affect */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Returns the client's token. Requests one if there is none, and refreshes it before it expires. While a refresh is
   * in progress or has failed, calls use the current token as long as it is valid.
   *
   * @throws TokenError if no token can be obtained.
   */
  async get(client: OAuthClient, request: RequestToken): Promise<GivenToken> {
    const kept = this.#keptFor(client.key);
    const now = this.#now();
    const isPaused = kept.failed !== undefined && now < kept.failed.untilMs;
    if (kept.token && now < kept.token.endsAtMs) {
      // No call waits for this refresh; if it fails, the next call that needs a token reports it.
      if (now >= kept.token.refreshAtMs && !isPaused) void this.#request(kept, request).catch(() => undefined);
      return { value: kept.token.value, cached: true };
    }
    if (isPaused && kept.failed) throw kept.failed.error;
    return { value: await this.#request(kept, request), cached: false };
  }

  /** Drops a rejected token unless it was already replaced. */
  refused(client: OAuthClient, value: string): void {
    const kept = this.#keptFor(client.key);
    if (kept.token?.value === value) delete kept.token;
  }

  #request(kept: Kept, request: RequestToken): Promise<string> {
    kept.requesting ??= this.#requestAndKeep(kept, request).finally(() => delete kept.requesting);
    return kept.requesting;
  }

  async #requestAndKeep(kept: Kept, request: RequestToken): Promise<string> {
    try {
      // Taken before the request, so that the token never counts as valid for longer than it is.
      const requestedAtMs = this.#now();
      const { value, livesMs } = await request();
      const endsAtMs = requestedAtMs + livesMs;
      kept.token = { value, endsAtMs, refreshAtMs: endsAtMs - Math.min(EARLIEST_REFRESH_MS, livesMs / REFRESHED_PART) };
      delete kept.failed;
      return value;
    } catch (error) {
      if (error instanceof TokenError)
        kept.failed = { error, untilMs: this.#now() + Math.max(PAUSE_MS, error.problem.retryAfterMs ?? 0) };
      throw error;
    }
  }

  #keptFor(key: string): Kept {
    const known = this.#kept.get(key);
    if (known) return known;
    this.#forgetOld();
    const kept: Kept = {};
    this.#kept.set(key, kept);
    return kept;
  }

  /** Removes entries of replaced keys, which would otherwise stay forever. */
  #forgetOld(): void {
    const now = this.#now();
    for (const [key, { token, requesting: asking, failed }] of this.#kept) {
      if (!asking && now >= Math.max(token?.endsAtMs ?? 0, failed?.untilMs ?? 0)) this.#kept.delete(key);
    }
  }
}

/** The access tokens of this process. */
export const accessTokens = new AccessTokens();

/** Shorter than the lifetime of an intent and the total timeout of a call, because the call waits for the token. */
export const TOKEN_TIMEOUTS = { connectMs: 5_000, firstByteMs: 10_000, bodyMs: 5_000, totalMs: 10_000 };
export const MOST_TOKEN_BYTES = 64 * 1024;

/** Lifetime, in milliseconds, of a token whose response does not state one. */
const DEFAULT_LIFE_MS = 300_000;
/** Longest lifetime, in milliseconds, that is used; no process needs a longer one. */
const LONGEST_LIFE_MS = 30 * 24 * 3_600_000;
/** Characters that a header can carry, without spaces, which would end the token. */
const TOKEN = /^[\x21-\x7e]{1,16384}$/;

/** Builds the token request of RFC 6749 section 4.4.2, with client authentication as in section 2.3.1. */
export function tokenRequest(client: OAuthClient): RequestParts {
  const { tokenEndpoint, authMethod, id, secret, scope, audience } = client;
  const isBasic = authMethod === 'client_secret_basic';
  const fields = {
    grant_type: 'client_credentials',
    ...(scope !== undefined && { scope }),
    ...(audience !== undefined && { audience }),
    ...(!isBasic && { client_id: id, client_secret: secret }),
  };
  return {
    method: 'POST',
    origin: tokenEndpoint.origin,
    path: tokenEndpoint.path,
    headers: {
      'user-agent': USER_AGENT,
      accept: 'application/json',
      'accept-encoding': 'identity',
      'content-type': 'application/x-www-form-urlencoded',
      ...(isBasic && {
        authorization: `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString('base64')}`,
      }),
    },
    body: new URLSearchParams(fields).toString(),
  };
}

/**
 * Reads the response of a token endpoint.
 *
 * @throws TokenError if it contains no usable token. Of the request and the response, only OAuth's error code is in it.
 */
export function readToken(result: ExchangeResult, client: OAuthClient, nowMs: number): IssuedToken {
  if (result.kind !== 'response') throw new TokenError(requestProblem(result.kind === 'lost' ? result.code : ''));
  const fields = fieldsOf(result);
  if (result.status < 200 || result.status >= 300) throw new TokenError(refusalOf(result, fields, client, nowMs));
  const { access_token: value, token_type: type, expires_in: expiresIn } = fields;
  if (typeof value !== 'string' || !TOKEN.test(value))
    throw new TokenError({
      retryable: false,
      what: `responded with ${result.status} without a usable access token. Check its URL.`,
    });
  if (typeof type === 'string' && type.toLowerCase() !== 'bearer')
    throw new TokenError({
      retryable: false,
      what: 'returned a token that is not a bearer token, which cannot be used here.',
    });
  return { value, livesMs: lifeOf(expiresIn) };
}

function requestProblem(code: string): TokenProblem {
  return {
    retryable: code !== PROXY_REFUSED && code !== PROXY_UNAUTHORIZED,
    what: `could not be used: ${describeTransport(code)}.`,
  };
}

function fieldsOf({ tooLarge, body }: Extract<ExchangeResult, { kind: 'response' }>): Record<string, unknown> {
  if (tooLarge) return {};
  try {
    const { value, isAmbiguous = false } = parseBothWays(body);
    return typeof value === 'object' && value !== null && !isAmbiguous ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function refusalOf(
  response: Extract<ExchangeResult, { kind: 'response' }>,
  { error }: Record<string, unknown>,
  { id, secret }: OAuthClient,
  nowMs: number,
): TokenProblem {
  const { status, headers } = response;
  const code = safeCode(error, new Scrubber([id, secret]));
  const responded = code === undefined ? String(status) : `${status} ${code}`;
  const facts = code === undefined ? {} : { code };
  if (status >= 300 && status < 400)
    return {
      retryable: false,
      what: `responded with a redirect (${responded}), which is not followed: the client's secret is only sent to the endpoint itself.`,
      ...facts,
    };
  // 408 may come from a proxy in front of the endpoint.
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs);
    return {
      retryable: true,
      what: `cannot issue a token at the moment (${responded}).`,
      ...facts,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  }
  return { retryable: false, what: `rejected the client with ${responded}.`, ...facts };
}

/** Returns the token's lifetime in milliseconds. Some providers send `expires_in` as a string. */
function lifeOf(expiresIn: unknown): number {
  const seconds = typeof expiresIn === 'string' && /^\d+$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) return DEFAULT_LIFE_MS;
  return Math.min(seconds * 1_000, LONGEST_LIFE_MS);
}
