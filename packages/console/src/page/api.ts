import type { WireError } from '../gateway/wire.js';
import { currentGateway, isOwn, signedFor } from './gateways.js';

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

type Method = 'GET' | 'POST' | 'PUT';

/** Sends a request to the gateway in use, with that gateway's token. @throws Refused, also when it cannot be reached. */
export async function ask<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const gateway = currentGateway();
  const headers = { ...(body !== undefined && { 'content-type': 'application/json' }), ...signedFor(gateway) };
  let response: Response;
  try {
    // A gateway never redirects; following one could carry token and keys to another server.
    response = await fetch(`${gateway}${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: 'same-origin',
      redirect: 'error',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, {
      type: 'Unreachable',
      message: `The gateway${isOwn(gateway) ? '' : ` at ${gateway}`} cannot be reached.`,
    });
  }
  const answer = (await response.json().catch(() => undefined)) as unknown;
  if (response.ok) return answer as T;
  throw new Refused(
    response.status,
    (answer as WireError | undefined)?.error ?? {
      type: 'Failed',
      message: `The gateway responded with ${response.status}.`,
    },
  );
}

/** What to show to the person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
