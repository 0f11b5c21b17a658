import fc from 'fast-check';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { http } from 'temporal-http-tasks/internal/providers/catalogue';
import { everythingIn, failureOf } from './failure-of';
import { json, Provider, settingsFor } from './provider';

const SECRET = 'canary-desk-key-0001';

let provider: Provider;
let sender: TaskSender;

beforeAll(async () => {
  provider = await Provider.start((response) =>
    json(response, 200, {
      id: 7,
      user: { name: 'canary-name', tags: ['a'] },
      rows: [{ id: 1, mail: 'canary-mail' }, {}],
    }),
  );
  const { origin } = provider;
  const settings = settingsFor(origin, {
    HTTP_TASKS_HTTP_ALLOW: origin,
    HTTP_TASKS_HTTP_READS: `POST ${origin}/search, POST ${origin}/reports/*`,
    HTTP_TASKS_SECRET_DESK: SECRET,
    HTTP_TASKS_SECRET_DESK_ORIGIN: origin,
    HTTP_TASKS_SECRET_DESK_METHODS: 'get,POST',
    HTTP_TASKS_SECRET_DESK_PATHS: '/v1/search, /v2',
  });
  sender = createTaskSender(settings);
});

beforeEach(() => {
  provider.received.length = 0;
});

afterAll(async () => {
  await sender.close();
  await provider.close();
});

const inputOf = (path: string, more: object = {}) => ({ uri: `${provider.origin}${path}`, ...more });
const effectOf = (path: string, more: object = {}) => sender.prepare(http.request, inputOf(path, more)).effect;

async function refusalOf(path: string, more: object): Promise<{ field?: string; message: string }> {
  const failure = await failureOf(sender.send(http.request, inputOf(path, more)));
  expect(failure).toMatchObject({ type: 'Task.InvalidInput', retryable: false });
  expect(everythingIn(failure)).not.toContain(SECRET);
  expect(provider.received).toEqual([]);
  return failure;
}

