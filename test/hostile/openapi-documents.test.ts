import fc from 'fast-check';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { openDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import { OpenApiError } from '@temporal-http-tasks/openapi/internal/document/openapi-error';
import { readApi } from '@temporal-http-tasks/openapi/internal/read-api';
import { sourceFiles } from '@temporal-http-tasks/openapi/internal/source/task-source';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { documentWith, jsonBody, operation, requestOf } from '../openapi/documents';
import { Bystander, INHERITED_NAMES, tried } from './fuzzing';

type Json = Record<string, unknown>;

let bystander: Bystander;
beforeAll(() => void (bystander = new Bystander()));
afterAll(() => bystander.leave());

/** A document with something of everything that is read. */
function example(): Json {
  const pet = {
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 20, pattern: '^[a-z]+$' },
      age: { type: 'integer', minimum: 0 },
      kind: { oneOf: [{ $ref: '#/components/schemas/Cat' }, { type: 'null' }] },
      friends: { type: 'array', items: { $ref: '#/components/schemas/Pet' }, uniqueItems: true },
    },
    additionalProperties: { type: 'string' },
  };
  const cat = {
    allOf: [
      { type: 'object', properties: { type: { type: 'string', enum: ['cat'] } } },
      { type: 'object', properties: { lives: { type: 'number' } } },
    ],
  };
  const parameters = [
    { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
    { name: 'tags', in: 'query', style: 'form', explode: false, schema: { type: 'array', items: { type: 'string' } } },
    { name: 'x-trace', in: 'header', schema: { type: 'string' } },
    { name: 'session', in: 'cookie', schema: { type: 'string' } },
  ];
  const form = {
    content: {
      'multipart/form-data': {
        schema: {
          type: 'object',
          properties: { file: { type: 'string', format: 'binary' }, title: { type: 'string' } },
        },
        encoding: { file: { contentType: 'image/png' } },
      },
    },
  };
  const paths = {
    '/pets': {
      get: operation({ operationId: 'petsList', parameters: parameters.slice(1) }),
      post: operation({ operationId: 'petCreate', requestBody: jsonBody({ $ref: '#/components/schemas/Pet' }) }),
    },
    '/pets/{id}': {
      parameters: parameters.slice(0, 1),
      delete: operation({ operationId: 'petRemove' }),
      put: operation({ operationId: 'petFile', requestBody: form }),
    },
  };
  const securitySchemes = {
    key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
    login: { type: 'http', scheme: 'basic' },
  };
  return documentWith(paths, {
    components: { schemas: { Pet: pet, Cat: cat }, securitySchemes },
    security: [{ key: [] }],
    servers: [{ url: 'https://{place}.example.com/v1', variables: { place: { default: 'a', enum: ['a', 'b'] } } }],
  });
}

const WORDS = [
  ...[
    '../../../etc/passwd',
    '..\\..\\x',
    '/root',
    'a\0b',
    'a\r\nb: c',
    "'; process.exit(1); //",
    '*/',
    '${1}',
    '\u2028',
    '{id}',
    '{',
    '}',
    '%2e%2e',
    '#',
    '?',
    '',
    ' ',
    'CON',
    'index',
    '😀',
    '\ud800',
  ],
  ...[
    '#/components/schemas/Pet',
    '#/paths',
    '#',
    'other.yml',
    'file:///etc/passwd',
    'http://127.0.0.1/x',
    'file:///v1',
    'javascript:0',
    'https://user:pw@x.example',
    'http://[',
    '^(a+)+$',
    '[',
  ],
  ...INHERITED_NAMES,
];
const word = fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'binary', maxLength: 12 }));
const foreign = fc.oneof(
  word,
  fc.constantFrom<unknown>(null, true, 0, -1, 1e308, 2 ** 53, [], {}, [[]], [null]),
  fc.jsonValue({ maxDepth: 2 }),
  word.map(($ref) => ({ $ref })),
);
/** Which place of the document is changed, and how: another value, another name, or gone. */
const change = fc.tuple(
  fc.nat(),
  fc.oneof(
    foreign.map((value) => ({ value })),
    word.map((name) => ({ name })),
    fc.constant({ gone: true as const }),
  ),
);

/** The document with something else at one place. */
function changed(document: Json, [which, how]: [number, { value: unknown } | { name: string } | { gone: true }]): void {
  const places: [owner: Json, key: string][] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      places.push([value as Json, key]);
      walk((value as Json)[key]);
    }
  };
  walk(document);
  const [owner, key] = places[which % places.length]!;
  const before = owner[key];
  if ('value' in how) owner[key] = structuredClone(how.value);
  else if (Array.isArray(owner)) owner.splice(Number(key), 1);
  else Reflect.deleteProperty(owner, key);
  if ('name' in how && !Array.isArray(owner))
    Object.defineProperty(owner, how.name, { value: before, enumerable: true, configurable: true, writable: true });
}

