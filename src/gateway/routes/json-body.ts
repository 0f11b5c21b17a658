import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { GatewayRefusal } from '../http-error';

/** The largest input that Temporal would take anyway is 2 MB. */
const MOST_BYTES = 2 * 1_024 * 1_024;

/** Reads no more of a body than can be an input. */
export const limitBody = bodyLimit({
  maxSize: MOST_BYTES,
  onError: () => {
    throw new GatewayRefusal(413, 'TooLarge', `A request may have ${MOST_BYTES} bytes.`);
  },
});

/** The body as a JSON object. */
export async function jsonBody(context: Context): Promise<Record<string, unknown>> {
  const value = await jsonValue(context);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new GatewayRefusal(400, 'Json', 'The body must be a JSON object.');
}

/** The body as JSON. */
export async function jsonValue(context: Context): Promise<unknown> {
  try {
    return JSON.parse(await context.req.text()) as unknown;
  } catch (error) {
    if (error instanceof GatewayRefusal) throw error;
    throw new GatewayRefusal(400, 'Json', 'The body is not JSON.');
  }
}
