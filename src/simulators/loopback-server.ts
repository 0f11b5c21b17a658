import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Longer than any client keeps a socket idle, so that only faults break connections. */
const KEEP_ALIVE_MS = 120_000;

/** Room for 4-byte characters in a path, percent-encoded, beside ordinary headers. */
const MAX_HEADER_BYTES = 64 * 1024;

/** A server that only this machine can reach. */
export interface LoopbackServer {
  url: string;
  port: number;
  /** Stops listening and breaks what is still open, stalled calls too. */
  close(): Promise<void>;
}

/** Listens on 127.0.0.1; port 0 takes a free one. Rejects when the port is taken. */
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

/** The whole body, or undefined when it is longer than `maxBytes`; rejects when the client breaks off. */
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

/** Sends a whole answer with its length. */
export function send(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Record<string, string | undefined> = {},
): void {
  const sent: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) sent[name] = value;
  }
  response.writeHead(status, sent);
  response.end(body);
}
