import type { PayloadCodec } from '@temporalio/common';
import { isLoopback } from '../config/base-url';
import { payloadFromJson, payloadToJson, readPayloads } from './payload-json';
import { BodyTooLargeError, readText } from './request-body';
import { UndecryptableError } from './sealed-payload';

/** Answers one HTTP request. Whatever goes wrong is an answer too, so that it never throws. */
export type RequestHandler = (request: Request) => Promise<Response>;

/** Whether a caller may read what is encrypted. */
export type Authorize = (request: Request) => boolean | Promise<boolean>;

/** What a codec server does and for whom. */
export interface CodecHandlerOptions {
  codec: PayloadCodec;
  /** The origins of web pages that may call: that of the Temporal UI, say `http://localhost:8233`. Read at every call. */
  uiOrigins: readonly string[];
  /**
   * The names, without a port, by which callers may reach the server beside those of the loopback interface. A page
   * elsewhere whose name has been pointed at this machine sends that name, and is refused.
   * @default none
   */
  hostNames?: readonly string[];
  /** @default everybody who is no foreign web page: for the loopback interface of a machine of one's own */
  authorize?: Authorize;
  /** The longest body that is read, in bytes. @default 16 MiB */
  maxBodyBytes?: number;
}

const MAX_BODY_BYTES = 16 * 1_024 * 1_024;

/** What the UI asks for in its preflights, and what a UI with a login adds. */
const ALLOWED_HEADERS = 'content-type, x-namespace, authorization, authorization-extras';

const JSON_CONTENT = { 'content-type': 'application/json' };

type Direction = 'encode' | 'decode';

/**
 * The HTTP endpoints through which the Temporal UI and command line see and make encrypted payloads: a POST to a path
 * that ends in `/encode` or `/decode`, as Temporal's codec servers have it. Mount it wherever a server has requests of
 * the web's standard; the headers and the URL must be those that the caller sent.
 *
 * Nothing is answered but payloads that were encoded or decoded to the last one; whatever goes wrong is an error, so that
 * a UI that cannot encrypt starts nothing in plain text. A body is read only when its caller may call at all.
 */
export function createCodecHandler(options: CodecHandlerOptions): RequestHandler {
  return async (request) => {
    if (!isCalledByOwnName(request, options)) return refused(403, 'This server is not called by that name (Host).');
    const origin = request.headers.get('origin');
    // Without this, any page in the person's browser could ask a server on this machine.
    if (origin !== null && !options.uiOrigins.includes(origin))
      return refused(403, 'This origin may not use the codec server.');
    const response = await answerKnown(request, options);
    for (const [name, value] of Object.entries(corsFor(origin))) response.headers.set(name, value);
    response.headers.set('cache-control', 'no-store');
    return response;
  };
}

/** Whether a request is for these endpoints, whatever its method: for a server that has others too. */
export function isCodecRequest({ url }: Request): boolean {
  return directionOf(url) !== undefined;
}

async function answerKnown(request: Request, options: CodecHandlerOptions): Promise<Response> {
  const direction = directionOf(request.url);
  if (direction === undefined) return refused(404, 'There is only /encode and /decode here.');
  if (request.method === 'OPTIONS') return preflight(request);
  if (request.method !== 'POST') return refused(405, 'Send a POST.', { allow: 'POST, OPTIONS' });
  const { authorize = () => true, maxBodyBytes = MAX_BODY_BYTES } = options;
  try {
    if (!(await authorize(request))) return refused(401, 'The codec server asks for a valid Authorization header.');
    return await code(options.codec, direction, await readText(request, maxBodyBytes));
  } catch (error) {
    if (error instanceof BodyTooLargeError) return refused(413, `A body may have ${maxBodyBytes} bytes.`);
    // Its message names a key's id and nothing of the payload; that of anything else could.
    if (error instanceof UndecryptableError) return refused(422, error.message);
    return refused(500, `The payloads could not be ${direction}d.`);
  }
}

async function code(codec: PayloadCodec, direction: Direction, body: string): Promise<Response> {
  const given = readPayloads(body);
  if (given === undefined) return refused(400, 'The body must be JSON: {"payloads": […]}, with bytes in base64.');
  const coded = await codec[direction](given.map(payloadFromJson));
  return new Response(JSON.stringify({ payloads: coded.map(payloadToJson) }), { headers: JSON_CONTENT });
}

/** By the path: the UI adds a query, behind which the end of the URL says nothing. */
function directionOf(url: string): Direction | undefined {
  const { pathname } = new URL(url);
  if (pathname.endsWith('/encode')) return 'encode';
  return pathname.endsWith('/decode') ? 'decode' : undefined;
}

function isCalledByOwnName({ headers, url }: Request, { hostNames = [] }: CodecHandlerOptions): boolean {
  const called = `http://${headers.get('host') ?? new URL(url).host}`;
  if (!URL.canParse(called)) return false;
  const { hostname } = new URL(called);
  return isLoopback(hostname) || hostNames.includes(hostname);
}

function preflight({ headers }: Request): Response {
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': ALLOWED_HEADERS,
      'access-control-max-age': '600',
      // A UI on a public address may only call a private one that says this.
      ...(headers.get('access-control-request-private-network') === 'true' && {
        'access-control-allow-private-network': 'true',
      }),
    },
  });
}

function corsFor(origin: string | null): Record<string, string> {
  // Who is answered depends on it, so no cache may give the answer to another.
  if (origin === null) return { vary: 'Origin' };
  return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' };
}

function refused(status: number, message: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ message }), { status, headers: { ...JSON_CONTENT, ...headers } });
}
