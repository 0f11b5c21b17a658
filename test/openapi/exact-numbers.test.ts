import { z } from 'zod';
import { openDocument } from '@temporal-http-tasks/openapi/internal/document/document';
import { readApi } from '@temporal-http-tasks/openapi/internal/read-api';
import { sourceFiles } from '@temporal-http-tasks/openapi/internal/source/task-source';
import { fieldRows, taskReference } from '@temporal-http-tasks/console/internal/reference/task-reference';
import { completedInput } from '@temporal-http-tasks/console/internal/reference/sample-input';
import { snippetsOf } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import { callFromCurl } from '@temporal-http-tasks/cli/internal/curl/curl-call';
import { exactNumber } from 'temporal-http-tasks/internal/tasks/exact-number';
import { InvalidInputError } from 'temporal-http-tasks/internal/tasks/parse-input';
import { documentWith, jsonBody, operation, readerOf, requestOf, takes, taskFor, tasksOf } from './documents';
import { complaintsAbout, shown, tasksIn } from './generated-code';

const ID = '7615917337495251231';
const INT64 = { type: 'integer', format: 'int64' };
const TEXT = { type: 'string' };

const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });
const object = (properties: object, more: object = {}): object => ({ type: 'object', properties, ...more });

/** The JSON body that is sent for this value in a field of this schema. */
function sentFor(schema: unknown, x: unknown, schemas: Record<string, unknown> = {}): unknown {
  return requestOf(taskFor(object({ x: schema }), { schemas }), { x }).body;
}

