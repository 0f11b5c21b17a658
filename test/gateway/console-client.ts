import type { WireError } from '@temporal-http-tasks/console/internal/gateway/wire';
import type { UploadedFile } from '@temporal-http-tasks/console/internal/gateway/wire-operations';
import type { Console } from '../browser/console-stage';

/** What a console responded. */
export interface ApiResponse<T> {
  status: number;
  body: T & WireError;
  text: string;
}

/** Sends a request to a console as its page does; a text is sent as a file. */
export async function askConsole<T>(
  { url, token }: Pick<Console, 'url' | 'token'>,
  method: string,
  path: string,
  body?: unknown,
): Promise<ApiResponse<T>> {
  const isFile = typeof body === 'string';
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': isFile ? 'application/octet-stream' : 'application/json' }),
    },
    ...(body !== undefined && { body: isFile ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /\/json\b/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, text, body: (isJson ? JSON.parse(text) : {}) as T & WireError };
}

/** Uploads a file of users and returns its ID. */
export async function uploadTo(
  console_: Pick<Console, 'url' | 'token'>,
  text: string,
  name = 'users.csv',
): Promise<string> {
  return (await askConsole<UploadedFile>(console_, 'POST', `/api/uploads?name=${name}`, text)).body.upload;
}
