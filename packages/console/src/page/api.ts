import type { WireError } from '../gateway/wire.js';
import { currentGateway, isOwn, signedFor } from './gateways.js';

/** A refusal by the gateway. */
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
  const response = await send(method, path, body, signal);
  return (await response.json().catch(() => undefined)) as T;
}

/** Sends a file of users to the gateway in use, which keeps it in memory. @throws Refused */
export async function upload<T>(file: File, signal: AbortSignal): Promise<T> {
  const response = await send('POST', `/api/uploads?name=${encodeURIComponent(file.name)}`, file, signal);
  return (await response.json()) as T;
}

/** Reads a file from the gateway in use, and has the browser save it under this name. @throws Refused */
export async function download(path: string, name: string): Promise<void> {
  const response = await send('GET', path);
  // A link cannot carry the token.
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name.replace(/[^\w.-]/g, '_');
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function send(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const gateway = currentGateway();
  const isFile = body instanceof Blob;
  const type = isFile ? 'application/octet-stream' : 'application/json';
  const headers = { ...(body !== undefined && { 'content-type': type }), ...signedFor(gateway) };
  let response: Response;
  try {
    // A gateway never redirects; following one could carry token and keys to another server.
    response = await fetch(`${gateway}${path}`, {
      method,
      headers,
      body: isFile ? body : body === undefined ? undefined : JSON.stringify(body),
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
  if (response.ok) return response;
  const refusal = (await response.json().catch(() => undefined)) as WireError | undefined;
  throw new Refused(
    response.status,
    refusal?.error ?? { type: 'Failed', message: `The gateway responded with ${response.status}.` },
  );
}

/** Returns the message to show. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