describe('The digits of a number beyond 2^53, as a text,', () => {
  it.each<[string, unknown, unknown, string]>([
    ['an integer', INT64, ID, ID],
    ['an integer without a format', { type: 'integer' }, ID, ID],
    ['a negative one', { type: 'integer' }, `-${ID}`, `-${ID}`],
    ['a number', { type: 'number' }, ID, ID],
    ['a number with many decimals', { type: 'number' }, '0.12345678901234567891', '0.12345678901234567891'],
    ['a number beyond all', { type: 'number' }, '1e400', '1e400'],
    ['a list', { type: 'array', items: INT64 }, [1, ID], `[1,${ID}]`],
    [
      'a list of different ones',
      { type: 'array', items: INT64, uniqueItems: true },
      [ID, '9007199254740993'],
      `[${ID},9007199254740993]`,
    ],
    ['a map', { type: 'object', additionalProperties: INT64 }, { a: ID }, `{"a":${ID}}`],
    ['an object in an object', object({ y: object({ id: INT64 }) }), { y: { id: ID } }, `{"y":{"id":${ID}}}`],
    ['a number or null', { ...INT64, nullable: true }, ID, ID],
    ['one of several', { oneOf: [INT64, { type: 'string', enum: ['all'] }] }, ID, ID],
    [
      'one of several objects',
      { oneOf: [object({ id: INT64 }, { required: ['id'] }), object({ name: TEXT }, { required: ['name'] })] },
      { id: ID },
      `{"id":${ID}}`,
    ],
    [
      'fields of several options',
      { anyOf: [object({ name: TEXT }, { required: ['name'] }), object({ id: INT64 }, { required: ['id'] })] },
      { name: 'a', id: ID },
      `{"name":"a","id":${ID}}`,
    ],
    [
      'parts',
      { allOf: [object({ id: INT64 }), object({ name: TEXT })] },
      { id: ID, name: 'a' },
      `{"id":${ID},"name":"a"}`,
    ],
    ['a choice', { type: 'integer', enum: [1, 7615917337495251231] }, ID, ID],
  ])('is sent as a number in %s', (_what, schema, value, sent) => {
    expect(sentFor(schema, value)).toBe(`{"x":${sent}}`);
  });

  it.each<[string, unknown, unknown]>([
    ['a text', TEXT, ID],
    ['a text or a number', { oneOf: [INT64, TEXT] }, ID],
    ['an object of which nothing is said', { type: 'object' }, { id: ID }],
    ['a value of which nothing is said', {}, [ID]],
    [
      'a list that takes texts too',
      {
        oneOf: [
          { type: 'array', items: INT64 },
          { type: 'array', items: TEXT },
        ],
      },
      [ID],
    ],
  ])('stays a text in %s', (_what, schema, value) => {
    expect(sentFor(schema, value)).toBe(JSON.stringify({ x: value }));
  });

  it('is sent as a number at every depth of a recursive schema, and next to parts kept for later', () => {
    const Node = object({ id: INT64, parts: { type: 'array', items: { allOf: [ref('Node'), ref('Extra')] } } });
    const Extra = object({ owner: INT64, parts: { type: 'array', items: { allOf: [ref('Extra'), ref('Node')] } } });
    const value = { id: ID, parts: [{ id: ID, owner: ID, parts: [{ owner: ID }] }] };
    const sent = String(sentFor(ref('Node'), value, { Node, Extra }));
    expect(sent.split(`:${ID}`)).toHaveLength(5);
    expect(sent).not.toContain(`"${ID}"`);
  });

  it('is written with its digits in path, query, header, cookie and form', () => {
    const at = (place: string, more: object = {}): object => ({
      name: `in_${place}`,
      in: place,
      required: true,
      schema: INT64,
      ...more,
    });
    const parameters = [
      at('path'),
      at('query'),
      at('header'),
      at('cookie'),
      { name: 'ids', in: 'query', schema: { type: 'array', items: INT64 } },
      { name: 'deep', in: 'query', style: 'deepObject', schema: object({ id: INT64 }) },
    ];
    const form = {
      content: { 'application/x-www-form-urlencoded': { schema: object({ id: INT64, more: object({ id: INT64 }) }) } },
    };
    const { tasks } = tasksOf(
      documentWith({ '/things/{in_path}': { post: operation({ operationId: 'all', parameters, requestBody: form }) } }),
    );
    const { path, headers, body } = requestOf(tasks[0]!, {
      in_path: ID,
      in_query: ID,
      in_header: ID,
      in_cookie: ID,
      ids: [ID, 1],
      deep: { id: ID },
      id: ID,
      more: { id: ID },
    });
    expect(path).toBe(`/v1/things/${ID}?in_query=${ID}&ids=${ID}&ids=1&deep%5Bid%5D=${ID}`);
    expect(headers).toMatchObject({ in_header: ID, cookie: `in_cookie=${ID}` });
    expect(body).toBe(`id=${ID}&more=${encodeURIComponent(`{"id":${ID}}`)}`);
  });

  it('is a part of a multipart body', () => {
    const content = { 'multipart/form-data': { schema: object({ id: INT64, more: object({ id: INT64 }) }) } };
    const { tasks } = tasksOf(
      documentWith({ '/things': { post: operation({ operationId: 'all', requestBody: { content } }) } }),
    );
    const body = String(requestOf(tasks[0]!, { id: ID, more: { id: ID } }).body);
    expect(body).toContain(`name="id"\r\n\r\n${ID}\r\n`);
    expect(body).toContain(`content-type: application/json\r\n\r\n{"id":${ID}}\r\n`);
  });

  it.each<[object, readonly string[], readonly string[]]>([
    [{ minimum: 0 }, [ID], [`-${ID}`]],
    [{ maximum: 9007199254740995 }, ['9007199254740995', '9007199254740996'], ['9007199254740997', ID]],
    [{ maximum: 9007199254740996, exclusiveMaximum: true }, ['9007199254740995'], ['9007199254740996']],
    [{ minimum: -9007199254740996 }, ['-9007199254740996', ID], ['-9007199254740997']],
    [{ multipleOf: 5 }, ['9007199254740995'], ['9007199254740996']],
    [{ enum: [7615917337495251231] }, [ID], ['9007199254740993']],
    [
      {},
      [ID, '1e20'],
      [
        '42',
        '9007199254740991',
        '9007199254740993.5',
        '09007199254740993',
        '+9007199254740993',
        ' 9007199254740993',
        '9007199254740993n',
        '0x20000000000001',
        'NaN',
        '',
        '1e99999999',
      ],
    ],
    [{ format: 'int32' }, [], [ID]],
    [{ maximum: 100, minimum: 0 }, [], [ID]],
  ])('keeps to %j', (limits, good, bad) => {
    const task = taskFor(object({ x: { type: 'integer', ...limits } }));
    expect([...good, ...bad].filter((x) => takes(task, { x }))).toEqual(good);
  });

  it('is what a response has in its place, so that a list and a deletion work together', () => {
    const Users = object({ users: { type: 'array', items: object({ id: INT64 }) } });
    const { output } = readerOf(Users);
    const listed = output.parse({ users: [{ id: 1 }, { id: ID }] }) as { users: { id: string }[] };
    const remove = taskFor(object({ ids: { type: 'array', items: INT64 } }));
    expect(requestOf(remove, { ids: listed.users.map(({ id }) => id) }).body).toBe(`{"ids":[1,${ID}]}`);
  });
});

