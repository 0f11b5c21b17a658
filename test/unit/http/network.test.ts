import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, LookupFunction, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { AccessTokens } from 'temporal-http-tasks/internal/http/access-tokens';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { http } from 'temporal-http-tasks/internal/providers/catalogue';
import { createAuthority } from '../../support/certificates';
import type { Certified } from '../../support/certificates';
import { everythingIn, failureOf } from './failure-of';

const PASSWORD = 'canary/proxy+pass';
interface Proxy {
  port: number;
  tunnels: { to: string; authorization: string | undefined }[];
  /** What it responds instead of opening a tunnel; nothing at all when empty. */
  refusal: string | undefined;
  close(): Promise<void>;
}

const folder = mkdtempSync(join(tmpdir(), 'network-'));
const authority = createAuthority('Test authority');
const senders: TaskSender[] = [];
const open: { close(): Promise<void> }[] = [];

/** What the API, which speaks TLS and asks for a certificate, was asked, and by whom. */
let asked: { path: string; by: string | undefined }[];
let api: { port: number; close(): Promise<void> };
let proxy: Proxy;
/** An API in clear, and what reached it. */
let plain: { port: number; close(): Promise<void> };
const reached: string[] = [];

beforeAll(async () => {
  const server = createServer(
    {
      ...authority.certify('api', { dnsNames: ['desk.example', 'localhost'] }),
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      asked.push({
        path: request.url ?? '',
        by: socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined,
      });
      response.setHeader('content-type', 'application/json');
      if (request.url === '/login')
        return void response.end(JSON.stringify({ access_token: 'canary-token', expires_in: 60 }));
      response.writeHead(socket.authorized ? 200 : 403).end(JSON.stringify({ echo: request.headers }));
    },
  );
  api = await listen(server);
  plain = await listen(
    createHttpServer((request, response) => {
      reached.push(request.url ?? '');
      if (request.url === '/hang-up') request.socket.destroy();
      else response.setHeader('content-type', 'application/json').end('{}');
    }),
  );
  proxy = await startProxy();
});

beforeEach(() => {
  asked = [];
  reached.length = 0;
  proxy.tunnels.length = 0;
  proxy.refusal = undefined;
});

afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.close()));
  await Promise.all(open.splice(0).map((server) => server.close()));
});

afterAll(async () => {
  await Promise.all([api.close(), plain.close(), proxy.close()]);
  rmSync(folder, { recursive: true });
});

async function listen(server: Server): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket.once('close', () => sockets.delete(socket))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A real proxy that only knows CONNECT; every name and address leads to this machine. */
async function startProxy(
  server: Server = createHttpServer((_request, response) => void response.writeHead(405).end()),
): Promise<Proxy> {
  const started: Proxy = { ...(await listen(server)), tunnels: [], refusal: undefined };
  server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const to = request.url ?? '';
    started.tunnels.push({ to, authorization: request.headers['proxy-authorization'] });
    socket.on('error', () => undefined);
    if (started.refusal === '') return;
    if (started.refusal !== undefined)
      return void socket.end(`HTTP/1.1 ${started.refusal}\r\ncontent-length: 0\r\n\r\n`);
    const out = connect(Number(/:(\d+)$/.exec(to)?.[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      out.write(head);
      out.pipe(socket).pipe(out);
    });
    out.on('error', () => socket.destroy());
    socket.on('close', () => out.destroy());
  });
  return started;
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** Settings under which the API trusts us, and we trust it. */
function tlsEnv(origin: string, { cert, key }: Certified): Record<string, string> {
  return {
    HTTP_TASKS_TLS_DESK_ORIGIN: origin,
    HTTP_TASKS_TLS_DESK_CERT_FILE: file('cert.pem', cert),
    HTTP_TASKS_TLS_DESK_KEY_FILE: file('key.pem', key),
    HTTP_TASKS_TLS_DESK_CA_FILE: file('ca.pem', authority.cert),
  };
}

function senderFor(env: Record<string, string>, lookup?: LookupFunction): TaskSender {
  const sender = createTaskSender(readSenderSettings(env, [http.request.service]), {
    tokens: new AccessTokens(),
    ...(lookup && { lookup }),
  });
  senders.push(sender);
  return sender;
}

const get = (sender: TaskSender, uri: string, more: object = {}) => sender.send(http.request, { uri, ...more });