/** Tries a task with an input; only a refusal may be thrown. The request goes to where the definition says. */
function tryOut(task: HttpTask, input: unknown): void {
  try {
    const { origin, path, headers } = requestOf(task, input);
    expect(Object.values(task.service.environments).some((base) => `${origin}${path}`.startsWith(base))).toBe(true);
    expect(path).toMatch(/^\/[\x21-\x7e]*$/);
    expect(path).not.toContain('#');
    for (const [name, value] of Object.entries(headers)) {
      expect(name).toMatch(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/);
      expect(value).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/);
    }
  } catch (error) {
    if (!(error instanceof InvalidInputError || error instanceof SettingsError)) throw error;
  }
}

/** What is made of a document: tasks and files, or a refusal with its place. */
function use(document: unknown, input: unknown): void {
  try {
    const { tasks } = tasksFromOpenApi(document);
    for (const task of tasks) tryOut(task, input);
    const files = sourceFiles(readApi(openDocument(document)));
    for (const { name } of files) expect(name).toMatch(/^[a-z0-9-]{1,150}\.ts$/);
    expect(new Set(files.map(({ name }) => name)).size).toBe(files.length);
  } catch (error) {
    if (!(error instanceof OpenApiError)) throw error;
  }
}

const input = fc.oneof(
  fc.constant({ id: 'a', name: 'rex', tags: ['a', 'b'], 'x-trace': 't' }),
  fc.dictionary(fc.oneof(fc.constantFrom('id', 'name', 'tags', 'x-trace', 'session', 'body', 'file'), word), foreign, {
    maxKeys: 4,
  }),
);

describe('Whatever a document says, it is refused with its place, or gives tasks that call what it describes', () => {
  it('where it is as it should be', () => {
    const { report } = tasksFromOpenApi(example());
    expect(report).toMatchObject({ imported: 4, skipped: [] });
  });

  it('where a few places of it are others', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), input, (changes, given) => {
        const document = example();
        for (const one of changes) changed(document, one);
        use(document, given);
      }),
      tried(250),
    );
  });

  it('where it is any JSON, or text that was damaged', () => {
    const text = JSON.stringify(example());
    const damaged = fc
      .tuple(fc.nat({ max: text.length - 1 }), fc.nat({ max: 30 }), word)
      .map(([at, length, by]) => text.slice(0, at) + by + text.slice(at + length));
    fc.assert(
      fc.property(fc.oneof(damaged, fc.json({ maxDepth: 3 }), word), (document) => use(document, {})),
      tried(250),
    );
  });

  it.each(INHERITED_NAMES)(
    'a parameter, a field and a schema may be called %s, and what is sent under it arrives',
    (name) => {
      const body = JSON.parse(`{"type":"object","properties":{${JSON.stringify(name)}:{"type":"string"}}}`) as Json;
      const paths = {
        '/a': {
          get: operation({ operationId: 'byQuery', parameters: [{ name, in: 'query', schema: { type: 'string' } }] }),
          post: operation({ operationId: 'byBody', requestBody: jsonBody(body) }),
        },
        [`/b/{${name}}`]: {
          get: operation({
            operationId: 'byPath',
            parameters: [{ name, in: 'path', required: true, schema: { type: 'string' } }],
          }),
        },
        '/c': {
          get: operation({ operationId: 'byHeader', parameters: [{ name, in: 'header', schema: { type: 'string' } }] }),
        },
      };
      const given = JSON.parse(`{${JSON.stringify(name)}:"canary"}`) as Json;
      if (name === '__proto__') {
        // No field of a document can be called so, and a parameter's operation is left out.
        expect(() => tasksFromOpenApi(documentWith(paths))).toThrow(OpenApiError);
        const { report: left } = tasksFromOpenApi(
          documentWith({ ...paths, '/a': { get: paths['/a'].get }, '/d': { get: operation({ operationId: 'good' }) } }),
        );
        expect(left).toMatchObject({ imported: 1, skipped: [{}, {}, {}] });
        return;
      }
      const { tasks, report } = tasksFromOpenApi(documentWith(paths));
      expect(report.skipped).toEqual([]);
      for (const task of tasks) {
        const { path, headers, body: sent } = requestOf(task, given);
        expect(`${task.operation} ${path} ${JSON.stringify(headers)} ${String(sent)}`).toContain('canary');
      }
    },
  );
});
