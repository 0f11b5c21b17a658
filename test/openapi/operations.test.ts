import { tasksFromOpenApi } from '../../src/openapi/tasks-from-openapi';
import { plaid } from '../../src/tasks/catalogue';
import { Catalogue } from '../../src/tasks/catalogue';
import { documentWith, jsonBody, operation, requestOf, takes, tasksOf } from './documents';

const TEXT = { type: 'string' };
const key = (name: string, place: 'header' | 'query' | 'cookie' = 'header') => ({ type: 'apiKey', in: place, name });

/** The one task of a document with this operation. */
function only(
  verb: string,
  op: Record<string, unknown>,
  {
    path = '/things',
    more = {},
    options = {},
  }: { path?: string; more?: Record<string, unknown>; options?: Parameters<typeof tasksFromOpenApi>[1] } = {},
) {
  return tasksOf(documentWith({ [path]: { [verb]: operation(op) } }, more), options).tasks[0]!;
}

describe('Parameters', () => {
  it('go where the document says, in its style, and those of the path item count too', () => {
    const shared = [
      { in: 'path', name: 'id', required: true, schema: TEXT },
      { in: 'query', name: 'lang', schema: { type: 'integer' } },
    ];
    const own = [
      { in: 'query', name: 'lang', schema: TEXT },
      { in: 'query', name: 'tags', schema: { type: 'array', items: TEXT }, explode: false },
      {
        in: 'query',
        name: 'filter',
        style: 'deepObject',
        explode: true,
        schema: { type: 'object', properties: { a: TEXT } },
      },
      {
        in: 'query',
        name: 'where',
        content: { 'application/json': { schema: { type: 'object', properties: { b: TEXT } } } },
      },
      { in: 'header', name: 'X-Trace', schema: TEXT },
      { in: 'cookie', name: 'theme', schema: TEXT },
    ];
    const { tasks } = tasksOf(
      documentWith({ '/things/{id}': { parameters: shared, get: operation({ operationId: 'get', parameters: own }) } }),
    );
    const { path, headers } = requestOf(tasks[0]!, {
      id: 'a/b',
      lang: 'de',
      tags: ['x', 'y'],
      filter: { a: '1' },
      where: { b: '2' },
      'X-Trace': 't',
      theme: 'dark',
    });
    expect(path).toBe('/v1/things/a%2Fb?lang=de&tags=x,y&filter%5Ba%5D=1&where=%7B%22b%22%3A%222%22%7D');
    expect(headers).toMatchObject({ 'x-trace': 't', cookie: 'theme=dark' });
  });

  it('of one name in several places get names of their own in the input', () => {
    const parameters = [
      { in: 'path', name: 'id', required: true, schema: TEXT },
      { in: 'query', name: 'id', schema: TEXT },
    ];
    const task = only('get', { parameters }, { path: '/things/{id}' });
    expect(requestOf(task, { id: 'a', idInQuery: 'b' }).path).toBe('/v1/things/a?id=b');
  });

  it('that OpenAPI leaves to other parts of it are no input', () => {
    const parameters = ['Accept', 'Content-Type', 'Authorization', 'Host'].map((name) => ({
      in: 'header',
      name,
      schema: TEXT,
    }));
    expect(only('get', { parameters }).places).toEqual({});
  });

  it('of the path that are not described are texts, and the report says so', () => {
    const { tasks, report } = tasksOf(documentWith({ '/things/{id}': { get: operation({ operationId: 'get' }) } }));
    expect(requestOf(tasks[0]!, { id: '7' }).path).toBe('/v1/things/7');
    expect(report.decide).toContainEqual({ operation: 'get', what: expect.stringMatching(/^path: .*id/) as string });
  });
});