describe('A client certificate', () => {
  it('is shown to the origin that it is for, whose own authority is trusted', async () => {
    const origin = `https://localhost:${api.port}`;
    const { status } = await get(
      senderFor({ HTTP_TASKS_HTTP_ALLOW: origin, ...tlsEnv(origin, authority.certify('worker-1')) }),
      `${origin}/a`,
    );
    expect({ status, asked }).toEqual({ status: 200, asked: [{ path: '/a', by: 'worker-1' }] });
  });

  it('is shown to no other, and without its authority none is trusted', async () => {
    const origin = `https://localhost:${api.port}`;
    const sender = senderFor({
      HTTP_TASKS_HTTP_ALLOW: origin,
      ...tlsEnv('https://elsewhere.example', authority.certify('worker-1')),
    });
    const failure = await failureOf(get(sender, `${origin}/a`, { method: 'POST' }));
    expect(failure).toMatchObject({ type: 'Task.Unavailable', message: expect.stringContaining('TLS certificate') });
    expect(asked).toEqual([]);
    const trusting = senderFor({
      HTTP_TASKS_HTTP_ALLOW: origin,
      HTTP_TASKS_TLS_DESK_ORIGIN: origin,
      HTTP_TASKS_TLS_DESK_CA_FILE: file('ca.pem', authority.cert),
    });
    expect(await failureOf(get(trusting, `${origin}/a`))).toMatchObject({ type: 'Task.Rejected', status: 403 });
  });

  it('that was replaced is used by new connections; half a replacement is not', async () => {
    const origin = `https://localhost:${api.port}`;
    const [first, second] = [authority.certify('worker-1'), authority.certify('worker-2')];
    const sender = senderFor({ HTTP_TASKS_HTTP_ALLOW: origin, ...tlsEnv(origin, first) });
    await get(sender, `${origin}/a`, { connectTimeoutMs: 1_000 });
    file('cert.pem', second.cert);
    // Other connect timeouts have connections of their own.
    await get(sender, `${origin}/b`, { connectTimeoutMs: 2_000 });
    file('key.pem', second.key);
    await get(sender, `${origin}/c`, { connectTimeoutMs: 3_000 });
    expect(asked.map(({ by }) => by)).toEqual(['worker-1', 'worker-1', 'worker-2']);
  });
});

describe('A proxy', () => {
  const viaProxy = (more: Record<string, string> = {}): Record<string, string> => ({
    HTTP_TASKS_PROXY: `http://me:${encodeURIComponent(PASSWORD)}@127.0.0.1:${proxy.port}`,
    ...more,
  });

  it("is asked for a tunnel, in which certificates, tokens and keys are the service's alone", async () => {
    const origin = `https://desk.example:${api.port}`;
    const env = viaProxy({
      HTTP_TASKS_PROXY_LOOKUP: 'proxy',
      HTTP_TASKS_HTTP_ALLOW: origin,
      HTTP_TASKS_OAUTH_DESK_TOKEN_URL: `${origin}/login`,
      HTTP_TASKS_OAUTH_DESK_ORIGIN: origin,
      HTTP_TASKS_OAUTH_DESK_CLIENT_ID: 'canary-id',
      HTTP_TASKS_OAUTH_DESK_CLIENT_SECRET: 'canary-secret',
      ...tlsEnv(origin, authority.certify('worker-1')),
    });
    const { output } = await get(senderFor(env), `${origin}/a`, {
      headers: { authorization: 'Bearer {{secret:DESK}}' },
    });
    expect(asked).toEqual([
      { path: '/login', by: 'worker-1' },
      { path: '/a', by: 'worker-1' },
    ]);
    const authorization = `Basic ${Buffer.from(`me:${PASSWORD}`).toString('base64')}`;
    expect(proxy.tunnels[0]).toEqual({ to: `desk.example:${api.port}`, authorization });
    const { body } = output.response as { body: { echo: Record<string, string> } };
    expect(Object.keys(body.echo)).not.toContain('proxy-authorization');
    expect(body.echo.authorization).toBe('Bearer [secret]');
  });

  it('is not asked again for calls that find a connection', async () => {
    const origin = `http://desk.example:${plain.port}`;
    const sender = senderFor(viaProxy({ HTTP_TASKS_HTTP_ALLOW_PRIVATE: origin }));
    for (let call = 0; call < 10; call += 1) await get(sender, `${origin}/a`);
    expect(new Set(proxy.tunnels.map(({ to }) => to))).toEqual(new Set([`desk.example:${plain.port}`]));
    // A call may be made before the connection of the one before it is free.
    expect(proxy.tunnels.length).toBeLessThanOrEqual(2);
  });

  it.each<[string, string | undefined, object]>([
    [
      'wants another password',
      '407 Proxy Authentication Required',
      { type: 'Task.Unauthorized', retryable: false, message: expect.stringContaining('Check HTTP_TASKS_PROXY') },
    ],
    [
      'does not let the host through',
      '403 Forbidden',
      { type: 'Task.Unauthorized', retryable: false, message: expect.stringContaining('Check HTTP_TASKS_PROXY') },
    ],
    ['does not reach the host', '502 Bad Gateway', { type: 'Task.Unavailable', retryable: true }],
    ['is silent', '', { type: 'Task.Unavailable', retryable: true }],
  ])('that %s has sent nothing', async (_what, refusal, expected) => {
    proxy.refusal = refusal;
    const origin = `http://desk.example:${plain.port}`;
    const sender = senderFor(
      viaProxy({
        HTTP_TASKS_HTTP_ALLOW_PRIVATE: origin,
        HTTP_TASKS_TOTAL_TIMEOUT_MS: refusal === '' ? '300' : '10000',
      }),
    );
    let sendings = 0;
    const failure = await failureOf(
      sender.send(http.request, { uri: `${origin}/a`, method: 'POST' }, { onSent: () => (sendings += 1) }),
    );
    expect(failure).toMatchObject(expected);
    expect(failure.message).toContain('Nothing was sent');
    expect(everythingIn(failure)).not.toMatch(/canary|127\.0\.0\.1/);
    expect({ sendings, reached }).toEqual({ sendings: 0, reached: [] });
  });

  it('where no server listens has sent nothing, and the call is retried', async () => {
    const gone = await startProxy();
    await gone.close();
    const origin = `http://desk.example:${plain.port}`;
    const sender = senderFor({
      HTTP_TASKS_PROXY: `http://127.0.0.1:${gone.port}`,
      HTTP_TASKS_HTTP_ALLOW_PRIVATE: origin,
    });
    const failure = await failureOf(get(sender, origin, { method: 'POST' }));
    expect(failure).toMatchObject({
      type: 'Task.Unavailable',
      retryable: true,
      message: expect.stringContaining('the proxy cannot be reached'),
    });
  });

  it('that breaks off within a call leaves its outcome unknown', async () => {
    const origin = `http://desk.example:${plain.port}`;
    const failure = await failureOf(
      get(senderFor(viaProxy({ HTTP_TASKS_HTTP_ALLOW_PRIVATE: origin })), `${origin}/hang-up`, { method: 'POST' }),
    );
    expect(failure).toMatchObject({ type: 'Task.OutcomeUnknown', retryable: false });
  });

  it('may be reached by TLS, with an authority of its own', async () => {
    const secure = await startProxy(createServer(authority.certify('proxy', { dnsNames: ['localhost'] })));
    open.push(secure);
    const origin = `https://desk.example:${api.port}`;
    const both = tlsEnv(`${origin},https://localhost:${secure.port}`, authority.certify('worker-1'));
    const sender = senderFor({
      ...both,
      HTTP_TASKS_PROXY: `https://localhost:${secure.port}`,
      HTTP_TASKS_HTTP_ALLOW_PRIVATE: origin,
    });
    await get(sender, `${origin}/a`);
    expect({ asked, tunnels: secure.tunnels.length }).toEqual({ asked: [{ path: '/a', by: 'worker-1' }], tunnels: 1 });
    const untrusting = senderFor({
      HTTP_TASKS_PROXY: `https://localhost:${secure.port}`,
      HTTP_TASKS_HTTP_ALLOW_PRIVATE: origin,
    });
    expect(await failureOf(get(untrusting, origin))).toMatchObject({
      message: expect.stringContaining('handshake of the proxy was not accepted. Nothing was sent'),
    });
  });

  it('is passed by for this machine, unless the list of such hosts says otherwise', async () => {
    const origin = `http://localhost:${plain.port}`;
    await get(senderFor(viaProxy({ HTTP_TASKS_HTTP_ALLOW: origin })), origin);
    expect(proxy.tunnels).toEqual([]);
    await get(senderFor(viaProxy({ HTTP_TASKS_HTTP_ALLOW: origin, HTTP_TASKS_NO_PROXY: 'intranet.example' })), origin);
    expect(proxy.tunnels).toHaveLength(1);
  });
});

