import type { Payload, PayloadCodec } from '@temporalio/common';
import { payloadFromJson, payloadToJson, readPayloads } from './payload-json';
import { UndecryptableError } from './sealed-payload';

/** A call to a codec server, without its body. */
export interface CodecRequest {
  method: string;
  /** The request target: path and query. */
  url: string;
  /** By their lower-case names. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What is answered; without a body where there is none. */
export interface CodecAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body?: string;
}

/** What a codec server does and for whom. */
export interface CodecEndpointsOptions {
  codec: PayloadCodec;
  /** The origins of web pages that may call: that of the Temporal UI, say `http://localhost:8233`. */
  uiOrigins: readonly string[];
  /**
   * Whether the caller may read what is encrypted.
   * @default everybody who is no foreign web page: for the loopback interface of a machine of one's own
   */
  authorize?: (request: CodecRequest) => boolean | Promise<boolean>;
  /** The longest body that is read, in bytes. @default 16 MiB */
  maxBodyBytes?: number;
}

const MAX_BODY_BYTES = 16 * 1_024 * 1_024;

/** What the UI asks for in its preflights, and what a UI with a login adds. */
const ALLOWED_HEADERS = 'content-type, x-namespace, authorization, authorization-extras';

/** A body is longer than it may be; whoever reads it says so with this. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

type Direction = 'encode' | 'decode';

/**
 * The HTTP endpoints through which the Temporal UI and command line see and make encrypted payloads: a POST to a path
 * that ends in `/encode` or `/decode`, as Temporal's codec servers have it. No sockets here: a server mounts it.
 *
 * Nothing is answered but payloads that were encoded or decoded to the last one; whatever goes wrong is an error, so that
 * a UI that cannot encrypt starts nothing in plain text.
 */
export class CodecEndpoints {
  readonly maxBodyBytes: number;
  readonly #options: CodecEndpointsOptions;

  constructor(options: CodecEndpointsOptions) {
    this.#options = options;
    this.maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES;
  }

  /** Whether a request target is one of these endpoints'. */
  matches(url: string): boolean {
    return directionOf(url) !== undefined;
  }

  /**
   * Answers one call. The body is read only when the caller may call at all.
   *
   * @param readBody Answers the body as text, or throws BodyTooLargeError beyond `maxBodyBytes`.
   */
  async answer(request: CodecRequest, readBody: () => Promise<string>): Promise<CodecAnswer> {
    const origin = headerOf(request, 'origin');
    const known = origin === undefined || this.#options.uiOrigins.includes(origin);
    // Without this, any page in the person's browser could ask a server on this machine.
    if (!known) return refused(403, 'This origin may not use the codec server.');
    const { status, headers, body } = await this.#answerKnown(request, readBody);
    return { status, headers: { ...headers, ...corsFor(origin), 'cache-control': 'no-store' }, ...(body !== undefined && { body }) };
  }

  async #answerKnown(request: CodecRequest, readBody: () => Promise<string>): Promise<CodecAnswer> {
    const direction = directionOf(request.url);
    if (direction === undefined) return refused(404, 'There is only /encode and /decode here.');
    if (request.method === 'OPTIONS') return preflight(request);
    if (request.method !== 'POST') return { ...refused(405, 'Send a POST.'), headers: { allow: 'POST, OPTIONS' } };
    try {
      if (!(await this.#mayCall(request))) return refused(401, 'The codec server asks for a valid Authorization header.');
      return await this.#code(direction, await readBody());
    } catch (error) {
      if (error instanceof BodyTooLargeError) return refused(413, `A body may have ${this.maxBodyBytes} bytes.`);
      // Its message names a key's id and nothing of the payload; that of anything else could.
      if (error instanceof UndecryptableError) return refused(422, error.message);
      return refused(500, `The payloads could not be ${direction}d.`);
    }
  }

  async #mayCall(request: CodecRequest): Promise<boolean> {
    const { authorize } = this.#options;
    return authorize === undefined || (await authorize(request));
  }

  async #code(direction: Direction, body: string): Promise<CodecAnswer> {
    const given = readPayloads(body);
    if (given === undefined) return refused(400, 'The body must be JSON: {"payloads": […]}, with bytes in base64.');
    const { codec } = this.#options;
    const coded: Payload[] = await codec[direction](given.map(payloadFromJson));
    return { status: 200, headers: JSON_CONTENT, body: JSON.stringify({ payloads: coded.map(payloadToJson) }) };
  }
}

const JSON_CONTENT = { 'content-type': 'application/json' };

/** By the path: the UI adds a query, behind which the end of the URL says nothing. */
function directionOf(url: string): Direction | undefined {
  if (!URL.canParse(url, 'http://codec.invalid')) return undefined;
  const { pathname } = new URL(url, 'http://codec.invalid');
  if (pathname.endsWith('/encode')) return 'encode';
  return pathname.endsWith('/decode') ? 'decode' : undefined;
}

function preflight(request: CodecRequest): CodecAnswer {
  const privateNetwork = headerOf(request, 'access-control-request-private-network') === 'true';
  return {
    status: 204,
    headers: {
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': ALLOWED_HEADERS,
      'access-control-max-age': '600',
      // A UI on a public address may only call a private one that says this.
      ...(privateNetwork && { 'access-control-allow-private-network': 'true' }),
    },
  };
}

function corsFor(origin: string | undefined): Record<string, string> {
  // Who is answered depends on it, so no cache may give the answer to another.
  if (origin === undefined) return { vary: 'Origin' };
  return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' };
}

function refused(status: number, message: string): CodecAnswer {
  return { status, headers: JSON_CONTENT, body: JSON.stringify({ message }) };
}

function headerOf({ headers }: CodecRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
