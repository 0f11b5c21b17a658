import { request } from 'node:http';
import { connect } from 'node:net';
import { defaultPayloadConverter } from '@temporalio/common';
import {
  createCodecHandler,
  isCodecRequest,
  payloadToJson,
  requiringToken,
} from 'temporal-http-tasks/internal/codec/codec-handler';
import type { CodecHandlerOptions, PayloadJson } from 'temporal-http-tasks/internal/codec/codec-handler';
import { startCodecServer } from 'temporal-http-tasks/internal/codec/codec-server';
import type { CodecServer } from 'temporal-http-tasks/internal/codec/codec-server';
import { EncryptionCodec } from 'temporal-http-tasks/internal/codec/encryption-codec';
import { freshKey } from './keys';

const UI = 'http://localhost:8233';
const KEY = freshKey('here');
const codec = new EncryptionCodec([KEY]);

const servers: CodecServer[] = [];
afterAll(() => Promise.all(servers.map((server) => server.close())));

async function serve(options: Partial<CodecHandlerOptions> = {}): Promise<string> {
  const server = await startCodecServer(createCodecHandler({ codec, uiOrigins: [UI], ...options }), { port: 0 });
  servers.push(server);
  return server.url;
}

/** What the UI sends: always with a query and the namespace. */
function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}?preserveStorageRefs=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-namespace': 'default', origin: UI, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

function plain(value: unknown): PayloadJson {
  return payloadToJson(defaultPayloadConverter.toPayload(value));
}

async function payloadsOf(response: Response): Promise<PayloadJson[]> {
  expect(response.status).toBe(200);
  return ((await response.json()) as { payloads: PayloadJson[] }).payloads;
}

const encodingOf = ({ metadata }: PayloadJson): string => Buffer.from(metadata!['encoding']!, 'base64').toString();

