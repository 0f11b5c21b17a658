import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Hono } from 'hono';
import { securityHeaders } from '../guard';
import { GatewayRefusal } from '../http-error';

/** The page, compiled for the browser. */
const PAGE_FOLDER = join(__dirname, '..', '..', 'page');
const FILE = /^[a-z][a-z0-9-]*\.(js|css|svg)$/;
const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/**
 * Serves only the page's own files. They are the same for every request, so no header, cookie or query influences which
 * gateway the page uses. The page may use the origins in `otherGateways`.
 */
export function pageRoutes(otherGateways: readonly string[], folder = PAGE_FOLDER): Hono {
  return new Hono()
    .get('/', async (context) => {
      securityHeaders(context, otherGateways);
      context.header('cache-control', 'no-store');
      const html = await readFile(join(folder, 'index.html'), 'utf8');
      return context.html(
        html.replace('data-other-gateways=""', () => `data-other-gateways="${otherGateways.join(' ')}"`),
      );
    })
    .get('/page/:file', async (context) => {
      const file = context.req.param('file');
      const extension = FILE.exec(file)?.[1];
      const text =
        extension === undefined ? undefined : await readFile(join(folder, file), 'utf8').catch(() => undefined);
      if (extension === undefined || text === undefined)
        throw new GatewayRefusal(404, 'NotFound', 'There is no such file.');
      context.header('cache-control', 'no-cache');
      return context.body(text, 200, { 'content-type': TYPES[extension] ?? 'text/plain' });
    });
}
