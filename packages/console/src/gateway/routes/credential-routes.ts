import { Hono } from 'hono';
import { checkCredentials, harmlessTask } from '../check-credentials';
import { GatewayRefusal } from '../http-error';
import type { GatewayParts } from '../parts';
import type { ServiceCredentials } from '../wire';
import { confirmationOf, jsonBody } from './json-body';

/** Routes that list keys without their values, enter keys for this session, and check them. */
export function credentialRoutes(parts: GatewayParts): Hono {
  const overview = (): ServiceCredentials[] =>
    parts.secrets.overview((service) => harmlessTask(parts, service) !== undefined);
  return new Hono()
    .get('/credentials', (context) => context.json(overview()))
    .put('/credentials', async (context) => {
      parts.secrets.enter(texts(await jsonBody(context, 'any')));
      return context.json(overview());
    })
    .post('/credentials/:service/check', async (context) => {
      const { confirm } = await jsonBody(context, ['confirm']);
      return context.json(await checkCredentials(parts, context.req.param('service'), confirmationOf(confirm)));
    });
}

function texts(body: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(body).map(([setting, value]) => {
      if (typeof value === 'string') return [setting, value];
      throw new GatewayRefusal(400, 'Settings', `${setting} must be a text.`, { field: setting });
    }),
  );
}