describe('The codec server', () => {
  let url: string;
  beforeAll(async () => {
    url = await serve();
  });

  it('encrypts and decrypts, whatever is before the path and in the query', async () => {
    const given = [plain({ user: 'canary' }), plain('two')];
    for (const base of [url, `${url}/codec/default`]) {
      const encoded = await payloadsOf(await post(`${base}/encode`, { payloads: given }));
      expect(encoded.map(encodingOf)).toEqual(['binary/encrypted', 'binary/encrypted']);
      const decoded = await payloadsOf(await post(`${base}/decode`, { payloads: encoded }));
      expect(decoded).toEqual(given);
    }
  });

  it('returns unchanged what it has not encrypted, with references to storage elsewhere', async () => {
    const reference = { ...plain('x'), externalPayloads: [{ sizeBytes: '12' }] };
    expect(await payloadsOf(await post(`${url}/decode`, { payloads: [plain('plain'), reference] }))).toEqual([
      plain('plain'),
      reference,
    ]);
    expect(await payloadsOf(await post(`${url}/decode`, { payloads: [] }))).toEqual([]);
  });

  it('accepts the preflight of the UI, and lets no cache serve its response to another origin', async () => {
    const asked = {
      origin: UI,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,x-namespace',
    };
    const { status, headers } = await fetch(`${url}/encode?preserveStorageRefs=true`, {
      method: 'OPTIONS',
      headers: asked,
    });
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(UI);
    expect(headers.get('access-control-allow-methods')).toBe('POST');
    expect(headers.get('access-control-allow-headers')).toContain('content-type, x-namespace');
    expect(headers.get('access-control-allow-private-network')).toBeNull();
    expect(headers.get('vary')).toBe('Origin');
    const responded = await post(`${url}/decode`, { payloads: [] });
    expect(responded.headers.get('access-control-allow-origin')).toBe(UI);
    expect(responded.headers.get('cache-control')).toBe('no-store');
    const fromOutside = await fetch(`${url}/decode`, {
      method: 'OPTIONS',
      headers: { ...asked, 'access-control-request-private-network': 'true' },
    });
    expect(fromOutside.headers.get('access-control-allow-private-network')).toBe('true');
  });

  it.each(['http://evil.example', 'http://localhost:9999', 'https://localhost:8233', 'null', `${UI}.evil.example`])(
    'refuses pages of %s',
    async (origin) => {
      const preflight = await fetch(`${url}/decode`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
      const [sealed] = await codec.encode([defaultPayloadConverter.toPayload('canary')]);
      const asked = await post(`${url}/decode`, { payloads: [payloadToJson(sealed!)] }, { origin });
      for (const response of [preflight, asked]) {
        expect(response.status).toBe(403);
        expect(response.headers.get('access-control-allow-origin')).toBeNull();
        expect(await response.text()).not.toContain('payloads');
      }
    },
  );

  it('serves the command line, which names no origin', async () => {
    const { status, headers } = await fetch(`${url}/encode`, {
      method: 'POST',
      body: JSON.stringify({ payloads: [] }),
    });
    expect([status, headers.get('access-control-allow-origin')]).toEqual([200, null]);
  });

  it('has nothing but two paths and one method', async () => {
    const paths = ['/', '/encoded', '/decode/', '/x?path=/encode', '/x?/encode', '/encode.json', '//', '/%65ncode'];
    for (const path of paths) {
      const response = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { origin: UI },
        body: '{"payloads":[]}',
      });
      expect([path, response.status]).toEqual([path, 404]);
    }
    expect((await fetch(`${url}/encode`)).status).toBe(405);
    expect((await fetch(`${url}/encode`, { method: 'PUT', body: '{}' })).status).toBe(405);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{"payloads":'],
    ['a list', '[]'],
    ['no payloads', '{}'],
    ['a payload that is none', '{"payloads":["canary"]}'],
    ['bytes that are no base64', '{"payloads":[{"metadata":{"encoding":"!"},"data":"canary"}]}'],
    ['data that is a number', '{"payloads":[{"data":1}]}'],
  ])('encodes nothing when it is sent %s, and repeats nothing of it', async (_, body) => {
    const response = await post(`${url}/encode`, body);
    expect(response.status).toBe(400);
    const responded = await response.text();
    expect(responded).not.toMatch(/"payloads":\[|canary/);
  });

  it('names the key that it lacks', async () => {
    const [foreign] = await new EncryptionCodec([freshKey('elsewhere')]).encode([
      defaultPayloadConverter.toPayload('x'),
    ]);
    const response = await post(`${url}/decode`, { payloads: [plain('x'), payloadToJson(foreign!)] });
    expect(response.status).toBe(422);
    expect(((await response.json()) as { message: string }).message).toContain('"elsewhere"');
  });

  it('keeps serving after a caller disconnects', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await new Promise<void>((resolve) =>
      socket.write('POST /encode HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n{"pay', () => resolve()),
    );
    socket.destroy();
    expect((await post(`${url}/encode`, { payloads: [] })).status).toBe(200);
  });

  it.each([
    ['localhost', '/decode', 200],
    ['localhost:80', '/decode', 200],
    ['[::1]:80', '/decode', 200],
    ['evil.example', '/decode', 403],
    ['evil.example:80', '/decode', 403],
    ['localhost.evil.example', '/decode', 403],
    ['127.0.0.1.evil.example', '/decode', 403],
    ['evil.example/127.0.0.1', '/decode', 403],
    ['local host', '/decode', 400],
    ['localhost', 'http://evil.example/decode', 400],
    ['localhost', '*', 400],
  ])(
    'called as %s, for %s, responds %d: a name that was pointed at this machine is not accepted',
    async (host, target, status) => {
      const body = '{"payloads":[]}';
      const response = await rawly(
        url,
        `POST ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      expect(response).toContain(`HTTP/1.1 ${status} `);
    },
  );
});

/** Sends bytes as they stand, and reads to the end. */
async function rawly(url: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.setEncoding('utf8').write(text);
  let response = '';
  for await (const chunk of socket) response += String(chunk);
  return response;
}

describe('Mounted in another server', () => {
  const handler = createCodecHandler({ codec, uiOrigins: [UI], hostNames: ['codec.example.com'] });
  const called = (url: string, init: RequestInit = {}): Promise<Response> =>
    handler(new Request(url, { method: 'POST', body: '{"payloads":[]}', ...init }));

  it('accepts the names that it is given, by the URL where there is no Host', async () => {
    const statuses = [
      'http://codec.example.com/encode',
      'https://codec.example.com:444/a/encode',
      'http://other.example.com/encode',
    ].map(async (url) => (await called(url)).status);
    expect(await Promise.all(statuses)).toEqual([200, 200, 403]);
    expect((await called('http://codec.example.com/encode', { headers: { host: 'evil.example' } })).status).toBe(403);
  });

  it('recognizes its own requests by the path', () => {
    const own = ['/encode', '/codec/decode?preserveStorageRefs=true', '/x?/encode', '/tasks'].map((path) =>
      isCodecRequest(new Request(`http://localhost${path}`)),
    );
    expect(own).toEqual([true, true, false, false]);
  });

  it('takes a request without a body for one without payloads', async () => {
    expect((await called('http://localhost/encode', { body: null })).status).toBe(400);
  });
});

