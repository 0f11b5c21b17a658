import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as a server of the test's own got it. */
export interface ReceivedCall {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: unknown;
}

/** A server of the test's own on the loopback interface, for `http.request`. */
export interface HttpTarget {
  origin: string;
  received: ReceivedCall[];
  close(): Promise<void>;
}

/** What it responds to a call. */
export type Responder = (call: ReceivedCall) => { status: number; body: unknown };

/** Starts a server that keeps what it gets. */
export async function startHttpTarget(
  respond: Responder = () => ({ status: 200, body: { ok: true } }),
): Promise<HttpTarget> {
  const received: ReceivedCall[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const { method = '', url: path = '', headers } = request;
      const call = { method, path, headers, body: bodyIn(text, headers) };
      received.push(call);
      const { status, body } = respond(call);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    received,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function bodyIn(text: string, headers: IncomingHttpHeaders): unknown {
  if (text === '') return undefined;
  return headers['content-type'] === 'application/json' ? (JSON.parse(text) as unknown) : text;
}
