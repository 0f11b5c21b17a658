import type { Context } from 'hono';
import type { CallRequest, Confirmation } from '../wire';
import { jsonBody } from './json-body';

/** Reads an input and its confirmation; other fields are ignored. */
export async function callRequest(context: Context): Promise<CallRequest> {
  const { input, confirm } = await jsonBody(context);
  return { input, confirm: confirmationOf(confirm) };
}

/** Reads the typed confirmation of a request; anything other than a string confirms nothing. */
export function confirmationOf(confirm: unknown): Confirmation {
  const given = (typeof confirm === 'object' && confirm !== null ? confirm : {}) as Record<string, unknown>;
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  return { task: text(given['task']), environment: text(given['environment']) };
}
