import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { isLoopback } from '../config/base-url';
import { GatewayRefusal } from './http-error';

/** Who may talk to the gateway. */
export interface GuardOptions {
  /** Required, as `Authorization: Bearer TOKEN`, for everything but the static files of the page. */
  token: string;
  /** Where people reach it, when that is not its own address: `https://console.example.com`. */
  publicUrl?: string;
  /** Origins of other gateways whose pages may use this one. */
  allowOrigins: readonly string[];
  /** Origins of other gateways that this one's page may be pointed at. @default none */
  otherGateways?: readonly string[];
}

/** The methods that a page of another origin may use. */
const METHODS = 'GET, POST, PUT, OPTIONS';

/**
 * Refuses requests for another host (a name that was made to point here, as DNS rebinding does) and from pages of another
 * origin. A name in `Host` has to be this machine's or the public one; an address in numbers cannot be rebound.
 */
export function guardOrigin({ publicUrl, allowOrigins }: GuardOptions): MiddlewareHandler {
  const known = publicUrl === undefined ? undefined : new URL(publicUrl);
  return async (context, next) => {
    const host = context.req.header('host') ?? '';
    const isNamed = host === known?.host || isOwnHost(host);
    // A request line may hold a whole URL, which then counts instead of Host.
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

/** A request without `Origin` may still come from another site's page, say as an image. */
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

/** Requires `Authorization: Bearer TOKEN`. The comparison takes the same time whatever was sent. */
export function guardToken({ token }: GuardOptions): MiddlewareHandler {
  const expected = digest(`Bearer ${token}`);
  return async (context, next) => {
    if (!timingSafeEqual(digest(context.req.header('authorization') ?? ''), expected)) {
      throw new GatewayRefusal(401, 'Token', 'This gateway requires its token, as "Authorization: Bearer TOKEN".');
    }
    return next();
  };
}

/** A form of another site can send text, but no JSON that says so. */
export async function guardJson(context: Context, next: () => Promise<void>): Promise<void> {
  const { method } = context.req;
  const type = context.req.header('content-type') ?? '';
  if ((method === 'POST' || method === 'PUT') && !/^application\/json\s*(?:;|$)/i.test(type)) {
    throw new GatewayRefusal(415, 'ContentType', 'Send JSON, with content-type: application/json.');
  }
  await next();
}

/** Allows the page this gateway's own files, no worker, and connections to this gateway and those the operator named. */
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
