import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readOpenApiDocument } from '@temporal-http-tasks/openapi/internal/document/read-document';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import type { OpenApiTasks } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { documentWith, jsonBody, operation, requestOf, takes, tasksOf } from './documents';

type Json = Record<string, unknown>;

const TEXT = { type: 'string' };
const TENANT = { name: 'X-Tenant', in: 'header', required: true, schema: TEXT };
const ID = { name: 'id', in: 'path', required: true, schema: { type: 'integer' } };
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'http-tasks-references-')));
});
afterEach(() => rm(folder, { recursive: true }));

/** Writes the files, reads the first one as a document, and makes its tasks. */
async function tasksOfFiles(files: Record<string, Json>): Promise<OpenApiTasks> {
  for (const [name, value] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), JSON.stringify(value));
  }
  return tasksFromOpenApi(await readOpenApiDocument(join(folder, Object.keys(files)[0]!)), { service: 'desk' });
}

/** How many operations the files describe: each method of a path item, and of the files that path items refer to. */
function operationsIn(files: Record<string, Json>): number {
  const methodsOf = (item: Json): string[] => {
    const behind = typeof item['$ref'] === 'string' ? methodsOf(files[item['$ref'].replace('./', '')] ?? {}) : [];
    return [...new Set([...behind, ...Object.keys(item).filter((key) => METHODS.includes(key))])];
  };
  const paths = Object.values(files)[0]!['paths'] as Record<string, Json>;
  return Object.values(paths).reduce((sum, item) => sum + methodsOf(item).length, 0);
}

const REMOVE = {
  operationId: 'removeUser',
  parameters: [ID, TENANT],
  requestBody: jsonBody({ type: 'object', required: ['reason'], properties: { reason: TEXT } }),
  responses: { 204: { description: 'Gone' } },
};

