import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOpenApiDocument } from '@temporal-http-tasks/openapi/internal/document/read-document';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { documentWith, jsonBody, operation, takes, taskFor, tasksOf } from './documents';
import { TEXT, expectSameAsValidator, object, ref } from './schema-cases';
import type { SchemaCase } from './schema-cases';

/** Schemas of one kind each. */
const CASES: Record<string, SchemaCase> = {
  'keywords for texts beside a reference to an object': {
    schemas: { Name: object({ first: TEXT }, ['first']) },
    schema: ref('Name', { minLength: 1, maxLength: 80 }),
    values: [{ first: 'A' }],
    bad: [{}, 'A'],
  },
  'keywords for numbers in parts of a text': { schema: { allOf: [TEXT, { minimum: 1 }] }, values: ['a'], bad: [1] },
  'required fields beside a reference to a text': {
    schemas: { Id: TEXT },
    schema: ref('Id', { required: ['x'] }),
    values: ['a'],
    bad: [{ x: 1 }],
  },
  'keywords of several kinds in parts': {
    schema: { allOf: [{ minLength: 2 }, { minimum: 5 }, { type: ['string', 'number'] }] },
    values: ['ab', 5],
    bad: ['a', 4, true],
  },
  'keywords that do concern the value': {
    schemas: { Id: TEXT },
    schema: ref('Id', { minLength: 2 }),
    values: ['ab'],
    bad: ['a'],
  },
  'keywords beside a choice': { schema: { minLength: 2, enum: ['ab', 1] }, values: ['ab', 1], bad: ['b'] },
  'a base with a discriminator and values of its own': {
    schemas: {
      Base: object(
        { type: { type: 'string', enum: ['daily', 'weekly'] }, seconds: { type: 'integer' } },
        ['type', 'seconds'],
        { discriminator: { propertyName: 'type' } },
      ),
      Weekly: { allOf: [ref('Base'), object({ day: { type: 'integer' } }, ['day'])] },
    },
    schema: ref('Base'),
    values: [
      { type: 'daily', seconds: 1 },
      { type: 'weekly', seconds: 1, day: 2 },
    ],
    bad: [{ type: 'monthly', seconds: 1 }, { type: 'daily' }],
  },
  'heirs of heirs': {
    schemas: {
      Animal: object({ kind: TEXT }, ['kind'], { discriminator: { propertyName: 'kind' } }),
      Dog: { allOf: [ref('Animal'), object({ bark: TEXT })] },
      Big: ref('BigDog'),
      BigDog: { allOf: [ref('Dog'), object({ weight: { type: 'number' } })] },
    },
    schema: ref('Animal'),
    values: [
      { kind: 'BigDog', bark: 'w', weight: 3 },
      { kind: 'Dog', bark: 'w' },
      { kind: 'Cat' },
      { kind: 'big', weight: 1 },
    ],
    bad: [{ kind: 'BigDog', tail: 1 }, { bark: 'w' }],
  },
  'a discriminator without the names of its options': {
    schemas: {
      Cat: object({ kind: TEXT, lives: { type: 'integer' } }, ['kind']),
      Dog: object({ kind: TEXT, bark: TEXT }, ['kind']),
    },
    schema: { anyOf: [ref('Cat'), ref('Dog')], discriminator: { propertyName: 'kind', mapping: { cat: 'Cat' } } },
    values: [
      { kind: 'cat', lives: 9 },
      { kind: 'tomcat', lives: 9 },
      { kind: 'dog', bark: 'w' },
    ],
    bad: [{ kind: 'cat', lives: 'x', bark: 1 }, { lives: 9 }],
  },
};

describe.each(Object.entries(CASES))('A schema of %s', (_what, given) => {
  it('takes what a validator of JSON Schema takes', () => expectSameAsValidator(given));
});

it('a base that is one of its own options by its heirs is left out of them', () => {
  const schemas = {
    Shape: { oneOf: [ref('Circle'), ref('Square')], discriminator: { propertyName: 'kind' } },
    Circle: { allOf: [ref('Shape'), object({ kind: TEXT, r: { type: 'number' } }, ['kind', 'r'])] },
    Square: { allOf: [ref('Circle2'), object({ kind: TEXT, a: { type: 'number' } }, ['kind', 'a'])] },
    Circle2: { allOf: [ref('Shape')] },
  };
  const task = taskFor(object({ x: ref('Shape') }), { schemas });
  expect(
    [{ kind: 'c', r: 1 }, { kind: 's', a: 1 }, { kind: 'c' }, { kind: 'c', q: 1 }].map((x) => takes(task, { x })),
  ).toEqual([true, true, false, false]);
});

