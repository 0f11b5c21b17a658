import { request } from 'node:http';
import { connect } from 'node:net';
import { createGateway } from '@temporal-http-tasks/console/internal/gateway/gateway';
import { startGateway } from '@temporal-http-tasks/console/internal/gateway/start-gateway';
import type { TestResponse, WireError } from '@temporal-http-tasks/console/internal/gateway/wire';
import { startSimulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';
import { environmentOf } from '../support/offboarding';
import { openGateway, STAGE_TOKEN } from './stage';
import type { GatewayStage } from './stage';

let simulators: Simulators;
let env: Record<string, string>;
let gateway: GatewayStage;

beforeAll(async () => {
  simulators = await startSimulators();
  env = environmentOf(simulators, { taskQueue: 'unused', ledgerUrl: 'file:unused' });
  gateway = await openGateway({ env });
});

beforeEach(() => {
  simulators.plaid.reset();
  simulators.batch.reset();
});

afterAll(async () => {
  await gateway.close();
  await simulators.close();
});

const calls = (): number => simulators.plaid.calls().calls.length + simulators.batch.calls().calls.length;
const test = (task: string, body: unknown): ReturnType<typeof gateway.ask<TestResponse & WireError>> =>
  gateway.ask<TestResponse & WireError>('POST', `/api/tasks/${task}/test`, body);

describe('who may use the gateway', () => {
  /** fetch decides about Host and Origin itself. */
  const raw = (headers: Record<string, string>, path = '/api/tasks', method = 'GET'): Promise<number> =>
    new Promise((resolve, reject) => {
      const url = new URL(gateway.url);
      request(
        {
          host: url.hostname,
          port: url.port,
          path,
          method,
          headers: { host: url.host, authorization: `Bearer ${STAGE_TOKEN}`, ...headers },
        },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      )
        .on('error', reject)
        .end();
    });

  it('is refused under a name that was made to point here', async () => {
    expect(await raw({})).toBe(200);
    expect(await raw({ host: `localhost:${new URL(gateway.url).port}` })).toBe(200);
    for (const host of ['evil.example', 'evil.example:80', 'localhost.evil.example', '127.0.0.1.evil.example'])
      expect(await raw({ host })).toBe(403);
  });

  it('is refused to pages of other origins, forms among them', async () => {
    for (const origin of ['https://evil.example', 'null', 'http://localhost:1', 'http://127.0.0.1'])
      expect(await raw({ origin })).toBe(403);
    expect(await raw({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await raw({ 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await raw({ origin: gateway.url, 'sec-fetch-site': 'same-origin' })).toBe(200);
    const form = await gateway.ask('POST', '/api/tasks/plaid.userItemsGet/test', 'input=1', {
      'content-type': 'text/plain',
    });
    expect(form.status).toBe(415);
    expect(calls()).toBe(0);
  });

  it('lets in the pages of gateways that were named, and no other', async () => {
    const open = await openGateway({ env, allowOrigins: ['https://console.example.com'] });
    const preflight = await open.ask('OPTIONS', '/api/tasks', undefined, { origin: 'https://console.example.com' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    const foreign = await open.ask('GET', '/api/tasks', undefined, { origin: 'https://evil.example' });
    expect(foreign.status).toBe(403);
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    await open.close();
  });

  /** Every route but the static page, from the router itself: a route that is added later is here, too. */
  const guardedRoutes = (): { method: string; path: string }[] => {
    const filled = (path: string): string =>
      path
        .replace(':name', 'plaid.userItemsGet')
        .replace(':service', 'plaid')
        .replace(':action', 'approve')
        .replace(/:\w+/g, 'x');
    const routes = createGateway({ env, taskQueue: 'q', version: '0', allowOrigins: [], token: STAGE_TOKEN }).routes;
    const found = routes.filter(({ path }) => !path.includes('*') && path !== '/' && path !== '/page/:file');
    return [
      ...new Map(
        found.map(({ method, path }) => [
          `${method} ${path}`,
          { method: method === 'ALL' ? 'GET' : method, path: filled(path) },
        ]),
      ).values(),
    ];
  };

  it('requires its token on every route but the static page', async () => {
    const routes = guardedRoutes();
    expect(routes.length).toBeGreaterThan(18);
    expect(routes).toEqual(
      expect.arrayContaining([
        { method: 'POST', path: '/api/runs/x/approve' },
        { method: 'PUT', path: '/api/credentials' },
        { method: 'POST', path: '/api/offboardings' },
      ]),
    );
    for (const { method, path } of routes) {
      for (const authorization of [
        '',
        STAGE_TOKEN,
        `Basic ${STAGE_TOKEN}`,
        `Bearer ${STAGE_TOKEN.toUpperCase()}`,
        `Bearer ${STAGE_TOKEN}x`,
        `bearer ${STAGE_TOKEN}`,
      ]) {
        const body = method === 'GET' ? undefined : {};
        expect({
          method,
          path,
          authorization,
          status: (
            await gateway.ask(method, `${path}?token=${STAGE_TOKEN}`, body, {
              authorization,
              cookie: `token=${STAGE_TOKEN}`,
            })
          ).status,
        }).toEqual({ method, path, authorization, status: 401 });
      }
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      expect((await gateway.ask(method, '/', {}, { authorization: '' })).status).toBe(401);
    expect((await gateway.ask('GET', '/api/about')).status).toBe(200);
    expect(calls()).toBe(0);
  });

  it.each([undefined, ''])('does not start without a token, on this machine neither: %j', async (token) => {
    for (const host of ['127.0.0.1', '0.0.0.0']) {
      const started = startGateway(
        { host, port: 0 },
        { env, taskQueue: 'q', version: '0', allowOrigins: [], token: token as string },
      );
      await expect(started).rejects.toThrow(/needs a token/);
    }
  });

  it('serves the same page to every request, whatever gateway a cookie or header names', async () => {
    const [evil, other] = ['https://evil.example', 'http://127.0.0.1:4041'];
    const open = await openGateway({ env, otherGateways: [`${other}/`] });
    const { port } = new URL(open.url);
    const cookie = [
      `http-tasks-gateway=${evil}`,
      `http-tasks-gateway${port}=${evil}`,
      `__Host-http-tasks-gateway=${evil}`,
    ].join('; ');
    const named = {
      cookie,
      authorization: '',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
      'x-original-url': evil,
    };
    const page = await open.ask('GET', `/?gateway=${evil}`, undefined, named);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain(`connect-src 'self' ${other};`);
    expect(page.headers.get('set-cookie')).toBeNull();
    expect(page.text).toContain(`data-other-gateways="${other}"`);
    expect([...page.headers].join() + page.text).not.toContain('evil');
    expect((await open.ask('PUT', '/api/other-gateway', { url: evil })).status).toBe(404);
    const manual = await open.ask('GET', '/utcp', undefined, { ...named, authorization: `Bearer ${STAGE_TOKEN}` });
    expect(manual.text).not.toContain('evil');
    await open.close();
  });

  it.each([
    'http://console.example.com',
    'https://user@console.example.com',
    'https://a;script-src.example',
    'https://a"b.example',
    'https://*.example.com',
    'https://console.example.com/path',
    'http://[::1]:4040',
    'ftp://127.0.0.1',
  ])('may not be pointed at %s', (origin) => {
    const options = { env, taskQueue: 'q', version: '0', allowOrigins: [], token: STAGE_TOKEN };
    expect(() => createGateway({ ...options, otherGateways: [origin] })).toThrow(TypeError);
  });

  it('sends every response with headers that let in nothing else', async () => {
    for (const path of ['/api/tasks', '/nothing', '/openapi.json']) {
      const { headers } = await gateway.ask('GET', path);
      expect(headers.get('content-security-policy')).toContain(
        "default-src 'none'; script-src 'self'; style-src 'self'",
      );
      expect(headers.get('content-security-policy')).not.toMatch(/unsafe|\*|https?:/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('reads no more than an input can be, and only JSON', async () => {
    expect((await test('plaid.userItemsGet', { input: 'x'.repeat(3_000_000) })).status).toBe(413);
    expect((await gateway.ask('POST', '/api/tasks/plaid.userItemsGet/test', '{')).status).toBe(400);
    expect((await gateway.ask('POST', '/api/tasks/plaid.userItemsGet/test', '[]')).status).toBe(400);
  });

  it('refuses JSON without end, and a field that would be passed over', async () => {
    const endless = `{"input":{"uri":"${simulators.plaid.url}/","method":"POST","body":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;
    for (const action of ['prepare', 'test', 'run'])
      expect(await gateway.ask('POST', `/api/tasks/http.request/${action}`, endless)).toMatchObject({
        status: 400,
        body: { error: { type: 'Json' } },
      });
    const hidden = await gateway.ask<WireError>(
      'POST',
      '/api/tasks/plaid.userItemsGet/test',
      '{"input":{"user_id":"usr_1","__proto__":{"user_id":"usr_2"}}}',
    );
    expect(hidden.body.error).toMatchObject({ type: 'Task.InvalidInput', field: '__proto__' });
    expect(calls()).toBe(0);
  });

  it('refuses a field that a route does not have, which would be ignored', async () => {
    // Bodies that are a file, settings or the input of a task, or that are not read.
    const others = ['/api/uploads', '/api/credentials', '/api/start-forms'];
    const routes = guardedRoutes().filter(
      ({ method, path }) => method !== 'GET' && path.startsWith('/api/') && !others.includes(path),
    );
    const paths = routes.map(({ path }) => path.replace(/^(\/api\/schedules\/.*)\/approve$/, '$1/pause'));
    expect(paths.length).toBeGreaterThan(18);
    for (const path of paths) {
      const body = { ...(path.endsWith('/approve') && { total: 1, by: 'anna' }), dry_run: true };
      expect({ path, ...(await gateway.ask<WireError>('POST', path, body)) }).toMatchObject({
        path,
        status: 400,
        body: { error: { type: 'Task.InvalidInput', field: 'dry_run' } },
      });
    }
    for (const runId of [1, null, {}])
      expect(await gateway.ask('POST', '/api/runs/x/cancel', { runId })).toMatchObject({
        status: 400,
        body: { error: { field: 'runId' } },
      });
    expect(calls()).toBe(0);
  });

  it('refuses a body that is not UTF-8, in which an ID would be another one', async () => {
    const { status, body } = await gateway.ask<WireError>(
      'POST',
      '/api/tasks/plaid.userItemsGet/test',
      Buffer.from('{"input":{"user_id":"usr_\u00e9"}}', 'latin1'),
    );
    expect({ status, error: body.error }).toMatchObject({ status: 400, error: { type: 'Json' } });
    expect(calls()).toBe(0);
  });

  /** Writes bytes and returns the first line of the response; nothing where the connection just ends. */
  const bytes = (text: string): Promise<string> =>
    new Promise((resolve) => {
      let response = '';
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.end(text));
      socket.on('data', (chunk) => (response += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(response.split('\r\n')[0] ?? ''));
    });

  it('takes no other host from the request line than from Host, and no broken request for one that it failed at', async () => {
    expect(
      await bytes('GET http://evil.example/utcp HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n'),
    ).toContain('403');
    expect(
      await bytes('GET /api/tasks HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n'),
    ).toMatch(/40[03]/);
    const said: string[] = [];
    const watched = await openGateway({ env, report: (line) => said.push(line) });
    const { port, host } = new URL(watched.url);
    const head = `POST /tasks/plaid.userItemsGet HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
    for (const rest of [
      'transfer-encoding: chunked\r\n\r\nFFFFFF\r\n{',
      'content-length: 500\r\n\r\n{',
      'transfer-encoding: chunked\r\n\r\nnonsense\r\n',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => socket.end(head + rest));
        socket.on('data', () => undefined).on('error', () => undefined);
        socket.on('close', () => resolve());
      });
    }
    await watched.close();
    expect(said).toEqual([]);
  });
});