describe('The effect of http.request', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE'])('of %s is a read, and may be claimed to be more', (method) => {
    expect(effectOf('/x', { method })).toBe('read');
    expect(effectOf('/x', { method, effect: 'read' })).toBe('read');
    expect(effectOf('/x', { method, effect: 'irreversible' })).toBe('irreversible');
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
    'of %s is irreversible, and a claim to read is refused',
    async (method) => {
      expect(effectOf('/x', { method })).toBe('irreversible');
      expect(effectOf('/x', { method, effect: 'repeatSafe' })).toBe('repeatSafe');
      const { field, message } = await refusalOf('/x', { method, effect: 'read' });
      expect(field).toBe('effect');
      expect(message).toContain('HTTP_TASKS_HTTP_READS');
      expect(message).toContain(`POST ${provider.origin}/search`);
    },
  );

  it.each([
    '/search',
    '/search/',
    '/search?q=1',
    '/s%65arch',
    '/reports',
    '/reports/',
    '/reports/2026/may',
    '/x/../search',
    '/%2e/search',
  ])('is a read for a POST to %s, which the operator lists', async (path) => {
    expect(effectOf(path, { method: 'POST' })).toBe('irreversible');
    expect(effectOf(path, { method: 'POST', effect: 'read' })).toBe('read');
    await sender.send(http.request, inputOf(path, { method: 'POST', effect: 'read' }));
    expect(provider.received).toHaveLength(1);
  });

  it.each([
    '/searches',
    '/search/all',
    '/Search',
    '/search;x',
    '/search/..;/delete',
    '/search%2f..%2fdelete',
    '/search/%252e%252e/delete',
    '/search/../delete',
    '/search/%2e%2e/delete',
    '/reports/..;/delete',
    '/reports/x%2f..%2f..%2fdelete',
    '/reports/%252e%252e/delete',
    '/reports//delete',
    '/reports/%5c..%5cdelete',
    '/reports/.%20./x/.. /delete',
    '//search',
    '/reports/%ef%bc%8e%ef%bc%8e/delete',
    '/reports/%c0%ae/x',
    '/',
  ])('does not treat a POST to %s as a read', async (path) => {
    expect((await refusalOf(path, { method: 'POST', effect: 'read' })).field).toBe('effect');
  });

  it('does not treat another method or origin than the listed ones as a read', async () => {
    expect((await refusalOf('/search', { method: 'DELETE', effect: 'read' })).field).toBe('effect');
    const elsewhere = {
      uri: `${provider.origin.replace('127.0.0.1', 'localhost')}/search`,
      method: 'POST',
      effect: 'read',
    };
    const other = createTaskSender(
      settingsFor(provider.origin, {
        HTTP_TASKS_HTTP_ALLOW: new URL(elsewhere.uri).origin,
        HTTP_TASKS_HTTP_READS: `POST ${provider.origin}/search`,
      }),
    );
    expect(await failureOf(other.send(http.request, elsewhere))).toMatchObject({
      type: 'Task.InvalidInput',
      field: 'effect',
    });
    await other.close();
  });

  const OVERRIDES: [string, object][] = [
    ['X-HTTP-Method-Override', { headers: { 'X-HTTP-Method-Override': 'DELETE' } }],
    ['x-http-method', { headers: { 'x-http-method': 'delete' } }],
    ['X_METHOD_OVERRIDE', { headers: { X_METHOD_OVERRIDE: 'PUT' } }],
    ['a second method in the query', { query: { _method: 'DELETE' } }],
    ['a second method in a list of the query', { query: { _METHOD: ['GET', 'DELETE'] } }],
    ['the parameter method', { query: { method: 'delete' } }],
  ];

  it.each(OVERRIDES)('of a GET with %s is irreversible, and a claim to read is refused', async (_what, more) => {
    expect(effectOf('/x', more)).toBe('irreversible');
    expect((await refusalOf('/x', { ...more, effect: 'read' })).field).toBe('effect');
  });

  it.each<[string, object]>([
    ...OVERRIDES,
    ['a field of a JSON body', { body: { _method: 'DELETE' } }],
    ['a field of a form', { body: 'a=1&%5Fmethod=DELETE', contentType: 'application/x-www-form-urlencoded' }],
    [
      'a part of a form',
      {
        body: '--b\r\ncontent-disposition: form-data; name="_method"\r\n\r\nDELETE\r\n--b--',
        contentType: 'multipart/form-data; boundary=b',
      },
    ],
    ['a header for another path', { headers: { 'X-Original-URL': '/delete' } }],
  ])('does not treat a listed POST with %s as a read', async (_what, more) => {
    expect((await refusalOf('/search', { method: 'POST', effect: 'read', ...more })).field).toBe('effect');
  });

  it('is a read where the second method is a safe one too, or a parameter only has the same name', () => {
    expect(effectOf('/search', { method: 'POST', effect: 'read', headers: { 'X-HTTP-Method-Override': 'GET' } })).toBe(
      'read',
    );
    expect(effectOf('/x', { query: { method: 'photos.search' } })).toBe('read');
    expect(effectOf('/x', { headers: { 'Access-Control-Request-Method': 'DELETE' }, method: 'OPTIONS' })).toBe('read');
  });
});