describe('An answer', () => {
  const respond = (responses: unknown) => only('get', { responses });
  const json = (schema: unknown) => ({ description: '', content: { 'application/json': { schema } } });

  it('is any of the good ones, and null for one that never has a body', () => {
    const { output } = respond({
      200: json({ type: 'object', required: ['a'], properties: { a: TEXT } }),
      204: { description: '' },
      404: json(TEXT),
    });
    expect([{ a: 'x' }, null, 'x'].map((value) => output.safeParse(value).success)).toEqual([true, true, false]);
  });

  it('may be anything where one of the good ones is described without content', () => {
    for (const responses of [
      { 200: { description: 'deleted' } },
      { 204: { description: '' } },
      { 200: json(TEXT), 202: { description: 'taken' } },
    ]) {
      const { output, answerForm } = respond(responses);
      expect([{ a: 'x' }, null, 'OK', 7].map((value) => output.safeParse(value).success)).toEqual([
        true,
        true,
        true,
        true,
      ]);
      expect(answerForm?.as).toBe('any');
    }
  });

  it('may be missing where the call changes something: it was made all the same', () => {
    const responses = { 200: json({ type: 'object', required: ['a'], properties: { a: TEXT } }) };
    expect(only('delete', { responses }).output.safeParse(null).success).toBe(true);
    expect(only('get', { responses }).output.safeParse(null).success).toBe(false);
  });

  it('that can only be a redirect is reported', () => {
    const { report } = tasksOf(
      documentWith({ '/a': { get: { operationId: 'a', responses: { 302: { description: 'there' } } } } }),
    );
    expect(report.decide).toContainEqual({
      operation: 'a',
      what: expect.stringMatching(/^answer: its only good response is a redirect/) as string,
    });
  });

  it('has numbers as such, or as the text of their digits where JavaScript would change them', () => {
    const { output } = respond({
      200: json({
        type: 'object',
        properties: { id: { type: 'integer', format: 'int64' }, small: { type: 'integer', format: 'int32' } },
      }),
    });
    const accepts = (value: unknown): boolean => output.safeParse(value).success;
    expect([{ id: 7 }, { id: '9007199254740993' }, { id: 'seven' }, { small: 7 }, { small: '7' }].map(accepts)).toEqual(
      [true, true, false, true, false],
    );
  });

  it('of an error has its code under `error`, where the document says so', () => {
    const error = { type: 'object', properties: { code: TEXT, type: TEXT, message: TEXT } };
    const { tasks } = tasksOf(
      documentWith({
        '/a': {
          get: {
            operationId: 'a',
            responses: { 200: json(TEXT), 404: json({ type: 'object', properties: { error } }) },
          },
        },
      }),
    );
    expect(tasks[0]!.service.errors.fields).toEqual({ code: 'error.code', type: 'error.type' });
  });

  it('is not measured by what the document describes for errors only', () => {
    const { tasks, report } = tasksOf(
      documentWith({
        '/a': {
          get: {
            operationId: 'a',
            responses: {
              default: json({
                type: 'object',
                required: ['error_code'],
                properties: { error_code: TEXT, request_id: TEXT },
              }),
            },
          },
        },
      }),
    );
    expect(tasks[0]!.output.safeParse({ fine: true }).success).toBe(true);
    expect(tasks[0]!.service.errors.fields).toEqual({ code: 'error_code', requestId: 'request_id' });
    expect(report.decide).toContainEqual({ operation: 'a', what: expect.stringMatching(/^answer: /) as string });
  });

  it('of bytes or text is taken as such', () => {
    expect(respond({ 200: { description: '', content: { 'application/pdf': {} } } }).answerForm).toEqual({
      as: 'base64',
      accept: 'application/pdf',
    });
    expect(respond({ 200: { description: '', content: { 'text/csv': {} } } }).answerForm).toEqual({
      as: 'text',
      accept: 'text/csv',
    });
  });
});

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

  it('is left out where the operation is public, beside others that are not', () => {
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

  it('can be named otherwise, fixed where it is no secret, and chosen among several ways', () => {
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
      documentWith({ '/a': { get: operation({ security: [{ tls: [] }] }) } }, { components: { securitySchemes } }),
    );
    expect(report.skipped[0]!.why).toMatch(/tls/);
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

  it('puts keys that no scheme names where somebody says they are: path, header or body', () => {
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

describe('Names', () => {
  it.each([
    ['userItemsRemove', 'userItemsRemove'],
    ['repos/list-for-org', 'reposListForOrg'],
    ['GetUser', 'getUser'],
    ['URLGet', 'urlGet'],
    ['GET', 'get'],
    ['2fa.start', 'op2faStart'],
    ['../../../etc/passwd', 'etcPasswd'],
    ["x'); process.exit(1); ('", 'xProcessExit1'],
    ['删除', 'postThings'],
    ['', 'postThings'],
  ])('of %j: %s', (operationId, name) => {
    expect(only('post', { operationId }).operation).toBe(name);
  });

  it('are made of method and path where there is no id', () => {
    expect(only('delete', {}, { path: '/users/{user-id}/items' }).operation).toBe('deleteUsersUserIdItems');
  });

  it('that several operations would have are numbered around those that are there, and reported', () => {
    const at = (operationId: string) => ({ get: operation({ operationId }) });
    const { tasks, report } = tasksOf(
      documentWith({ '/a': at('list'), '/b': at('list'), '/c': at('list2'), '/d': at('LIST') }),
    );
    expect(tasks.map(({ operation: name }) => name)).toEqual(['list', 'list3', 'list2', 'list4']);
    expect(report.decide.filter(({ what }) => what.startsWith('name: ')).map(({ operation: name }) => name)).toEqual([
      'list3',
      'list4',
    ]);
  });

  it.each([
    ['The Plaid API', 'plaid'],
    ['Swagger Petstore - OpenAPI 3.0', 'petstore'],
    ['GitHub v3 REST API', 'github'],
    ['API', 'api'],
    ['', 'api'],
  ])('of a service titled %j: %s', (title, name) => {
    expect(
      tasksOf({ ...documentWith({ '/a': { get: operation() } }), info: { title, version: '1' } }).services[0]!.name,
    ).toBe(name);
  });
});

describe('What no document says', () => {
  const paths = {
    '/a': {
      get: operation({ operationId: 'look' }),
      head: operation({ operationId: 'peek' }),
      post: operation({
        operationId: 'make',
        requestBody: jsonBody({
          type: 'object',
          properties: {
            access_token: TEXT,
            page_token: TEXT,
            user: { type: 'object', properties: { password: TEXT } },
          },
        }),
      }),
    },
  };

  it('is careful: only GET and HEAD are reads, all else is irreversible, and tokens stay out of histories', () => {
    const { tasks, report } = tasksOf(documentWith(paths));
    expect(tasks.map(({ effect }) => effect)).toEqual(['read', 'read', 'irreversible']);
    expect(tasks[2]!.sensitive).toEqual([{ field: 'access_token' }, { field: 'user.password' }]);
    expect(tasks[2]!.settle).toEqual({ by: 'list', basis: 'assumed' });
    const asked = report.decide.filter(({ operation: name }) => name === 'make').map(({ what }) => what.split(':')[0]);
    expect(asked).toEqual(['effect', 'settle', 'remedy', 'security', 'sensitive']);
    expect(report.decide.filter(({ operation: name }) => name === '*').map(({ what }) => what.split(':')[0])).toEqual([
      'servers',
      'rateLimits',
      'errors',
    ]);
  });

  it('is decided by a person, for each operation, and is then not asked again', () => {
    const decision = {
      effect: 'repeatSafe',
      settle: { by: 'repeat', basis: 'documented' },
      remedy: 'Make it again.',
      sensitive: [],
      answerMeans: 'removed',
      rateLimit: { requestsPerMinute: 60, per: 'key', source: 'docs' },
    } as const;
    const errors = { fields: { code: 'c' }, rules: [] };
    const { tasks, services, report } = tasksOf(documentWith(paths), {
      decide: { make: decision },
      errors,
      productionEnvironments: ['default'],
    });
    expect(tasks[2]).toMatchObject({
      effect: 'repeatSafe',
      remedy: 'Make it again.',
      answerMeans: 'removed',
      sensitive: [],
    });
    expect(services[0]!.rateLimits).toEqual([{ operation: 'make', requestsPerMinute: 60, per: 'key', source: 'docs' }]);
    expect(report.decide.map(({ operation: name, what }) => `${name} ${what.split(':')[0]}`)).toEqual([
      'make security',
    ]);
    expect(
      tasksOf(documentWith(paths), { decide: ({ method }) => (method === 'POST' ? { effect: 'read' } : undefined) })
        .tasks[2]!.effect,
    ).toBe('read');
  });

  it('is not lost by a misspelt name', () => {
    expect(() => tasksFromOpenApi(documentWith(paths), { decide: { makee: {} } })).toThrow('makee');
    expect(() => tasksFromOpenApi(documentWith(paths), { operations: ['makee'] })).toThrow('makee');
  });

  describe('and the document does', () => {
    const decided = (verb: string, extension: unknown, more = {}) =>
      documentWith({ '/a': { [verb]: operation({ operationId: 'a', 'x-http-task': extension, ...more }) } });
    const RESEND = {
      effect: 'repeatSafe',
      settle: { by: 'repeat', basis: 'documented' },
      remedy: 'None needed.',
      answerMeans: 'removed',
      absentCodes: ['GONE'],
    };

    it('is believed where the operator trusts the document', () => {
      const { tasks, report } = tasksOf(decided('post', RESEND), { trustDecisions: true });
      expect(tasks[0]).toMatchObject(RESEND);
      expect(report.decide.filter(({ operation: name }) => name !== '*')).toEqual([]);
    });

    it.each(['read', 'repeatSafe'])(
      'is not believed where it calls a deletion %s, and the report says so',
      (effect) => {
        for (const verb of ['delete', 'post', 'put', 'patch']) {
          const { tasks, report } = tasksOf(decided(verb, { ...RESEND, effect }));
          expect(tasks[0]).toMatchObject({
            effect: 'irreversible',
            settle: { by: 'list', basis: 'assumed' },
            answerMeans: 'accepted',
            absentCodes: [],
          });
          expect(tasks[0]!.remedy).not.toBe(RESEND.remedy);
          expect(report.decide).toContainEqual({
            operation: 'a',
            what: expect.stringMatching(/^x-http-task: effect.*settle.*not believed/) as string,
          });
        }
      },
    );

    it('may make a call more careful than its method does', () => {
      const schema = { type: 'object', properties: { user: TEXT, access_token: TEXT, ticket: TEXT } };
      const { tasks } = tasksOf(
        decided(
          'post',
          { sensitive: [{ field: 'ticket', when: '^x' }], subjectFields: ['user'] },
          { requestBody: jsonBody(schema) },
        ),
      );
      expect(tasks[0]).toMatchObject({
        effect: 'irreversible',
        sensitive: [{ field: 'access_token' }, { field: 'ticket' }],
        subjectFields: ['user'],
      });
      expect(tasksOf(decided('get', { effect: 'irreversible' })).tasks[0]!.effect).toBe('irreversible');
      expect(tasksOf(decided('get', { effect: 'repeatSafe' })).tasks[0]!.effect).toBe('repeatSafe');
    });

    it.each([
      ['header', 'X-HTTP-Method-Override'],
      ['header', 'x-http-method'],
      ['query', '_method'],
    ])('a GET whose %s %s may make it another method is no read', (place, name) => {
      const task = only('get', {
        operationId: 'a',
        parameters: [{ in: place, name, schema: { type: 'string', enum: ['DELETE'] } }],
      });
      expect(task.effect).toBe('irreversible');
      expect(
        only('get', { operationId: 'a', parameters: [{ in: 'query', name: 'method', schema: TEXT }] }).effect,
      ).toBe('read');
    });
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

  it('are tasks of it, with its keys, addresses and errors, and stand in one catalogue with its others', () => {
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
