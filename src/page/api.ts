import type { WireError } from '../gateway/wire.js';

/** What the gateway refused a request with. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly status: number,
    readonly error: WireError['error'],
  ) {
    super(error.message);
  }
}

/** Another gateway, when the person named one; else the one that the page came from. */
export const otherGateway = document.documentElement.dataset['gateway'] ?? '';

// In this variable only: whoever opens the page again gives it again.
let token: string | undefined;

/** Sends this token from now on. */
export function useToken(given: string): void {
  token = given.trim() === '' ? undefined : given.trim();
}

type Method = 'GET' | 'POST' | 'PUT';

/** Asks the gateway. @throws Refused, also when the gateway cannot be reached. */
export async function ask<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return send<T>(otherGateway, method, path, body, signal);
}

/** Asks the gateway that the page came from, whichever else is used. */
export async function askOwn<T>(method: Method, path: string, body?: unknown): Promise<T> {
  return send<T>('', method, path, body);
}

async function send<T>(base: string, method: Method, path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  let response: Response;
  try {
    response = await fetch(`${base}${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal, credentials: 'same-origin' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, { type: 'Unreachable', message: `The gateway${base === '' ? '' : ` at ${base}`} does not answer.` });
  }
  const answer = (await response.json().catch(() => undefined)) as unknown;
  if (response.ok) return answer as T;
  throw new Refused(response.status, (answer as WireError | undefined)?.error ?? { type: 'Failed', message: `The gateway answered ${response.status}.` });
}

/** What to tell the person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
