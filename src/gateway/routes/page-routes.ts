import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Hono } from 'hono';
import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { parseOrigin } from '../../config/base-url';
import { securityHeaders } from '../guard';
import { GatewayRefusal } from '../http-error';
import { jsonBody } from './json-body';

/** The page, compiled for the browser. */
const PAGE_FOLDER = join(__dirname, '..', '..', 'page');
const FILE = /^[a-z][a-z0-9-]*\.(js|css|svg)$/;
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The page's own files; nothing else of the disk can be reached. */
export function pageRoutes(folder = PAGE_FOLDER): Hono {
  return new Hono()
    .get('/', async (context) => {
      const gateway = otherGateway(context);
      securityHeaders(context, gateway);
      context.header('cache-control', 'no-store');
      const html = await readFile(join(folder, 'index.html'), 'utf8');
      return context.html(html.replace('data-gateway=""', () => `data-gateway="${gateway ?? ''}"`));
    })
    .get('/page/:file', async (context) => {
      const file = context.req.param('file');
      const extension = FILE.exec(file)?.[1];
      const text = extension === undefined ? undefined : await readFile(join(folder, file), 'utf8').catch(() => undefined);
      if (extension === undefined || text === undefined) throw new GatewayRefusal(404, 'NotFound', 'There is no such file.');
      context.header('cache-control', 'no-cache');
      return context.body(text, 200, { 'content-type': TYPES[extension] ?? 'text/plain' });
    });
}

/**
 * Remembers, in the person's browser, the address of another gateway that the page talks to from now on. Only the page
 * itself can set it, and the policy of the page then allows this one address more.
 */
export function otherGatewayRoutes(): Hono {
  return new Hono().put('/other-gateway', async (context) => {
    const { url } = await jsonBody(context);
    if (typeof url !== 'string') throw new GatewayRefusal(400, 'Url', 'Name the address of a gateway.', { field: 'url' });
    const origin = url.trim() === '' ? '' : parseOrigin(url.trim());
    if (typeof origin === 'string' && origin !== '') throw new GatewayRefusal(400, 'Url', `The address ${origin}`, { field: 'url' });
    const value = typeof origin === 'string' ? '' : origin.origin;
    setCookie(context, cookieName(context), value, { httpOnly: true, sameSite: 'Strict', path: '/', maxAge: value === '' ? 0 : YEAR_SECONDS });
    return context.json({ url: value });
  });
}

const YEAR_SECONDS = 31_536_000;

function otherGateway(context: Context): string | undefined {
  const origin = parseOrigin(getCookie(context, cookieName(context)) ?? '');
  return typeof origin === 'string' ? undefined : origin.origin;
}

/** Cookies do not tell ports apart, and several gateways may run on one machine. */
function cookieName(context: Context): string {
  const port = /:(\d+)$/.exec(context.req.header('host') ?? '')?.[1] ?? '';
  return `http-tasks-gateway${port}`;
}