it('names by $anchor and $id are resolved, and nothing is fetched for them', () => {
  const schemas = {
    Item: { $anchor: 'item', type: 'object', properties: { next: { $ref: '#item' } } },
    User: {
      $id: 'https://desk.example/schemas/user',
      type: 'object',
      properties: {
        boss: { $ref: 'https://desk.example/schemas/user' },
        home: { $ref: 'address' },
        kind: { $ref: '#/$defs/kind' },
        item: ref('Item'),
      },
      $defs: { kind: { type: 'string', enum: ['a'] } },
    },
    Address: { $id: 'https://desk.example/schemas/address', type: 'object', properties: { street: TEXT } },
  };
  const task = taskFor(object({ x: ref('User') }), { schemas, version: '3.1.0' });
  expect(takes(task, { x: { boss: { home: { street: 's' }, kind: 'a' }, item: { next: { next: {} } } } })).toBe(true);
  for (const x of [{ boss: { home: { street: 1 } } }, { kind: 'b' }, { item: { next: { next: 1 } } }])
    expect([x, takes(task, { x })]).toEqual([x, false]);
});

it('schemas in other files are distinguished and inherited from as those of the first one', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'http-tasks-validity-')));
  try {
    const files = {
      'openapi.json': documentWith({
        '/pets': {
          post: operation({
            operationId: 'addPet',
            requestBody: jsonBody(object({ pet: { $ref: './pet.json' }, pay: { $ref: './pay.json#/Pay' } })),
          }),
        },
      }),
      'pet.json': {
        oneOf: [{ $ref: './cat.json' }, { $ref: './dog.json' }],
        discriminator: { propertyName: 'kind', mapping: { cat: './cat.json', dog: './dog.json' } },
      },
      'cat.json': object({ kind: TEXT, lives: { type: 'integer' } }, ['kind']),
      'dog.json': object({ kind: TEXT, bark: TEXT }, ['kind']),
      'pay.json': {
        Pay: object({ by: TEXT }, ['by'], { discriminator: { propertyName: 'by', mapping: { card: './card.json' } } }),
        Cash: { allOf: [{ $ref: '#/Pay' }, object({ till: TEXT })] },
      },
      'card.json': { allOf: [{ $ref: './pay.json#/Pay' }, object({ number: TEXT }, ['number'])] },
    };
    for (const [name, value] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(value));
    const { tasks } = tasksOf(await readOpenApiDocument(join(folder, 'openapi.json')));
    for (const good of [
      { pet: { kind: 'cat', lives: 9 } },
      { pet: { kind: 'dog', bark: 'w' } },
      { pay: { by: 'card', number: '1' } },
      { pay: { by: 'Cash', till: '2' } },
      { pay: { by: 'other' } },
    ])
      expect([good, takes(tasks[0]!, good)]).toEqual([good, true]);
    for (const bad of [{ pet: { kind: 'cat', tail: 1 } }, { pay: { by: 'card', number: 1 } }])
      expect([bad, takes(tasks[0]!, bad)]).toEqual([bad, false]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('a required field that no value fits is reported', () => {
  const schema = object(
    {
      user: object({ name: { allOf: [TEXT, { type: 'integer' }] } }, ['name']),
      note: { allOf: [TEXT, { type: 'integer' }] },
    },
    ['user'],
  );
  const { report } = tasksOf(
    documentWith({ '/a': { post: operation({ operationId: 'a', requestBody: jsonBody(schema) }) } }),
  );
  expect(report.decide).toContainEqual({
    operation: 'a',
    what: expect.stringMatching(/^input: no value fits user\.name,/) as string,
  });
  expect(report.decide.filter(({ what }) => what.startsWith('input: '))).toHaveLength(1);
});

it('a closed part takes the fields that another part requires, since nothing would fit otherwise', () => {
  const closed = object({ a: TEXT }, [], { additionalProperties: false });
  const task = taskFor(
    object({
      x: { allOf: [closed, object({ b: TEXT, c: TEXT }, ['b'])] },
      y: { allOf: [closed, object({ c: TEXT })] },
    }),
  );
  expect(
    [
      { x: { a: '1', b: '2', c: '3' } },
      { x: { b: '2', d: '4' } },
      { x: { a: '1' } },
      { y: { a: '1' } },
      { y: { c: '3' } },
    ].map((input) => takes(task, input)),
  ).toEqual([true, false, false, true, false]);
});

it('a list of values that is empty says nothing', () => {
  const task = taskFor(object({ x: { type: 'string', enum: [] } }));
  expect([{ x: 'a' }, { x: 1 }].map((input) => takes(task, input))).toEqual([true, false]);
});

it('OpenAPI 3.2 is read as far as it equals 3.1, and what is ignored is reported', () => {
  const paths = {
    '/a': {
      post: operation({ operationId: 'a', requestBody: jsonBody({ type: ['object', 'null'] }) }),
      query: operation(),
    },
  };
  const { tasks, report } = tasksFromOpenApi({ ...documentWith(paths), openapi: '3.2.0' });
  expect(tasks.map(({ operation: name }) => name)).toEqual(['a']);
  expect(report).toMatchObject({ operations: 2, imported: 1, skipped: [{ operation: 'QUERY /a' }] });
  expect(report.decide).toContainEqual({
    operation: '*',
    what: expect.stringMatching(/^openapi: 3\.2 is read as 3\.1/) as string,
  });
});

it('OpenAPI 3.2: what is ignored is reported by place, and an operation that needs what is not read is skipped', () => {
  const stream = { content: { 'application/jsonl': { itemSchema: TEXT } }, summary: 'Lines', description: 'ok' };
  const querystring = [{ name: 'all', in: 'querystring', content: { 'application/json': { schema: TEXT } } }];
  const document = {
    ...documentWith(
      {
        '/a': {
          get: operation({ operationId: 'lines', responses: { 200: stream } }),
          post: operation({ operationId: 'sendLines', requestBody: stream }),
          put: operation({
            operationId: 'mixed',
            requestBody: { content: { 'multipart/mixed': { itemSchema: TEXT, prefixEncoding: [{}] } } },
          }),
          delete: operation({ operationId: 'byQuery', parameters: querystring }),
          additionalOperations: { COPY: operation({ operationId: 'copy' }) },
          query: operation({ operationId: 'search' }),
        },
        '/kinds': {
          post: operation({
            operationId: 'kinds',
            requestBody: { content: { 'application/json': { $ref: '#/components/mediaTypes/Kind' } } },
          }),
        },
      },
      {
        $self: 'https://shop.example.com/openapi.json',
        servers: [{ url: 'https://shop.example.com/v1', name: 'shop' }],
        tags: [
          { name: 'a', summary: 'A', kind: 'nav' },
          { name: 'b', parent: 'a' },
        ],
        components: {
          mediaTypes: { Kind: { schema: object({ kind: TEXT }, ['kind']) } },
          securitySchemes: {
            device: {
              type: 'oauth2',
              deprecated: true,
              flows: {
                deviceAuthorization: {
                  deviceAuthorizationUrl: 'https://shop.example.com/device',
                  tokenUrl: 'https://shop.example.com/token',
                  scopes: {},
                },
              },
            },
          },
          schemas: {
            Any: { oneOf: [TEXT], discriminator: { propertyName: 'kind', defaultMapping: 'Other' } },
            Parent: object({ itemSchema: TEXT, parent: TEXT }, []),
          },
        },
      },
    ),
    openapi: '3.2.0',
  };
  const { tasks, report } = tasksFromOpenApi(document);
  expect(tasks.map(({ operation: name }) => name)).toEqual(['lines', 'sendLines', 'kinds']);
  expect(tasks.at(-1)?.input.safeParse({}).success).toBe(false);
  expect({ ...report, decide: undefined }).toMatchObject({ operations: 7, imported: 3 });
  expect(report.skipped.map(({ operation: name }) => name).sort()).toEqual(['COPY /a', 'QUERY /a', 'byQuery', 'mixed']);
  const ignored = report.decide.flatMap(({ what }) =>
    what.startsWith('ignored in OpenAPI 3.2: ') ? [what.slice(24).replace(/:.*\(/, ' (')] : [],
  );
  expect(ignored).toEqual([
    '$self (#/$self)',
    'name of a server (#/servers/0/name)',
    'summary of a response (#/paths/~1a/get/responses/200/summary)',
    'itemSchema (#/paths/~1a/get/responses/200/content/application~1jsonl/itemSchema, #/paths/~1a/put/requestBody/content/multipart~1mixed/itemSchema)',
    'prefixEncoding (#/paths/~1a/put/requestBody/content/multipart~1mixed/prefixEncoding)',
    'summary of a tag (#/tags/0/summary)',
    'kind of a tag (#/tags/0/kind)',
    'parent of a tag (#/tags/1/parent)',
    'deprecated on a security scheme (#/components/securitySchemes/device/deprecated)',
    'deviceAuthorization (#/components/securitySchemes/device/flows/deviceAuthorization)',
    'defaultMapping (#/components/schemas/Any/discriminator/defaultMapping)',
  ]);
});
