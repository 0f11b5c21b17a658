import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import { documentWith, jsonBody, only, operation, requestOf, takes, tasksOf } from './documents';

const TEXT = { type: 'string' };
const key = (name: string, place: 'header' | 'query' | 'cookie' = 'header') => ({ type: 'apiKey', in: place, name });

describe('Signing in', () => {
  const securitySchemes = {
    clientId: key('SHOP-CLIENT-ID'),
    secret: key('SHOP-SECRET'),
    shopVersion: key('Shop-Version'),
    inQuery: key('key', 'query'),
    session: key('sid', 'cookie'),
    bearer: { type: 'http', scheme: 'Bearer' },
    basic: { type: 'http', scheme: 'basic' },
    oauth: { type: 'oauth2', flows: {} },
    tls: { type: 'mutualTLS' },
    digest: { type: 'http', scheme: 'digest' },
  };
  const signed = (
    security: unknown,
    op: Record<string, unknown> = {},
    options: Parameters<typeof tasksFromOpenApi>[1] = {},
  ) =>
    only(
      'post',
      { security, ...op },
      { more: { components: { securitySchemes } }, options: { service: 'shop', ...options } },
    );
  const PREFIX = 'HTTP_TASKS_OPENAPI_SHOP_';

  it('takes all schemes that are wanted together, each from a setting under the reserved prefix, named after service and scheme', () => {
    const task = signed([{ clientId: [], secret: [], shopVersion: [] }]);
    expect(task.service.credentials.map(({ setting }) => setting)).toEqual([
      `${PREFIX}CLIENT_ID`,
      `${PREFIX}SECRET`,
      `${PREFIX}SHOP_VERSION`,
    ]);
    expect(requestOf(task, {}).headers).toMatchObject({
      'shop-client-id': `canary-${PREFIX}CLIENT_ID`,
      'shop-secret': `canary-${PREFIX}SECRET`,
      'shop-version': `canary-${PREFIX}SHOP_VERSION`,
    });
  });

  it.each([
    ['query', [{ inQuery: [] }], '/v1/things?key=canary-HTTP_TASKS_OPENAPI_SHOP_IN_QUERY', {}],
    ['cookie', [{ session: [] }], '/v1/things', { cookie: 'sid=canary-HTTP_TASKS_OPENAPI_SHOP_SESSION' }],
    ['bearer token', [{ bearer: [] }], '/v1/things', { authorization: 'Bearer canary-HTTP_TASKS_OPENAPI_SHOP_BEARER' }],
    [
      'user and password',
      [{ basic: [] }],
      '/v1/things',
      { authorization: `Basic ${Buffer.from('user:pass-word').toString('base64')}` },
    ],
    [
      'token of OAuth',
      [{ oauth: ['a'] }],
      '/v1/things',
      { authorization: 'Bearer canary-HTTP_TASKS_OPENAPI_SHOP_OAUTH' },
    ],
    [
      'first way that can be used',
      [{ tls: [] }, { bearer: [] }],
      '/v1/things',
      { authorization: 'Bearer canary-HTTP_TASKS_OPENAPI_SHOP_BEARER' },
    ],
  ])('by %s', (_what, security, path, headers) => {
    const request = requestOf(signed(security), {});
    expect(request.path).toBe(path);
    expect(request.headers).toMatchObject(headers);
  });

  it.each([
    ['https://login.example/token', 'https://login.example/token'],
    ['/oauth/token', '/oauth/token'],
    ['http://login.example/token', undefined],
    ['//login.example/token', undefined],
    ['https://me:pw@login.example/token', undefined],
    ['oauth/token', undefined],
  ])('by a token that is fetched, where the document says that they come from %s', (tokenUrl, expected) => {
    const schemes = {
      ...securitySchemes,
      oauth: { type: 'oauth2', flows: { clientCredentials: { tokenUrl, scopes: {} } } },
    };
    const security = { security: [{ oauth: ['a'] }] };
    const { tasks, report } = tasksOf(
      documentWith(
        { '/a': { post: operation({ operationId: 'a', ...security }) } },
        { components: { securitySchemes: schemes } },
      ),
      { service: 'shop' },
    );
    const [rule] = tasks[0]!.service.credentials;
    expect(rule).toMatchObject({
      setting: expected === undefined ? `${PREFIX}OAUTH` : `${PREFIX}OAUTH_CLIENT_SECRET`,
      in: 'header',
      name: 'authorization',
      scheme: 'bearer',
    });
    expect(rule!.clientCredentials?.tokenUrl).toBe(expected);
    const questions = report.decide.filter(({ what }) => what.includes('access tokens come from'));
    expect(questions.map(({ what }) => what)).toEqual(
      expected === undefined
        ? []
        : [
            expect.stringContaining(
              `${JSON.stringify(expected)}, to which ${PREFIX}OAUTH_CLIENT_ID and ${PREFIX}OAUTH_CLIENT_SECRET are sent; ${PREFIX}OAUTH_TOKEN_URL`,
            ),
          ],
    );
    // Who has a token already names its setting.
    const named = tasksOf(
      documentWith(
        { '/a': { post: operation({ operationId: 'a', ...security }) } },
        { components: { securitySchemes: schemes } },
      ),
      { credentials: { oauth: { setting: 'MY_TOKEN' } } },
    );
    expect(named.tasks[0]!.service.credentials).toEqual([
      { setting: 'MY_TOKEN', in: 'header', name: 'authorization', scheme: 'bearer' },
    ]);
  });

  it('is left out where the operation is public, next to others that are not', () => {
    const paths = {
      '/a': { get: operation({ operationId: 'a' }) },
      '/b': { get: operation({ operationId: 'b', security: [] }) },
    };
    const { tasks } = tasksOf(documentWith(paths, { security: [{ bearer: [] }], components: { securitySchemes } }), {
      service: 'shop',
    });
    expect(tasks.map((task) => requestOf(task, {}).headers['authorization'])).toEqual([
      'Bearer canary-HTTP_TASKS_OPENAPI_SHOP_BEARER',
      undefined,
    ]);
  });

  it('can be named otherwise, fixed where it is not a secret, and chosen among several ways', () => {
    const task = signed(
      [{ bearer: [] }, { clientId: [], shopVersion: [] }],
      {},
      {
        security: ['clientId', 'shopVersion'],
        credentials: { clientId: { setting: 'MY_ID' }, shopVersion: { value: '2020-09-14' } },
      },
    );
    expect(requestOf(task, {}).headers).toMatchObject({
      'shop-client-id': 'canary-MY_ID',
      'shop-version': '2020-09-14',
    });
    expect(task.service.credentials).toHaveLength(1);
  });

  it('says why an operation cannot be signed', () => {
    const { report } = tasksFromOpenApi(
      documentWith({ '/a': { get: operation({ security: [{ digest: [] }] }) } }, { components: { securitySchemes } }),
    );
    expect(report.skipped[0]!.why).toMatch(/digest/);
  });

  const withKeys = (required: string[]) =>
    jsonBody({ type: 'object', properties: { client_id: TEXT, secret: TEXT, name: TEXT }, required });

  it('takes keys out of the input that the body has, too', () => {
    const task = signed([{ clientId: [], secret: [] }], { requestBody: withKeys(['name']) });
    expect(takes(task, { name: 'a' })).toBe(true);
    expect(takes(task, { name: 'a', secret: 's' })).toBe(false);
    expect(requestOf(task, { name: 'a' }).body).toBe('{"name":"a"}');
  });

  it('puts them into the body where the document requires them there', () => {
    const task = signed([{ clientId: [], secret: [] }], { requestBody: withKeys(['client_id', 'name']) });
    expect(takes(task, { name: 'a', client_id: 'x' })).toBe(false);
    const { body, headers } = requestOf(task, { name: 'a' });
    expect(JSON.parse(String(body))).toEqual({ name: 'a', client_id: `canary-${PREFIX}CLIENT_ID` });
    expect(headers['shop-client-id']).toBe(`canary-${PREFIX}CLIENT_ID`);
  });

  it('puts keys that no scheme names where the options say: path, header or body', () => {
    const parameters = [
      { in: 'path', name: 'api_key', required: true, schema: TEXT },
      { in: 'header', name: 'X-Authorization', schema: TEXT },
    ];
    const task = only(
      'post',
      { parameters, requestBody: withKeys([]) },
      {
        path: '/{api_key}/x',
        options: { secretFields: { api_key: 'APP_KEY', 'x-authorization': 'REST_KEY', secret: 'BODY_KEY' } },
      },
    );
    const { path, headers, body } = requestOf(task, { name: 'a' });
    expect([path, headers['x-authorization'], body]).toEqual([
      '/v1/canary-APP_KEY/x',
      'canary-REST_KEY',
      '{"name":"a","secret":"canary-BODY_KEY"}',
    ]);
  });

  it('reports a header that looks like a key and would be input', () => {
    const { report } = tasksOf(
      documentWith({
        '/a': { get: operation({ operationId: 'a', parameters: [{ in: 'header', name: 'X-Api-Key', schema: TEXT }] }) },
      }),
    );
    expect(report.decide).toContainEqual({
      operation: 'a',
      what: expect.stringMatching(/^secretFields: .*X-Api-Key/) as string,
    });
  });
});

