import type { Context } from 'hono';
import type { CallRequest, Confirmation } from '../wire';
import { jsonBody } from './json-body';

/** An input, with what was typed to confirm it; whatever else comes along is ignored. */
export async function callRequest(context: Context): Promise<CallRequest> {
  const { input, confirm } = await jsonBody(context);
  const given = (typeof confirm === 'object' && confirm !== null ? confirm : {}) as Record<string, unknown>;
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const confirmation: Confirmation = { task: text(given['task']), environment: text(given['environment']) };
  return { input, confirm: confirmation };
}