describe('An allowed name behind a proxy', () => {
  const looked: string[] = [];
  let address: string | undefined;
  const lookup: LookupFunction = (name, _options, callback) => {
    looked.push(name);
    if (address === undefined) callback(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }), []);
    else callback(null, [{ address, family: 4 }]);
  };

  const ask = (more: Record<string, string> = {}): Promise<unknown> => {
    const origin = `https://desk.example:${api.port}`;
    return get(
      senderFor(
        {
          HTTP_TASKS_PROXY: `http://127.0.0.1:${proxy.port}`,
          HTTP_TASKS_HTTP_ALLOW: origin,
          ...tlsEnv(origin, authority.certify('worker-1')),
          ...more,
        },
        lookup,
      ),
      `${origin}/a`,
    );
  };

  beforeEach(() => {
    looked.length = 0;
  });

  it('is looked up here, and the proxy is asked for the address that was checked', async () => {
    address = '93.184.216.34';
    await ask();
    expect({ looked, tunnels: proxy.tunnels, asked: asked.length }).toEqual({
      looked: ['desk.example'],
      tunnels: [{ to: `93.184.216.34:${api.port}` }],
      asked: 1,
    });
  });

  it('that leads to an address that is not public is refused, and the proxy is not asked', async () => {
    address = '169.254.169.254';
    expect(await failureOf(ask())).toMatchObject({ type: 'Task.InvalidInput', field: 'uri', retryable: false });
    expect(proxy.tunnels).toEqual([]);
  });

  it('that is unknown here can be left to the proxy, which then checks nothing', async () => {
    address = undefined;
    expect(await failureOf(ask())).toMatchObject({
      type: 'Task.Unavailable',
      message: expect.stringContaining('HTTP_TASKS_PROXY_LOOKUP=proxy'),
    });
    await ask({ HTTP_TASKS_PROXY_LOOKUP: 'proxy' });
    expect({ looked, tunnels: proxy.tunnels }).toEqual({
      looked: ['desk.example'],
      tunnels: [{ to: `desk.example:${api.port}` }],
    });
  });
});
