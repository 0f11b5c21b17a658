import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { isLoopback } from 'temporal-http-tasks/internal/config/origins';
import { GatewayRefusal } from './http-error';

/** Who may use the gateway. */
export interface GuardOptions {
  /** Required as `Authorization: Bearer TOKEN` for everything except the static files of the page. */
  token: string;
  /** Public URL, if it differs from the gateway's own address: `https://console.example.com`. */
  publicUrl?: string;
  /** Origins of other gateways whose pages may use this one. */
  allowOrigins: readonly string[];
  /** Origins of other gateways that this one's page may use. @default none */
  otherGateways?: readonly string[];
}

/** Methods that a page of another origin may use. */
const METHODS = 'GET, POST, PUT, OPTIONS';

/**
 * Refuses requests for another host name (DNS rebinding) and from pages of another origin. A name in `Host` has to be
 * this machine's or the public one; a numeric address cannot be rebound.
 */
export function guardOrigin({ publicUrl, allowOrigins }: GuardOptions): MiddlewareHandler {
  const known = publicUrl === undefined ? undefined : new URL(publicUrl);
  return async (context, next) => {
    const host = context.req.header('host') ?? '';
    const isNamed = host === known?.host || isOwnHost(host);
    // A request line may contain a whole URL, which then overrides Host.
    if (!isNamed || new URL(context.req.url).host !== new URL(`http://${host}`).host)
      throw new GatewayRefusal(403, 'Host', 'This gateway is not reached under that name; see --public-url.');
    const origin = context.req.header('origin');
    const isOwn = origin === undefined || origin === `http://${host}` || origin === known?.origin;
    const isAllowed = origin !== undefined && allowOrigins.includes(origin);
    if (!isOwn && !isAllowed)
      throw new GatewayRefusal(403, 'Origin', 'Pages of another origin may not use this gateway.');
    if (isAllowed) allow(context, origin);
    else refuseForeignPage(context);
    if (context.req.method === 'OPTIONS') return context.body(null, 204);
    return next();
  };
}

/** Refuses requests without `Origin` that come from another site's page, for example as an image. */
function refuseForeignPage(context: Context): void {
  const site = context.req.header('sec-fetch-site');
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw new GatewayRefusal(403, 'Origin', 'Pages of another origin may not use this gateway.');
}

function allow(context: Context, origin: string): void {
  context.header('access-control-allow-origin', origin);
  context.header('vary', 'Origin');
  if (context.req.method !== 'OPTIONS') return;
  context.header('access-control-allow-methods', METHODS);
  context.header('access-control-allow-headers', 'authorization, content-type');
  context.header('access-control-max-age', '600');
}

function isOwnHost(host: string): boolean {
  if (!URL.canParse(`http://${host}/`)) return false;
  const { hostname } = new URL(`http://${host}/`);
  return isLoopback(hostname) || hostname.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Requires `Authorization: Bearer TOKEN`. Compares in constant time. */
export function guardToken({ token }: GuardOptions): MiddlewareHandler {
  const expected = digest(`Bearer ${token}`);
  return async (context, next) => {
    if (!timingSafeEqual(digest(context.req.header('authorization') ?? ''), expected)) {
      throw new GatewayRefusal(401, 'Token', 'This gateway requires its token, as "Authorization: Bearer TOKEN".');
    }
    return next();
  };
}

/** Requires JSON: a form of another site can send text, but not with a JSON content type. */
export async function guardJson(context: Context, next: () => Promise<void>): Promise<void> {
  const { method } = context.req;
  const type = context.req.header('content-type') ?? '';
  if ((method === 'POST' || method === 'PUT') && !/^application\/json\s*(?:;|$)/i.test(type)) {
    throw new GatewayRefusal(415, 'ContentType', 'Send JSON, with content-type: application/json.');
  }
  await next();
}

/**
 * Restricts the page to this gateway's own files, no workers, and connections to this gateway and those that the
 * operator named.
 */
export function securityHeaders(context: Context, otherGateways: readonly string[] = []): void {
  const connect = ["'self'", ...otherGateways].join(' ');
  const own = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; worker-src 'none'";
  context.header(
    'content-security-policy',
    `${own}; connect-src ${connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  context.header('x-content-type-options', 'nosniff');
  context.header('x-frame-options', 'DENY');
  context.header('referrer-policy', 'no-referrer');
  context.header('cross-origin-opener-policy', 'same-origin');
  context.header('cross-origin-resource-policy', 'same-origin');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
