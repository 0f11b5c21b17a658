import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { RequestHandler } from './codec-handler';

/** A running codec server. */
export interface CodecServer {
  url: string;
  close(): Promise<void>;
}

/** Where the codec server listens. */
export interface CodecServerOptions {
  /** 0 selects a free port. */
  port: number;
  /** @default 127.0.0.1, only this machine, because responses contain decrypted data */
  address?: string;
}

const LOOPBACK = '127.0.0.1';

/** Serves a handler over HTTP. */
export async function startCodecServer(
  handler: RequestHandler,
  { port, address = LOOPBACK }: CodecServerOptions,
): Promise<CodecServer> {
  const server = createServer((request, response) => void serve(handler, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${address.includes(':') ? `[${address}]` : address}:${bound}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(handler: RequestHandler, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const request = requestOf(incoming);
  const result = request ? await handler(request) : new Response(null, { status: 400 });
  const body = Buffer.from(await result.arrayBuffer());
  // The unread rest of a refused body would be parsed as the next request.
  const unread = incoming.readableEnded ? {} : { connection: 'close' };
  outgoing.writeHead(result.status, { ...Object.fromEntries(result.headers), ...unread }).end(body);
}

/** Converts to a standard web request. Returns undefined for a target or header that it cannot represent. */
function requestOf(incoming: IncomingMessage): Request | undefined {
  const { method = 'GET', url = '', headers } = incoming;
  if (!url.startsWith('/')) return undefined;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  try {
    const given = Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one): [string, string] => [name, one]),
    );
    // Concatenated with the host, because //elsewhere/encode resolved against it would be another host.
    return new Request(`http://${headers.host ?? ''}${url}`, {
      method,
      headers: given,
      ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' }),
    });
  } catch {
    return undefined;
  }
}