describe('Servers', () => {
  const serviceOf = (servers: unknown, options = {}) =>
    tasksOf(documentWith({ '/a': { get: operation() } }, { servers }), { service: 'shop', ...options }).services[0]!;

  it('have the sandbox as their default, and production has to be named', () => {
    const service = serviceOf([
      { url: 'https://api.shop.com', description: 'Production' },
      { url: 'https://sandbox.shop.com' },
    ]);
    expect(service).toMatchObject({
      defaultEnvironment: 'sandbox',
      productionEnvironments: ['production'],
      environmentSetting: 'SHOP_ENV',
      environments: { production: 'https://api.shop.com', sandbox: 'https://sandbox.shop.com' },
    });
  });

  it('may have variables, whose values are environments', () => {
    const service = serviceOf([
      {
        url: 'https://{env}.shop.com/{base}',
        variables: { env: { default: 'live', enum: ['live', 'test'] }, base: { default: 'v2' } },
      },
    ]);
    expect(service).toMatchObject({
      defaultEnvironment: 'test',
      productionEnvironments: ['live'],
      environments: { live: 'https://live.shop.com/v2', test: 'https://test.shop.com/v2' },
    });
  });

  it('that no one can call leave the base URL to a setting, and the report says so', () => {
    const { services, report } = tasksOf(documentWith({ '/a': { get: operation() } }, { servers: [{ url: '/v3/' }] }), {
      service: 'shop',
    });
    expect(services[0]).toMatchObject({ environments: {}, baseUrlSetting: 'SHOP_BASE_URL' });
    expect(report.decide).toContainEqual({
      operation: '*',
      what: expect.stringMatching(/^servers: .*set the base URL, with \/v3 at its end \(SHOP_BASE_URL\)/) as string,
    });
    expect(serviceOf([{ url: '/v3' }], { baseUrl: 'https://shop.com/v3/' }).environments).toEqual({
      default: 'https://shop.com/v3',
    });
  });

  it('of single operations make a service of their own', () => {
    const { tasks } = tasksOf(
      documentWith({
        '/a': { get: operation({ operationId: 'a' }) },
        '/b': { servers: [{ url: 'https://uploads.shop.com' }], post: operation({ operationId: 'b' }) },
      }),
    );
    expect(tasks.map(({ name }) => name)).toEqual(['shop.a', 'shopUploads.b']);
    expect(requestOf(tasks[1]!, {}).origin).toBe('https://uploads.shop.com');
  });
});