it('a number that was rounded already is refused by its field, with what to write instead', () => {
  const task = taskFor(object({ user: object({ id: INT64 }), free: { type: 'object' } }));
  const refused = (input: unknown): string => {
    try {
      requestOf(task, input);
      return 'nothing';
    } catch (error) {
      return error instanceof InvalidInputError ? error.message : String(error);
    }
  };
  expect(refused({ user: { id: 2 ** 60 } })).toMatch(
    /user\.id: is a number that would be rounded.*write its digits as a text in quotes/,
  );
  expect(refused({ free: { id: 2 ** 60 } })).toMatch(/free\.id: is a number that would be rounded/);
  expect(refused({ user: { id: '12' } })).toMatch(/user\.id: invalid input: expected number, received string/);
  expect(refused({ user: {}, other: 1 })).toMatch(/other: unknown field/);
});

it('an integer without limits is generated as exactNumber, which compiles and makes the same task', () => {
  const Node = object(
    { id: { type: 'integer', minimum: 1 }, count: { type: 'integer', maximum: 10, minimum: 0 }, parent: ref('Node') },
    { required: ['id'] },
  );
  const document = documentWith(
    {
      '/things': {
        post: operation({
          operationId: 'thingCreate',
          requestBody: jsonBody(
            object({ node: ref('Node'), price: { type: 'number' }, kind: { type: 'integer', enum: [2 ** 60, 1] } }),
          ),
        }),
      },
    },
    { components: { schemas: { Node } } },
  );
  const files = sourceFiles(readApi(openDocument(document)));
  expect(files[1]!.text).toContain("import { defineHttpTask, exactNumber } from 'temporal-http-tasks/workflow';");
  expect(files[1]!.text).toContain('exactNumber({ whole: true, min: 1 })');
  expect(complaintsAbout(files)).toEqual([]);
  const [task] = tasksIn(files);
  expect(shown(task!)).toEqual(shown(tasksOf(document).tasks[0]!));
  expect(requestOf(task!, { node: { id: ID, parent: { id: ID } }, price: 1.5 }).body).toBe(
    `{"node":{"id":${ID},"parent":{"id":${ID}}},"price":1.5}`,
  );
});

it('reference, sample and snippets say and show it', () => {
  const task = taskFor(object({ id: INT64 }, { required: ['id'] }));
  expect(fieldRows(taskReference(task).input)).toEqual([
    expect.objectContaining({ field: 'id', type: 'integer | string', limits: 'beyond 2^53 as a text' }),
  ]);
  expect(completedInput(task, {})).toEqual({ input: { id: 1 }, placeholders: ['id'] });
  const place = { address: 'localhost:7233', namespace: 'default', taskQueue: 'http-tasks' };
  const code = (language: string): string =>
    snippetsOf(task, { id: ID }, {}, place).snippets.find((one) => one.language === language)?.code ?? '';
  expect([code('curl'), code('call')]).toEqual([
    expect.stringContaining(`'{"id":${ID}}'`),
    expect.stringContaining(`'{"id":"${ID}"}'`),
  ]);
});

it('a cURL command is read with its digits, and refused where they would become a text', () => {
  const { tasks } = tasksOf(
    documentWith({
      '/things': {
        post: operation({
          operationId: 'thingCreate',
          requestBody: jsonBody(object({ id: INT64, free: { type: 'object' } })),
        }),
      },
    }),
    { service: 'shop' },
  );
  const read = (body: string): unknown =>
    callFromCurl(`curl https://shop.example.com/v1/things --json '${body}'`, {}, tasks).input;
  expect(read(`{"id":${ID}}`)).toEqual({ id: ID });
  expect(() => read(`{"id":1,"free":{"id":${ID}}}`)).toThrow(/free\.id is a number that would be rounded/);
});

