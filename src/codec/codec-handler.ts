import { createHash, timingSafeEqual } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { isLoopback } from '../config/origins';
import { UndecryptableError } from './encryption-codec';

const { Payload: PayloadMessage } = temporal.api.common.v1;

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);

/** A payload as JSON; other fields (references to external storage) are kept. */
const payloadJson = z.looseObject({ metadata: z.record(z.string(), base64).optional(), data: base64.optional() });

const payloadsJson = z.looseObject({ payloads: z.array(payloadJson) });

/** A payload in the JSON form of Temporal's protocol: bytes are base64. */
export type PayloadJson = z.output<typeof payloadJson>;

/** Parses the body of a call to a codec server. Returns undefined for an invalid body. */
export function readPayloads(body: string): PayloadJson[] | undefined {
  try {
    return payloadsJson.safeParse(JSON.parse(body)).data?.payloads;
  } catch {
    return undefined;
  }
}

export function payloadFromJson(json: PayloadJson): Payload {
  return PayloadMessage.fromObject(json);
}

export function payloadToJson(payload: Payload): PayloadJson {
  // `bytes: String` gives base64.
  return PayloadMessage.toObject(PayloadMessage.fromObject(payload), { bytes: String, longs: String });
}

/** A body exceeds the maximum size. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/**
 * Reads a whole body as text.
 *
 * @throws BodyTooLargeError as soon as it is longer than `maxBytes`. The rest is not read, and the request can still be
 * responded to.
 */
export async function readText({ body }: Request, maxBytes: number): Promise<string> {
  if (!body) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  // `for await` would cancel the body when it exits early, and a server then closes the connection.
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.length;
    if (length > maxBytes) throw new BodyTooLargeError(`More than ${maxBytes} bytes.`);
    chunks.push(read.value);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Handles one HTTP request. Never throws: errors are responses as well. */
export type RequestHandler = (request: Request) => Promise<Response>;

/** Returns whether a caller may decrypt. */
export type Authorize = (request: Request) => boolean | Promise<boolean>;

/** Options of a codec server. */
export interface CodecHandlerOptions {
  codec: PayloadCodec;
  /**
   * Origins of web pages that may call: that of the Temporal UI, for example `http://localhost:8233`. Read at each
   * call.
   */
  uiOrigins: readonly string[];
  /**
   * Host names, without a port, by which callers may reach the server, besides those of the loopback interface.
   * Protects against DNS rebinding: a foreign page whose name resolves to this machine sends that name, and is refused.
   * @default none
   */
  hostNames?: readonly string[];
  /** @default all callers except foreign web pages, for the loopback interface of a personal machine */
  authorize?: Authorize;
  /** Maximum size of a body, in bytes. @default 16 MiB */
  maxBodyBytes?: number;
}

const MAX_BODY_BYTES = 16 * 1_024 * 1_024;

/** Request headers that the UI sends, including those of a UI with a login. */
const ALLOWED_HEADERS = 'content-type, x-namespace, authorization, authorization-extras';

const JSON_CONTENT = { 'content-type': 'application/json' };

type Direction = 'encode' | 'decode';

/**
 * Creates the HTTP endpoints with which the Temporal UI and CLI decrypt and encrypt payloads: a POST to a path that
 * ends in `/encode` or `/decode`, as in Temporal's codec servers. Works in any server with standard web requests;
 * headers and URL must be those that the caller sent.
 *
 * Responds either with all payloads encoded or decoded or with an error, so that a UI that cannot encrypt starts
 * nothing in plain text. A body is read only if its caller is allowed.
 */
export function createCodecHandler(options: CodecHandlerOptions): RequestHandler {
  return async (request) => {
    if (!isCalledByOwnName(request, options)) return refused(403, 'Unknown host name (Host header).');
    const origin = request.headers.get('origin');
    // Otherwise any page in the user's browser could call a server on this machine.
    if (origin !== null && !options.uiOrigins.includes(origin))
      return refused(403, 'This origin may not use the codec server.');
    const response = await handleKnown(request, options);
    for (const [name, value] of Object.entries(corsFor(origin))) response.headers.set(name, value);
    response.headers.set('cache-control', 'no-store');
    return response;
  };
}

/**
 * Returns whether a request is for these endpoints, regardless of its method; for a server that has other endpoints.
 */
export function isCodecRequest({ url }: Request): boolean {
  return directionOf(url) !== undefined;
}

async function handleKnown(request: Request, options: CodecHandlerOptions): Promise<Response> {
  const direction = directionOf(request.url);
  if (direction === undefined) return refused(404, 'Not found; the endpoints are /encode and /decode.');
  if (request.method === 'OPTIONS') return preflight(request);
  if (request.method !== 'POST') return refused(405, 'Send a POST.', { allow: 'POST, OPTIONS' });
  const { authorize = () => true, maxBodyBytes = MAX_BODY_BYTES } = options;
  try {
    if (!(await authorize(request))) return refused(401, 'The codec server requires a valid Authorization header.');
    return await code(options.codec, direction, await readText(request, maxBodyBytes));
  } catch (error) {
    if (error instanceof BodyTooLargeError) return refused(413, `The body exceeds ${maxBodyBytes} bytes.`);
    // Its message contains only a key's ID. The message of any other error could contain parts of the payload.
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

/** Uses the path and not the whole URL, because the UI adds a query. */
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
      // Browsers let a UI on a public address call a private one only with this header.
      ...(headers.get('access-control-request-private-network') === 'true' && {
        'access-control-allow-private-network': 'true',
      }),
    },
  });
}

function corsFor(origin: string | null): Record<string, string> {
  // The response depends on the origin, so a cache must not reuse it for another one.
  if (origin === null) return { vary: 'Origin' };
  return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' };
}

function refused(status: number, message: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ message }), { status, headers: { ...JSON_CONTENT, ...headers } });
}

/** Allows callers that send `Authorization: Bearer TOKEN`, compared in constant time. */
export function requiringToken(token: string): Authorize {
  const expected = digest(`Bearer ${token}`);
  return ({ headers }) => timingSafeEqual(digest(headers.get('authorization') ?? ''), expected);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