describe('An operation that is a reference', () => {
  it('is what it leads to: name, parameters and body', async () => {
    const { tasks, report } = await tasksOfFiles({
      'openapi.json': documentWith({ '/users/{id}': { delete: { $ref: './remove.json' } } }),
      'remove.json': REMOVE,
    });
    expect(report).toMatchObject({ operations: 1, imported: 1, skipped: [] });
    expect(tasks[0]!.name).toBe('desk.removeUser');
    expect(takes(tasks[0]!, { id: 'any text', 'X-Tenant': 't', reason: 'r' })).toBe(false);
    expect(takes(tasks[0]!, { id: 1, reason: 'r' })).toBe(false);
    const { path, headers, body } = requestOf(tasks[0]!, { id: 1, 'X-Tenant': 't', reason: 'r' });
    expect({ path, tenant: headers['x-tenant'], body }).toEqual({
      path: '/v1/users/1',
      tenant: 't',
      body: '{"reason":"r"}',
    });
  });

  it('keeps what is next to the reference, and its parameters are merged by name and place', async () => {
    const beside = {
      $ref: '#/components/x-operations/remove',
      operationId: 'eraseUser',
      parameters: [
        { ...TENANT, required: false },
        { name: 'dry', in: 'query', schema: TEXT },
      ],
    };
    const document = documentWith(
      { '/users/{id}': { delete: beside } },
      { components: { 'x-operations': { remove: REMOVE } } },
    );
    const [task] = tasksOf(document, { service: 'desk' }).tasks;
    expect(task!.name).toBe('desk.eraseUser');
    expect(takes(task!, { id: 1, reason: 'r' })).toBe(true);
    expect(requestOf(task!, { id: 1, reason: 'r', dry: 'y' }).path).toBe('/v1/users/1?dry=y');
  });

  it.each<[string, Json, RegExp]>([
    [
      'to nothing',
      { $ref: './none.json' },
      /#\/paths\/~1users~1\{id\}\/delete: its \$ref names none\.json, which cannot be read \(ENOENT\)/,
    ],
    ['to itself', { $ref: '#/paths/~1users~1{id}/delete' }, /never to a value/],
    ['to a text', { $ref: '#/info/title' }, /#\/info\/title: must be an object/],
    ['to another machine', { $ref: 'https://example.com/remove.json' }, /not among the allowed hosts/],
  ])('%s is skipped with its place, and the others are not', async (_what, reference, why) => {
    const { report } = await tasksOfFiles({
      'openapi.json': documentWith({
        '/users/{id}': { delete: reference, get: { operationId: 'getUser', parameters: [ID], responses: {} } },
      }),
    });
    expect(report).toMatchObject({ operations: 2, imported: 1, skipped: [{ operation: 'DELETE /users/{id}' }] });
    expect(report.skipped[0]!.why).toMatch(why);
  });
});

describe('A path that is a reference', () => {
  const USER = { parameters: [ID], get: { operationId: 'getUser', ...operation() } };

  it('has the operations and parameters on both sides of it', async () => {
    const paths = {
      '/users/{id}': {
        $ref: './user.json',
        parameters: [TENANT],
        delete: { operationId: 'removeUser', responses: { 204: { description: 'Gone' } } },
      },
    };
    const { tasks, report } = await tasksOfFiles({ 'openapi.json': documentWith(paths), 'user.json': USER });
    expect(report).toMatchObject({ operations: 2, imported: 2, skipped: [] });
    for (const task of tasks) {
      expect(takes(task, { id: 1 })).toBe(false);
      expect(requestOf(task, { id: 1, 'X-Tenant': 't' })).toMatchObject({
        path: '/v1/users/1',
        headers: { 'x-tenant': 't' },
      });
    }
  });

  it('that leads nowhere costs its own operations only, each of which is reported', async () => {
    const paths = {
      '/users/{id}': { $ref: './none.json', get: operation(), delete: operation() },
      '/health': { get: operation({ operationId: 'health' }) },
    };
    const { tasks, report } = await tasksOfFiles({ 'openapi.json': documentWith(paths) });
    expect(tasks.map(({ operation: name }) => name)).toEqual(['health']);
    expect(report.skipped.map(({ operation: name }) => name)).toEqual(['GET /users/{id}', 'DELETE /users/{id}']);
  });
});

it('references in place of lists and maps are followed, also with entries next to them', async () => {
  const { tasks, report } = await tasksOfFiles({
    'openapi.json': {
      openapi: '3.0.3',
      info: { $ref: './none.json' },
      servers: { $ref: './shared.json#/servers' },
      security: { $ref: './shared.json#/security' },
      paths: { $ref: './paths.json', '/health': { get: operation({ operationId: 'health' }) } },
      components: { $ref: './components.json' },
    },
    'shared.json': {
      servers: [{ url: 'https://desk.example' }],
      security: [{ $ref: '#/way' }],
      way: { key: [] },
      parameters: [ID, TENANT],
      more: { note: TEXT },
    },
    'paths.json': {
      '/users/{id}': {
        delete: {
          operationId: 'removeUser',
          parameters: { $ref: './shared.json#/parameters' },
          requestBody: { $ref: './body.json' },
          responses: { $ref: './responses.json' },
        },
      },
    },
    'body.json': {
      content: { 'application/json': { $ref: '#/x-media' } },
      'x-media': { schema: { $ref: './components.json#/schemas/Reason' } },
    },
    'responses.json': {
      200: { description: 'OK', content: { $ref: '#/x-content' } },
      'x-content': { 'application/json': { schema: { type: 'object', required: ['id'], properties: { id: TEXT } } } },
    },
    'components.json': {
      securitySchemes: { key: { $ref: '#/x-key' } },
      'x-key': { type: 'http', scheme: 'bearer' },
      schemas: {
        Reason: { type: 'object', required: ['reason'], properties: { $ref: './shared.json#/more', reason: TEXT } },
      },
    },
  });
  expect(report).toMatchObject({ operations: 2, imported: 2, skipped: [] });
  const remove = tasks.find(({ operation: name }) => name === 'removeUser')!;
  expect(requestOf(remove, { id: 1, 'X-Tenant': 't', reason: 'r', note: 'n' })).toMatchObject({
    origin: 'https://desk.example',
    path: '/users/1',
    headers: { 'x-tenant': 't', authorization: 'Bearer canary-HTTP_TASKS_OPENAPI_DESK_KEY' },
  });
  expect(remove.output.safeParse({}).success).toBe(false);
});

it('as many operations are imported or skipped as there are in the document', async () => {
  const files = {
    'openapi.json': documentWith({
      '/a': { $ref: './a.json', get: operation(), parameters: [TENANT] },
      '/b': { $ref: './none.json', put: operation(), patch: operation() },
      '/c#one': { post: operation() },
      '/c#two': { post: operation() },
      '/d': {
        get: 'x',
        delete: { $ref: './remove.json' },
        head: { $ref: './gone.json' },
        trace: null,
        summary: 'D',
        'x-note': {},
      },
      '/e': {
        options: operation({ parameters: 'x' }),
        post: operation({ requestBody: jsonBody({ $ref: './gone.json' }) }),
      },
    }),
    'a.json': { get: operation(), post: operation(), delete: { $ref: './remove.json' } },
    'remove.json': { responses: { 204: { description: 'Gone' } } },
  } as Record<string, Json>;
  const { report } = await tasksOfFiles(files);
  expect(report.imported + report.skipped.length).toBe(operationsIn(files));
  expect(report.operations).toBe(operationsIn(files));
  expect(report.imported).toBe(6);
});

it('a method that is not read is reported, not passed over', () => {
  const { report } = tasksFromOpenApi(
    documentWith({
      '/a': { get: operation(), GET: operation(), query: operation(), additionalOperations: { COPY: operation() } },
    }),
  );
  expect(report.imported).toBe(1);
  expect(report.skipped.map(({ operation: name }) => name)).toEqual(['GET /a', 'QUERY /a', 'COPY /a']);
});

describe('A path with a fragment', () => {
  const body = (field: string) => jsonBody({ type: 'object', required: [field], properties: { [field]: TEXT } });

  it('is sent without it', () => {
    const { tasks } = tasksOf(
      documentWith({
        '/engage/{id}#profile-delete': { post: operation({ parameters: [ID], requestBody: body('x') }) },
      }),
      { service: 'desk' },
    );
    expect(tasks[0]!.name).toBe('desk.postEngageIdProfileDelete');
    expect(requestOf(tasks[0]!, { id: 1, x: 'y' }).path).toBe('/v1/engage/1');
  });

  it('that makes two operations one for the provider is reported for both', () => {
    const paths = {
      '/engage#set': { post: operation({ operationId: 'set', requestBody: body('set') }) },
      '/engage#delete': { post: operation({ operationId: 'remove', requestBody: body('remove') }) },
      '/engage#get': { get: operation({ operationId: 'get' }) },
    };
    const { tasks, report } = tasksOf(documentWith(paths), { service: 'desk' });
    expect(tasks.map(({ name, path }) => `${name} ${path}`)).toEqual([
      'desk.set /engage',
      'desk.remove /engage',
      'desk.get /engage',
    ]);
    const said = report.decide.filter(({ what }) => what.startsWith('path: '));
    expect(said).toEqual([
      {
        operation: 'set',
        what: expect.stringMatching(/same method and path as remove; "#set" is never sent/) as string,
      },
      {
        operation: 'remove',
        what: expect.stringMatching(/same method and path as set; "#delete" is never sent/) as string,
      },
    ]);
  });
});

describe('A file that cannot be read', () => {
  it.each<[string, string, RegExp]>([
    ['is not there', './none.json#/A', /none\.json, which cannot be read \(ENOENT\)/],
    ['is above the folder', '/etc/passwd', /outside the document's folder/],
    [
      'is on a host that is not allowed',
      'https://example.com/pet.json',
      /example\.com, which is not among the allowed hosts/,
    ],
    ['is neither JSON nor YAML', './broken.yml', /broken\.yml cannot be used; .*not YAML/],
    ['has a scheme that is not followed', 'ftp://example.com/x', /scheme ftp:/],
  ])('because it %s costs only the operations that need it', async (_what, reference, why) => {
    await writeFile(join(folder, 'broken.yml'), 'a: [');
    const response = {
      responses: {
        200: {
          description: 'OK',
          content: {
            'application/json': { schema: { type: 'object', properties: { a: { $ref: '#/components/schemas/Far' } } } },
          },
        },
      },
    };
    const paths = {
      '/good': { get: operation({ operationId: 'good' }) },
      '/bad': { get: { operationId: 'bad', ...response } },
    };
    const { tasks, report } = await tasksOfFiles({
      'openapi.json': documentWith(paths, {
        components: { schemas: { Far: { type: 'object', properties: { b: { $ref: reference } } } } },
      }),
    });
    expect(tasks.map(({ operation: name }) => name)).toEqual(['good']);
    expect(report.skipped).toEqual([{ operation: 'bad', why: expect.stringMatching(why) as string }]);
    expect(report.skipped[0]!.why).toContain('#/components/schemas/Far/properties/b');
  });

  it('costs nothing where it is only documentation', async () => {
    const { report } = await tasksOfFiles({
      'openapi.json': {
        ...documentWith({
          '/a': {
            get: operation({
              description: { $ref: './none.md' },
              'x-codeSamples': [{ source: { $ref: './none.rb' } }],
            }),
          },
        }),
        info: { title: 'Desk', version: '1', description: { $ref: './intro.md' } },
      },
    });
    expect(report).toMatchObject({ imported: 1, skipped: [] });
  });
});
