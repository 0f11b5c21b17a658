import { isUtf8 } from 'node:buffer';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { parseNotingNumbers, WRITE_AS_TEXT } from 'temporal-http-tasks/internal/http/exact-json';
import { isDeeperThan, MAX_DEPTH } from 'temporal-http-tasks/internal/tasks/parse-input';
import { repeatedKeyAt } from 'temporal-http-tasks/internal/tasks/json-keys';
import { requireKnown } from '../body-fields';
import { GatewayRefusal } from '../http-error';
import type { CallRequest, Confirmation } from '../wire';

/** Maximum size of a body in bytes; Temporal takes at most 2 MB anyway. */
const MOST_BYTES = 2 * 1_024 * 1_024;

const refuseLarge = bodyLimit({
  maxSize: MOST_BYTES,
  onError: () => {
    throw new GatewayRefusal(413, 'TooLarge', `A request may have ${MOST_BYTES} bytes.`);
  },
});

/** Limits how much of a body is read. */
export const limitBody: MiddlewareHandler = async (context, next) => {
  let isRead = false;
  try {
    return await refuseLarge(context, () => {
      isRead = true;
      return next();
    });
  } catch (error) {
    if (isRead || error instanceof GatewayRefusal) throw error;
    throw new GatewayRefusal(400, 'Body', 'The body broke off.');
  }
};

/**
 * Reads the body as a JSON object.
 *
 * @param fields The fields that it may have; any other one would be ignored, and is refused. `any`: they are checked later.
 */
export async function jsonBody(context: Context, fields: readonly string[] | 'any'): Promise<Record<string, unknown>> {
  const value = await jsonValue(context);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GatewayRefusal(400, 'Json', 'The body must be a JSON object.');
  if (fields !== 'any') requireKnown(value, fields);
  return value as Record<string, unknown>;
}

/** Reads the body as JSON. */
export async function jsonValue(context: Context): Promise<unknown> {
  const body = Buffer.from(
    await context.req.arrayBuffer().catch(() => {
      throw new GatewayRefusal(400, 'Body', 'The body broke off.');
    }),
  );
  // Decoding it anyway would turn an ID into another one.
  if (!isUtf8(body)) throw new GatewayRefusal(400, 'Json', 'The body is not UTF-8.');
  const value = parsed(body.toString('utf8'));
  // The input is one level below the body. The task checks the input's own depth.
  if (isDeeperThan(value, MAX_DEPTH + 1))
    throw new GatewayRefusal(400, 'Json', `The body is nested deeper than ${MAX_DEPTH} levels.`);
  return value;
}

function parsed(text: string): unknown {
  try {
    const { value, inexact } = parseNotingNumbers(text);
    if (inexact) throw new GatewayRefusal(400, 'Task.InvalidInput', `${inexact.path || 'The body'} ${WRITE_AS_TEXT}.`);
    if (repeatedKeyAt(text) !== undefined)
      throw new GatewayRefusal(400, 'Json', 'The body has a key twice in one object.');
    return value;
  } catch (error) {
    if (error instanceof GatewayRefusal) throw error;
    throw new GatewayRefusal(400, 'Json', 'The body is not JSON.');
  }
}

/** Reads an input and its confirmation. */
export async function callRequest(context: Context): Promise<CallRequest> {
  const { input, confirm } = await jsonBody(context, ['input', 'confirm']);
  return { input, confirm: confirmationOf(confirm) };
}

/** Reads the typed confirmation of a request; anything other than a string confirms nothing. */
export function confirmationOf(confirm: unknown): Confirmation {
  const given = (typeof confirm === 'object' && confirm !== null ? confirm : {}) as Record<string, unknown>;
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return { task: text(given['task']), environment: text(given['environment']) };
}