describe('A secret that is limited to methods and paths', () => {
  const headers = { Authorization: 'Bearer {{secret:DESK}}' };

  it.each([
    ['GET', '/v1/search'],
    ['GET', '/v1/search/'],
    ['POST', '/v1/search/tickets'],
    ['GET', '/v2?x=/v3'],
    ['GET', '/v2/a/b'],
    ['GET', '/v3/../v2/a'],
    ['GET', '/v1/se%61rch'],
  ])('is sent with %s %s', async (method, path) => {
    await sender.send(http.request, inputOf(path, { method, headers }));
    expect(provider.last.headers['authorization']).toBe(`Bearer ${SECRET}`);
  });

  it.each(['PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])('is not sent with %s', async (method) => {
    const { field, message } = await refusalOf('/v2/a', { method, headers });
    expect({ field, message }).toEqual({
      field: 'headers.Authorization',
      message: expect.stringContaining(`is not sent with ${method}; HTTP_TASKS_SECRET_DESK_METHODS allows GET, POST`),
    });
  });

  it('is not sent where the request asks for another method than its own', async () => {
    const { message } = await refusalOf('/v2/a', {
      method: 'POST',
      headers: { ...headers, 'X-HTTP-Method-Override': 'DELETE' },
    });
    expect(message).toContain('HTTP_TASKS_SECRET_DESK_METHODS');
    const odd = await refusalOf('/v2/a', { method: 'POST', headers, body: { _method: 'canary-value' } });
    expect(odd.message).not.toContain('CANARY-VALUE');
  });

  it.each([
    '/',
    '/v1',
    '/v1/searches',
    '/V1/search',
    '/v2x',
    '/v3',
    '/v1/search/../tickets',
    '/v1/search/%2e%2e/tickets',
    '/v1/search/..%2ftickets',
    '/v1/search/%2e%2e%2ftickets',
    '/v1/search/%252e%252e/tickets',
    '/v1/search/..;/tickets',
    '/v1/search/..%3b/tickets',
    '/v1/search/\\..\\..\\tickets',
    '/v1/search/%5c..%5ctickets',
    '/v2/%00',
    '/v2//a',
    '//v2',
    '/v2/%',
  ])('is not sent to %s', async (path) => {
    const { field, message } = await refusalOf(path, { headers });
    expect(field).toBe('headers.Authorization');
    expect(message).toContain('HTTP_TASKS_SECRET_DESK_PATHS allows /v1/search, /v2');
  });

  it.each(['X-Original-URL', 'x-rewrite-url', 'X-Forwarded-Path', 'X_ORIGINAL_URI'])(
    'is not sent with %s',
    async (name) => {
      expect((await refusalOf('/v2/a', { headers: { ...headers, [name]: '/v3' } })).message).toContain(
        'HTTP_TASKS_SECRET_DESK_PATHS',
      );
    },
  );

  it('arrives at no path that a server could read as one outside, whatever the path is made of', async () => {
    const piece = fc.constantFrom(
      'v1',
      'v2',
      'search',
      'tickets',
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2E%2e',
      '%2f',
      '%5c',
      '\\',
      ';',
      '..;',
      '%3b',
      '%25',
      '%252e',
      '%252f',
      '%00',
      '%20',
      '*',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        provider.received.length = 0;
        await sender.send(http.request, inputOf(`/${pieces.join('')}`, { headers })).catch(() => undefined);
        for (const { url } of provider.received)
          expect(readings(url).every((path) => /^\/(?:v1\/search|v2)(?:\/|$)/.test(path))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

/**
 * Every way in which a server may read a path: decoded once or twice, with path parameters removed, and dots resolved
 * then.
 */
function readings(url: string): string[] {
  const once = decodeURIComponent(url);
  const forms = [url, once, /%[0-9a-f]{2}/i.test(once) ? decodeURIComponent(once) : once];
  return forms
    .flatMap((path) => [path, path.replace(/;[^/]*/g, '')])
    .map((path) => new URL(`http://x${path.replaceAll('\\', '/').replace(/\/+/g, '/')}`).pathname);
}

describe('keepBody of http.request', () => {
  it.each<[string, unknown, unknown]>([
    [
      'everything by default',
      undefined,
      { id: 7, user: { name: 'canary-name', tags: ['a'] }, rows: [{ id: 1, mail: 'canary-mail' }, {}] },
    ],
    [
      'everything',
      true,
      { id: 7, user: { name: 'canary-name', tags: ['a'] }, rows: [{ id: 1, mail: 'canary-mail' }, {}] },
    ],
    ['nothing', false, undefined],
    [
      'what is at its paths',
      ['id', 'rows.id', 'user.tags', 'none.there'],
      { id: 7, user: { tags: ['a'] }, rows: [{ id: 1 }, null] },
    ],
    ['no inherited name', ['__proto__', 'constructor.name', 'user.toString'], undefined],
  ])('keeps %s', async (_what, keepBody, body) => {
    const { output } = await sender.send(
      http.request,
      inputOf('/x', keepBody === undefined ? {} : { keepBody: keepBody as string[] }),
    );
    expect(output.response.body).toEqual(body);
    expect('body' in output.response).toBe(body !== undefined);
    expect(output.response.statusCode).toBe(200);
  });

  it.each([[[]], [['']], [['a..b']], ['id'], [[1]]])('refuses %j', async (keepBody) => {
    expect((await refusalOf('/x', { keepBody })).field).toContain('keepBody');
  });
});
