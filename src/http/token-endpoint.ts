import { formEncoded } from '../config/credential';
import type { OAuthClient } from '../config/credential';
import { TokenError } from './access-tokens';
import type { IssuedToken, TokenProblem } from './access-tokens';
import { PROXY_REFUSED, PROXY_UNAUTHORIZED } from './connector';
import { describeTransport } from './describe';
import type { ExchangeResult } from './exchange';
import type { RequestParts } from './prepared-request';
import { safeCode, Scrubber } from './redact';
import { parseRetryAfter } from './retry-after';
import { USER_AGENT } from './user-agent';

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
  if (result.kind !== 'answer') throw new TokenError(requestProblem(result.kind === 'lost' ? result.code : ''));
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

function fieldsOf({ tooLarge, body }: Extract<ExchangeResult, { kind: 'answer' }>): Record<string, unknown> {
  if (tooLarge) return {};
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function refusalOf(
  answer: Extract<ExchangeResult, { kind: 'answer' }>,
  { error }: Record<string, unknown>,
  { id, secret }: OAuthClient,
  nowMs: number,
): TokenProblem {
  const { status, headers } = answer;
  const code = safeCode(error, new Scrubber([id, secret]));
  const said = code === undefined ? String(status) : `${status} ${code}`;
  const facts = code === undefined ? {} : { code };
  if (status >= 300 && status < 400)
    return {
      retryable: false,
      what: `responded with a redirect (${said}), which is not followed: the client's secret is only sent to the endpoint itself.`,
      ...facts,
    };
  // 408 may come from a proxy in front of the endpoint.
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs);
    return {
      retryable: true,
      what: `cannot issue a token at the moment (${said}).`,
      ...facts,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  }
  return { retryable: false, what: `rejected the client with ${said}.`, ...facts };
}

/** Returns the token's lifetime in milliseconds. Some providers send `expires_in` as a string. */
function lifeOf(expiresIn: unknown): number {
  const seconds = typeof expiresIn === 'string' && /^\d+$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) return DEFAULT_LIFE_MS;
  return Math.min(seconds * 1_000, LONGEST_LIFE_MS);
}