it('describes itself as a number or a text, also when it is described or optional', () => {
  const schema = z.strictObject({ id: exactNumber({ whole: true }).describe('An ID.').optional() });
  expect(z.toJSONSchema(schema, { io: 'input' })).toMatchObject({
    properties: { id: { type: ['integer', 'string'], description: 'An ID.', pattern: '^-?[1-9]\\d{15,}$' } },
  });
});

describe('A number beyond 2^53 in the document itself', () => {
  const LARGEST = '9223372036854775807';
  /** The document with such numbers in it as JSON has them, written as texts in quotes so far. */
  const written = (schema: object, response: object = { type: 'object' }): string =>
    JSON.stringify(
      documentWith({
        '/things': {
          post: {
            operationId: 'thingCreate',
            requestBody: jsonBody(object({ x: schema })),
            responses: { 200: { description: 'OK', content: { 'application/json': { schema: response } } } },
          },
        },
      }),
    ).replace(/"number (-?\d+)"/g, '$1');
  const asYaml = (json: string): string => `# YAML\n${json}`;
  const tasksFrom = (text: string) => tasksOf(text, { service: 'shop' }).tasks;

  it.each<[string, object, readonly unknown[], readonly unknown[]]>([
    ['in an enum', { type: 'integer', enum: [1, `number ${ID}`] }, [1, ID], [2, '7615917337495251232', Number(ID)]],
    ['as a constant', { const: 'number 9007199254740993' }, ['9007199254740993'], ['9007199254740992', 1]],
    [
      'as limits',
      { type: 'integer', minimum: 'number 9007199254740993', maximum: `number ${LARGEST}` },
      ['9007199254740993', LARGEST],
      ['9007199254740992', '9223372036854775808', 5],
    ],
    [
      'as exclusive limits',
      { type: 'integer', exclusiveMinimum: `number -${LARGEST}`, exclusiveMaximum: `number ${LARGEST}` },
      ['9223372036854775806', 5, '-9223372036854775806'],
      [LARGEST, `-${LARGEST}`],
    ],
    [
      'as exclusive limits of OpenAPI 3.0',
      { type: 'integer', maximum: `number ${LARGEST}`, exclusiveMaximum: true },
      ['9223372036854775806'],
      [LARGEST],
    ],
    [
      'as a factor',
      { type: 'integer', multipleOf: 'number 9007199254740993' },
      ['18014398509481986'],
      ['18014398509481984'],
    ],
    [
      'in parts',
      {
        allOf: [
          { type: 'integer', maximum: `number ${LARGEST}` },
          { type: 'integer', maximum: 'number 9007199254740993' },
        ],
      },
      ['9007199254740993'],
      ['9007199254740994'],
    ],
    [
      'where it counts for nothing',
      { type: 'string', maxLength: `number ${LARGEST}`, default: `number ${ID}` },
      ['a'],
      [1],
    ],
  ])('is compared digit by digit: %s', (_what, schema, good, bad) => {
    for (const text of [written(schema), asYaml(written(schema))]) {
      const [task] = tasksFrom(text);
      expect(good.filter((x) => !takes(task!, { x }))).toEqual([]);
      expect(bad.filter((x) => takes(task!, { x }))).toEqual([]);
      const [generated] = tasksIn(sourceFiles(readApi(openDocument(text))));
      expect(good.filter((x) => !takes(generated!, { x }))).toEqual([]);
      expect(bad.filter((x) => takes(generated!, { x }))).toEqual([]);
    }
  });

  it('is sent and received digit by digit', () => {
    const large = { type: 'integer', enum: [`number ${ID}`] };
    const [task] = tasksFrom(written(large, object({ x: large })));
    expect(requestOf(task!, { x: ID }).body).toBe(`{"x":${ID}}`);
    expect(task!.output.safeParse({ x: ID }).success).toBe(true);
    expect(() => requestOf(task!, { x: '7615917337495251232' })).toThrow(`x: allowed: ${ID}`);
  });

  it('never makes a document refused, wherever it occurs', () => {
    const text = written({ type: 'integer', maximum: `number ${LARGEST}`, example: `number ${ID}` }).replace(
      '"version":"1"',
      `"version":${ID},"x-more":1e400`,
    );
    expect(tasksFrom(text)).toHaveLength(1);
  });
});