it('fails closed: when encoding fails, no payload is returned', async () => {
  const broken = await serve({
    codec: { encode: () => Promise.reject(new Error('canary')), decode: (payloads) => Promise.resolve(payloads) },
  });
  const response = await post(`${broken}/encode`, { payloads: [plain('canary')] });
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ message: 'The payloads could not be encoded.' });
});

it('reads no more of a body than it may', async () => {
  const url = await serve({ maxBodyBytes: 1_000 });
  expect((await post(`${url}/encode`, { payloads: [plain('x'.repeat(500))] })).status).toBe(200);
  const tooLong = await new Promise<number | undefined>((resolve, reject) => {
    // In pieces, without saying before how long it will be.
    const call = request(`${url}/encode`, { method: 'POST' }, (response) => resolve(response.resume().statusCode));
    call.once('error', reject);
    call.write('x'.repeat(600));
    call.write('x'.repeat(600));
  });
  expect(tooLong).toBe(413);
});

describe('With a check of who calls', () => {
  it('only the right token is let in, and the preflight, which carries none', async () => {
    const url = await serve({ authorize: requiringToken('the-right-token-0001') });
    const statusWith = async (authorization?: string): Promise<number> =>
      (await post(`${url}/decode`, { payloads: [] }, authorization === undefined ? {} : { authorization })).status;
    expect(await statusWith('Bearer the-right-token-0001')).toBe(200);
    for (const wrong of [
      undefined,
      '',
      'Bearer',
      'Bearer the-right-token-000',
      'the-right-token-0001',
      'Basic the-right-token-0001',
    ]) {
      expect([wrong, await statusWith(wrong)]).toEqual([wrong, 401]);
    }
    const preflight = await fetch(`${url}/decode`, { method: 'OPTIONS', headers: { origin: UI } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
  });

  it("a check of the host's own is asked with the headers, before the body is read", async () => {
    const asked: unknown[] = [];
    const handler = createCodecHandler({
      codec,
      uiOrigins: [],
      authorize: async ({ headers }) => Boolean(asked.push(headers.get('x-namespace'))) && false,
    });
    const request = new Request('http://localhost/decode', {
      method: 'POST',
      headers: { 'x-namespace': 'prod' },
      body: '{}',
    });
    const { status } = await handler(request);
    expect([status, asked, request.bodyUsed]).toEqual([401, ['prod'], false]);
  });

  it('a check that fails rejects every caller', async () => {
    const url = await serve({ authorize: () => Promise.reject(new Error('the login is away')) });
    expect((await post(`${url}/decode`, { payloads: [plain('x')] })).status).toBe(500);
  });
});
