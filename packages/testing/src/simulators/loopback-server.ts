import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Keep-alive timeout in milliseconds, longer than any client's, so that only faults close connections. */
const KEEP_ALIVE_MS = 120_000;

/** Maximum size of the headers, in bytes: enough for percent-encoded 4-byte characters in a path. */
const MAX_HEADER_BYTES = 64 * 1024;

/** A server that is reachable only from this machine. */
export interface LoopbackServer {
  url: string;
  port: number;
  /** Stops listening and closes all connections, including stalled calls. */
  close(): Promise<void>;
}

/** Listens on 127.0.0.1; port 0 selects a free one. Rejects when the port is in use. */
export async function listenOnLoopback(
  port: number,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<LoopbackServer> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: MAX_HEADER_BYTES }, handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const taken = (server.address() as AddressInfo).port;
  return { url: `http://127.0.0.1:${taken}`, port: taken, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Returns the whole body, or undefined if it is longer than `maxBytes`. Rejects when the client disconnects. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
    });
    request.on('end', () => resolve(bytes > maxBytes ? undefined : Buffer.concat(chunks, bytes)));
    request.on('error', reject);
  });
}

/** Returns the body of a response as it is sent; empty for a response without one. */
export function textOfBody(body: unknown): string {
  return body === undefined ? '' : JSON.stringify(body);
}

/** Statuses whose responses have neither a body nor a length. */
const WITHOUT_BODY: readonly number[] = [204, 205, 304];

/** Sends a whole response with its length. */
export function send(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Record<string, string | undefined> = {},
): void {
  const sent: Record<string, string | number> = WITHOUT_BODY.includes(status)
    ? {}
    : { ...(body !== '' && { 'content-type': 'application/json' }), 'content-length': Buffer.byteLength(body) };
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) sent[name] = value;
  }
  response.writeHead(status, sent);
  response.end(body);
}
