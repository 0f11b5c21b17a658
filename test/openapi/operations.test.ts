import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { documentWith, jsonBody, only, operation, requestOf, tasksOf } from './documents';

const TEXT = { type: 'string' };

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

  it('that OpenAPI leaves to other parts of it are not input', () => {
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

describe('A response', () => {
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
      what: expect.stringMatching(/^response: its only good response is a redirect/) as string,
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
    expect(report.decide).toContainEqual({ operation: 'a', what: expect.stringMatching(/^response: /) as string });
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

  it.each<[string, unknown, unknown]>([
    ['text/json', undefined, 'text/json'],
    ['application/x-json', undefined, 'application/x-json'],
    ['application/x-amz-json-1.1', undefined, 'application/x-amz-json-1.1'],
    ['image/svg+json', undefined, 'image/svg+json'],
    ['application/*+json', undefined, 'application/json'],
    ['*/*', undefined, 'application/json'],
    ['*/*', { type: 'object' }, 'application/json'],
    ['*/*', TEXT, undefined],
    ['*/*', { type: 'string', nullable: true }, undefined],
  ])('of %s is JSON, and a text of any type as it comes: %j', (type, schema, accept) => {
    const { answerForm } = respond({ 200: { description: '', content: { [type]: { schema } } } });
    expect(answerForm ?? { as: 'json', accept: 'application/json' }).toEqual(
      accept === undefined ? { as: 'any', accept: '*/*' } : { as: 'json', accept },
    );
  });

  it.each([
    ['text/json', '{"a":1}', 'text/json'],
    ['application/*+json', '{"a":1}', 'application/json'],
    ['*/*', '{"a":1}', 'application/json'],
  ])('and so is a body of %s', (type, body, sent) => {
    const schema = { type: 'object', properties: { a: { type: 'integer' } } };
    const request = requestOf(only('post', { requestBody: { content: { [type]: { schema } } } }), { a: 1 });
    expect([request.body, request.headers['content-type']]).toEqual([body, sent]);
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
    ])('a GET whose %s %s may make it another method does not count as a read', (place, name) => {
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