describe('Operations of a service that is there already', () => {
  const service = plaid.userRemove.service;
  const paths = {
    '/user/get': {
      post: operation({
        operationId: 'userGet',
        requestBody: jsonBody({ type: 'object', properties: { client_id: TEXT, secret: TEXT, user_id: TEXT } }),
      }),
    },
  };

  it('are tasks of it, with its keys, addresses and errors, and are in one catalogue with its others', () => {
    const { tasks } = tasksOf(documentWith(paths), { service });
    expect(tasks[0]!.service).toBe(service);
    expect(requestOf(tasks[0]!, { user_id: 'u' })).toMatchObject({
      origin: 'https://sandbox.plaid.com',
      body: '{"user_id":"u"}',
      headers: { 'plaid-secret': 'canary-PLAID_SECRET' },
    });
    expect(new Catalogue([plaid.userRemove, ...tasks]).find('plaid.userGet')).toBe(tasks[0]);
  });

  it('and a second service of the same name is refused, since a worker has one address for each', () => {
    const { tasks } = tasksOf({ ...documentWith(paths), info: { title: 'Plaid', version: '1' } });
    expect(() => new Catalogue([plaid.userRemove, ...tasks])).toThrow('Two services are named "plaid"');
    expect(() => tasksFromOpenApi(documentWith(paths), { service: 'plaid' })).toThrow('PLAID_BASE_URL');
  });
});
