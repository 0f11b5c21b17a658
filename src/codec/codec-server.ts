import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BodyTooLargeError } from './codec-endpoints';
import type { CodecEndpoints } from './codec-endpoints';

/** A codec server that runs. */
export interface CodecServer {
  url: string;
  close(): Promise<void>;
}

/** Only this machine: what it answers is what the encryption hides. */
const HOST = '127.0.0.1';

/** Serves the endpoints on the loopback interface. */
export async function startCodecServer(endpoints: CodecEndpoints, port: number): Promise<CodecServer> {
  const server = createServer((request, response) => void serve(endpoints, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${bound}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(endpoints: CodecEndpoints, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '', headers } = request;
  const { status, headers: answered, body } = await endpoints.answer({ method, url, headers }, () => readBody(request, endpoints.maxBodyBytes));
  // What was not read of a refused body would be taken for the next request.
  const unread = request.readableEnded ? {} : { connection: 'close' };
  response.writeHead(status, { ...answered, ...unread }).end(body);
}

/** Reads a body to its end; a longer one is given up. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new BodyTooLargeError(`More than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
