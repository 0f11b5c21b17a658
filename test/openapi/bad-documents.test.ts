import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenApiError } from '@temporal-http-tasks/openapi/internal/document/openapi-error';
import { readOpenApiDocument } from '@temporal-http-tasks/openapi/internal/document/read-document';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { documentWith, jsonBody, operation, requestOf } from './documents';

/** What is said about a document that is refused. */
function refusalOf(read: () => unknown): OpenApiError {
  try {
    read();
  } catch (error) {
    if (error instanceof OpenApiError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

/** Each level stands for ten of the one below: a few lines for a hundred million values. */
const BOMB = [
  'a0: &a0 [x, x, x, x, x, x, x, x, x, x]',
  ...Array.from(
    { length: 8 },
    (_, level) => `a${level + 1}: &a${level + 1} [${Array(10).fill(`*a${level}`).join(', ')}]`,
  ),
].join('\n');

describe('A document that cannot be used is refused with its place', () => {
  it.each<[string, string, string, RegExp]>([
    ['broken YAML', 'openapi: 3.0.0\npaths:\n\t- x', 'line 3, column 1', /not YAML/],
    ['broken JSON', '{\n  "openapi": "3.0.0",\n  "paths": {,}\n}', 'line 3, column 13', /not JSON/],
    ['JSON that ends too early', '{"openapi": "3.0.0",\n', 'line 2, column 1', /not JSON/],
    ['a key that stands there twice', 'openapi: 3.0.0\npaths: {}\npaths: {}', 'line 3, column 1', /duplicated/],
    [
      'a key twice in JSON',
      '{\n "openapi": "3.0.0",\n "paths": {"/a": {}, "\\u002fa" : {}}}',
      'line 3, column 22',
      /second key/,
    ],
    ['nothing', '', '', /empty/],
    ['two documents in one', 'openapi: 3.0.0\n---\nopenapi: 3.0.0', '', /single document/],
    ['a text', '"hello"', '', /must be an object/],
    ['a list', '[1]', '', /must be an object/],
    ['something else than OpenAPI', 'a: 1', '', /no field openapi/],
    [
      'Swagger 2.0',
      'swagger: "2.0"',
      '#/swagger',
      /Swagger 2.0.*: npx swagger2openapi --patch --outfile swagger\.openapi\.json swagger\.json \(/,
    ],
    ['a version to come', 'openapi: 4.0.0', '#/openapi', /3\.0, 3\.1 and 3\.2/],
    ['YAML that multiplies itself', `openapi: 3.0.0\n${BOMB}`, '#/a6/3', /aliases/],
    ['YAML that holds itself', 'openapi: 3.0.0\nx-a: &a\n  b: [*a]', '#/x-a/b/0', /no end/],
    ['lists in lists without end', `openapi: 3.0.0\nx-a: ${'['.repeat(5_000)}`, 'line 2, column 205', /nesting/],
    [
      'JSON nested without end',
      `{"openapi":"3.0.0","x-a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
      '#/x-a/0/0/0/0/0/…/0/0/0/0/0',
      /nested deeper/,
    ],
    ['code in a tag', 'openapi: 3.0.0\nx-a: !!js/function "return 1"', 'line 2, column 6', /tag/],
    ['a value that JSON does not have', 'openapi: 3.0.0\nx-a: .inf', '#/x-a', /JSON does not have/],
    ['paths that are a list', 'openapi: 3.0.0\npaths: [1]', '#/paths', /must be an object/],
  ])('%s', (_what, text, place, problem) => {
    const { message, place: at } = refusalOf(() => tasksFromOpenApi(text));
    expect(at).toBe(place);
    expect(message).toMatch(problem);
  });

  it('equal keys of different objects, and of texts, are not the same key', () => {
    const text = '{"openapi":"3.0.0","paths":{},"x-a":[{"a":"\\"a\\":","b":"\\\\"},{"a":["a","a"],"b":{"a":1}}]}';
    expect(tasksFromOpenApi(text).report.operations).toBe(0);
  });

  it('names that reach into objects, in JSON as in YAML', () => {
    const json = '{"openapi":"3.0.0","paths":{},"components":{"schemas":{"__proto__":{"polluted":true}}}}';
    for (const text of [json, 'openapi: 3.0.0\npaths: {}\ncomponents:\n  schemas:\n    __proto__: {polluted: true}']) {
      expect(refusalOf(() => tasksFromOpenApi(text)).place).toBe('#/components/schemas/__proto__');
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('values that were made by code and are not JSON', () => {
    const circle: Record<string, unknown> = documentWith({});
    circle['x-self'] = circle;
    expect(refusalOf(() => tasksFromOpenApi(circle))).toMatchObject({ place: '#/x-self' });
    expect(refusalOf(() => tasksFromOpenApi(documentWith({}, { 'x-a': () => 1 })))).toMatchObject({ place: '#/x-a' });
    expect(refusalOf(() => tasksFromOpenApi(undefined)).message).toMatch(/must be an object/);
  });

  it('more than 40 MB, before it is parsed', () => {
    const { message } = refusalOf(() => tasksFromOpenApi(`openapi: 3.0.0\nx-a: "${'x'.repeat(41 * 1024 * 1024)}"`));
    expect(message).toMatch(/more than 40 MB/);
  });
});

describe('An operation that cannot be used is skipped with its place, and the others are not', () => {
  const good = { '/good': { get: operation({ operationId: 'good' }) } };
  const schemas = {
    Loop: { $ref: '#/components/schemas/Pool' },
    Pool: { $ref: '#/components/schemas/Loop' },
    Inner: { $ref: '#/components/schemas/Through/properties/a' },
    Through: { $ref: '#/components/schemas/Inner/properties/a' },
    Gone: { $ref: '#/components/schemas/NotThere' },
    Type: { type: 'file' },
    Deep: { properties: { a: { properties: { b: { $ref: '#/components/schemas/Gone' } } } } },
    Choice: { oneOf: [{ $ref: '#/components/schemas/Choice' }, { type: 'string' }] },
    Own: { allOf: [{ $ref: '#/components/schemas/Own' }, { type: 'object' }] },
  };

  it.each<[string, unknown, string, RegExp]>([
    [
      'references that lead in a circle',
      { $ref: '#/components/schemas/Loop' },
      '#/components/schemas/',
      /never to a value/,
    ],
    ['pointers that lead through each other', { $ref: '#/components/schemas/Inner' }, '#/', /never to a value/],
    [
      'a schema that is one of its own options',
      { $ref: '#/components/schemas/Choice' },
      '#/components/schemas/Choice',
      /back to itself/,
    ],
    [
      'a schema that is a part of itself',
      { $ref: '#/components/schemas/Own' },
      '#/components/schemas/Own',
      /back to itself/,
    ],
    [
      'a reference to nothing',
      { $ref: '#/components/schemas/NotThere' },
      '#/paths/~1bad/post/requestBody',
      /leads to nothing/,
    ],
    [
      'a reference to nothing, far away',
      { $ref: '#/components/schemas/Deep' },
      '#/components/schemas/Gone',
      /leads to nothing/,
    ],
    [
      'a type that there is not',
      { $ref: '#/components/schemas/Type' },
      '#/components/schemas/Type/type',
      /is not a type/,
    ],
    ['a schema that is a text', 'string', '#/paths/~1bad/post', /must be an object/],
    ['properties that are a list', { type: 'object', properties: [1] }, '/properties', /must be an object/],
    ['an anchor', { $ref: '#anchor' }, '#/paths/~1bad', /anchor/],
  ])('%s', (_what, schema, place, problem) => {
    const paths = {
      ...good,
      '/bad': {
        post: operation({ operationId: 'bad', requestBody: jsonBody({ type: 'object', properties: { x: schema } }) }),
      },
    };
    const { tasks, report } = tasksFromOpenApi(documentWith(paths, { components: { schemas } }));
    expect(tasks.map(({ operation: name }) => name)).toEqual(['good']);
    expect(report).toMatchObject({ operations: 2, imported: 1, skipped: [{ operation: 'bad' }] });
    expect(report.skipped[0]!.why).toContain(place);
    expect(report.skipped[0]!.why).toMatch(problem);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a path without a slash', { bad: { get: operation() } }, /begin with/],
    ['braces that name nothing', { '/bad/{}': { get: operation() } }, /braces/],
    ['an operation that is a text', { '/bad': { get: 'x' } }, /must be an object/],
    [
      'a header with a line break in its name',
      { '/bad': { get: operation({ parameters: [{ in: 'header', name: 'a\r\nb', schema: {} }] }) } },
      /not a valid name for a header/,
    ],
    [
      'a security scheme that is not there',
      { '/bad': { get: operation({ security: [{ nobody: [] }] }) } },
      /not among the security schemes/,
    ],
    [
      'a place that there is not',
      { '/bad': { get: operation({ parameters: [{ in: 'body', name: 'a', schema: {} }] }) } },
      /path, query, header, cookie/,
    ],
    [
      'a style that does not fit',
      { '/bad': { get: operation({ parameters: [{ in: 'query', name: 'a', style: 'matrix', schema: {} }] }) } },
      /style "matrix"/,
    ],
    [
      'a form that is no object',
      {
        '/bad': {
          post: operation({ requestBody: { content: { 'multipart/form-data': { schema: { type: 'string' } } } } }),
        },
      },
      /must be an object/,
    ],
  ])('%s', (_what, paths, problem) => {
    const { tasks, report } = tasksFromOpenApi(documentWith({ ...good, ...paths }));
    expect(tasks).toHaveLength(1);
    expect(report.skipped[0]!.why).toMatch(problem);
  });

  it('but a schema that leads back to itself is used', () => {
    const tree = {
      type: 'object',
      properties: { name: { type: 'string' }, kids: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } },
    };
    const paths = {
      '/tree': {
        post: operation({ operationId: 'plant', requestBody: jsonBody({ $ref: '#/components/schemas/Tree' }) }),
      },
    };
    const { tasks } = tasksFromOpenApi(documentWith(paths, { components: { schemas: { Tree: tree } } }));
    expect(tasks[0]!.input.safeParse({ name: 'a', kids: [{ kids: [{ name: 'c' }] }] }).success).toBe(true);
    expect(tasks[0]!.input.safeParse({ kids: [{ kids: [{ name: 1 }] }] }).success).toBe(false);
  });

  it.each(['multipart/form-data', 'application/x-www-form-urlencoded', 'application/json'])(
    'lists of themselves are used in %s',
    (type) => {
      const list = { type: 'array', items: { $ref: '#/components/schemas/List' } };
      const schema = {
        type: 'object',
        properties: { token: { $ref: '#/components/schemas/List' }, any: { $ref: '#/components/schemas/Any' } },
      };
      const any = {
        anyOf: [
          { type: 'string' },
          { type: 'array', items: { $ref: '#/components/schemas/Any' } },
          { type: 'object', additionalProperties: { $ref: '#/components/schemas/Any' } },
        ],
      };
      const responses = {
        default: { description: '', content: { 'application/json': { schema: { $ref: '#/components/schemas/Any' } } } },
      };
      const paths = {
        '/list': { post: { operationId: 'list', requestBody: { content: { [type]: { schema } } }, responses } },
      };
      const { tasks } = tasksFromOpenApi(documentWith(paths, { components: { schemas: { List: list, Any: any } } }));
      expect(tasks[0]!.input.safeParse({ token: [[[]]], any: [{ a: ['x'] }] }).success).toBe(true);
    },
  );

  it('schemas that name each other two by two are neither multiplied nor nested without end', () => {
    const chain = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, level) => {
        const next = level === 2_999 ? { type: 'string' } : { $ref: `#/components/schemas/L${level + 1}` };
        return [`L${level}`, { type: 'object', properties: { a: next, b: next } }];
      }),
    );
    const paths = {
      '/chain': {
        post: operation({ operationId: 'chain', requestBody: jsonBody({ $ref: '#/components/schemas/L0' }) }),
      },
    };
    const { tasks, report } = tasksFromOpenApi(documentWith(paths, { components: { schemas: chain } }));
    expect(report.skipped).toEqual([]);
    expect(tasks[0]!.input.safeParse({ a: { b: { a: {} } } }).success).toBe(true);
  });
});

it('Swagger 2.0 is refused with the command that converts its file', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'http-tasks-openapi-')));
  try {
    await writeFile(join(folder, "bob's desk.yml"), 'swagger: "2.0"');
    await expect(readOpenApiDocument(join(folder, "bob's desk.yml"))).rejects.toThrow(
      `: npx swagger2openapi --patch --outfile '${folder}/bob'\\''s desk.openapi.json' '${folder}/bob'\\''s desk.yml' (then use `,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe('What is nearly right is read as it is meant, or skipped', () => {
  it.each(['/a/../b', '/a/%2E%2e', '/./a', '/a/..?b=c'])('the path %s, which servers change', (path) => {
    const { report } = tasksFromOpenApi(documentWith({ [path]: { delete: operation() } }));
    expect(report).toMatchObject({
      imported: 0,
      skipped: [{ why: expect.stringContaining('as a segment') as string }],
    });
  });

  it('headers have names in any case: those of an operation replace those of its path', () => {
    const header = (name: string, required: boolean) => ({ name, in: 'header', required, schema: { type: 'string' } });
    const get = operation({ parameters: [header('x-tenant', false)] });
    const { tasks } = tasksFromOpenApi(documentWith({ '/a': { parameters: [header('X-Tenant', true)], get } }));
    expect(requestOf(tasks[0]!, {}).headers).not.toHaveProperty('x-tenant');
  });
});
