import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callFromCurl } from '@temporal-http-tasks/cli/internal/curl/curl-call';
import { completedInput } from '@temporal-http-tasks/console/internal/reference/sample-input';
import { showRequest } from '@temporal-http-tasks/console/internal/reference/shown-request';
import { curlSnippet } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import { batch, CATALOGUE, http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { documentWith, operation } from './documents';

const ENV = {
  PLAID_CLIENT_ID: 'canary-client',
  PLAID_SECRET: 'canary-secret',
  BATCH_REST_API_KEY: 'canary-rest',
  BATCH_API_KEYS: 'ios=CANARYIOS,my-web=CANARYWEB',
  HTTP_TASKS_HTTP_ALLOW: 'https://desk.example',
};

const list = { type: 'array', items: { type: 'string' } };
const object = { type: 'object', properties: { role: { type: 'string' }, level: { type: 'integer' } } };
const json = { 'application/json': { schema: { type: 'object', properties: { a: {} }, additionalProperties: true } } };
const places: [string, string[]][] = [
  ['query', ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject']],
  ['path', ['simple', 'label', 'matrix']],
  ['header', ['simple']],
  ['cookie', ['form']],
];

/** One operation for each place, style, explode and kind of value. */
const styled = places.flatMap(([place, styles]) =>
  styles.flatMap((style) =>
    [true, false].flatMap((explode) =>
      [list, object, { type: 'string' }, { type: 'integer' }, { type: 'array', items: { type: 'integer' } }].map(
        (schema) => ({ place, style, explode, schema }),
      ),
    ),
  ),
);

const NASTY = `it's "so" 50% a,b;c=d&e+f|g/h?i#j [k] {l} $HOME ü😀`;
/** Without what the style itself writes between values. */
const PLAIN = `it's 50%&ü`;

function valueFor({ place, style, schema }: (typeof styled)[number]): unknown {
  const text =
    place === 'header'
      ? 'a b'
      : style === 'spaceDelimited' || style === 'pipeDelimited' || style === 'label'
        ? PLAIN.replace(' ', '')
        : NASTY;
  if (schema === list) return [text, 'second'];
  if (schema === object) return { role: text, level: 3 };
  if (schema.type === 'array') return [1, 22];
  return schema.type === 'integer' ? 7 : text;
}

const styledDocument = documentWith(
  Object.fromEntries(
    styled.map(({ place, style, explode, schema }, index) => [
      `/styled${index}${place === 'path' ? '/{value}/end' : ''}`,
      {
        delete: operation({
          operationId: `styled${index}`,
          parameters: [{ name: 'value', in: place, required: true, style, explode, schema }],
        }),
      },
    ]),
  ),
);

const form = (schema: unknown, encoding: unknown, type = 'application/x-www-form-urlencoded'): unknown => ({
  required: true,
  content: { [type]: { schema, encoding } },
});
const subscription = {
  type: 'object',
  properties: {
    customer: { type: 'string' },
    metadata: { type: 'object', additionalProperties: { type: 'string' } },
    items: {
      type: 'array',
      items: { type: 'object', properties: { price: { type: 'string' }, quantity: { type: 'integer' }, tags: list } },
    },
    expand: list,
    plain: list,
    meta: object,
  },
};
const asDeep = { style: 'deepObject', explode: true };
const deep = { metadata: asDeep, items: asDeep, expand: asDeep };
const files = {
  type: 'object',
  required: ['file'],
  properties: {
    file: { type: 'string', format: 'binary' },
    more: { type: 'array', items: { type: 'string', format: 'binary' } },
    title: { type: 'string' },
    count: { type: 'integer' },
    tags: list,
    meta: object,
    rows: { type: 'array', items: object },
  },
};
const bodies = documentWith(
  {
    '/subs': {
      post: operation({ operationId: 'subs', requestBody: form(subscription, deep) }),
      put: operation({ operationId: 'subsWhole', requestBody: form({ ...subscription, minProperties: 1 }, deep) }),
    },
    '/files': {
      post: operation({
        operationId: 'files',
        requestBody: form(files, { rows: { contentType: 'application/json' } }, 'multipart/form-data'),
      }),
      put: operation({
        operationId: 'filesWhole',
        requestBody: form({ ...files, minProperties: 1 }, {}, 'multipart/form-data'),
      }),
    },
    '/either': {
      post: operation({
        operationId: 'either',
        requestBody: form({ anyOf: [{ type: 'object', properties: { n: { type: 'integer' } } }, subscription] }, deep),
      }),
      get: operation({
        operationId: 'asJson',
        parameters: [
          { name: 'ids', in: 'query', content: { 'application/json': { schema: list } } },
          { name: 'text', in: 'query', content: { 'application/json': { schema: { type: 'string' } } } },
          { name: 'X-Filter', in: 'header', content: { 'application/json': { schema: object } } },
        ],
      }),
    },
    '/text': {
      post: operation({
        operationId: 'text',
        requestBody: { content: { 'text/plain': { schema: { type: 'string' } } } },
      }),
    },
    '/bytes': {
      post: operation({
        operationId: 'bytes',
        requestBody: { content: { 'application/pdf': { schema: { type: 'string', format: 'binary' } } } },
      }),
    },
    '/patch': {
      patch: operation({
        operationId: 'patch',
        requestBody: { content: { 'application/merge-patch+json': json['application/json'] } },
      }),
    },
    '/json': {
      delete: operation({ operationId: 'json', requestBody: { content: json } }),
      get: operation({ operationId: 'jsonInGet', requestBody: { content: json } }),
    },
    '/none': {
      post: operation({ operationId: 'none' }),
      head: operation({ operationId: 'head' }),
      options: operation({ operationId: 'options' }),
    },
    '/signed': {
      get: operation({ operationId: 'signed', security: [{ basic: [] }] }),
      post: operation({ operationId: 'signedTwice', security: [{ token: [], key: [], sid: [] }] }),
    },
    '/mixed/{id}.{format}': {
      get: operation({
        operationId: 'mixed',
        parameters: [
          ...['id', 'format'].map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
          {
            name: 'filter',
            in: 'query',
            style: 'deepObject',
            explode: true,
            schema: {
              type: 'object',
              additionalProperties: { type: 'object', additionalProperties: { type: 'integer' } },
            },
          },
          { name: 'options', in: 'query', schema: object },
          { name: 'ids[]', in: 'query', schema: { type: 'array', items: { type: 'integer' } } },
          { name: 'q', in: 'query', allowReserved: true, schema: { type: 'string' } },
          { name: 'id', in: 'query', schema: { type: 'integer' } },
          { name: 'on', in: 'query', schema: { type: 'boolean' } },
          { name: 'either', in: 'query', schema: { anyOf: [{ type: 'integer' }, { type: 'boolean' }] } },
          { name: 'X-Empty', in: 'header', schema: { type: 'string' } },
          { name: 'Idempotency-Key', in: 'header', schema: { type: 'string' } },
          { name: 'lang', in: 'cookie', schema: { type: 'string' } },
        ],
      }),
    },
  },
  {
    components: {
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic' },
        token: { type: 'http', scheme: 'bearer' },
        key: { type: 'apiKey', in: 'query', name: 'api_key' },
        sid: { type: 'apiKey', in: 'cookie', name: 'sid' },
      },
    },
  },
);

const BINARY = Buffer.from([0x89, 0x50, 0, 0xff, 0x0d, 0x0a]).toString('base64');
const TEXT_FILE = Buffer.from(`"quoted" \\ back\r\nline; type=a ü ${NASTY}`).toString('base64');
const fileInputs = [
  {
    file: { base64: BINARY, filename: 'a b".png', contentType: 'image/png' },
    title: NASTY,
    count: 3,
    tags: ['a', NASTY],
    meta: { role: 'x', level: 1 },
    rows: [{ role: 'a' }],
  },
  {
    file: { base64: TEXT_FILE, filename: '../b;c.txt', contentType: 'text/plain; charset=utf-8' },
    more: [{ base64: BINARY }, { base64: TEXT_FILE, filename: 'same' }],
  },
  { file: { base64: '' } },
];
const subInputs = [
  {
    customer: NASTY,
    metadata: { a: '1', 'b c': NASTY },
    items: [{ price: 'p1', quantity: 2, tags: ['x', 'y'] }, { price: 'p2' }],
    expand: ['data', 'more'],
    plain: ['a', NASTY],
    meta: { role: 'r', level: 2 },
  },
  { customer: '' },
];

const INPUTS: Readonly<Record<string, readonly unknown[]>> = {
  subs: subInputs,
  subsWhole: subInputs.map((body) => ({ body })),
  either: [...subInputs.map((body) => ({ body })), { body: { n: 7 } }],
  asJson: [
    { ids: ['a', NASTY], text: NASTY, 'X-Filter': { role: 'ü', level: 3 } },
    { ids: [], text: '7' },
  ],
  files: fileInputs,
  filesWhole: fileInputs.map(({ rows: _, ...body }) => ({ body })),
  text: [{ body: NASTY }, { body: '' }, {}],
  bytes: [{ body: BINARY }, { body: TEXT_FILE }],
  patch: [{ body: { a: NASTY, n: [1, 2.5, null] } }],
  json: [{ body: { a: { __proto_: 1 } } }, {}],
  jsonInGet: [{ body: { a: 1 } }],
  mixed: [
    {
      id: NASTY.replace('.', ''),
      format: 'csv',
      filter: { price: { gte: 1, lt: 9 } },
      options: { role: 'x', level: 4 },
      'ids[]': [1, 2],
      q: 'a/b?c:d',
      idInQuery: 5,
      on: true,
      either: 7,
      'X-Empty': '',
      'Idempotency-Key': 'k-1',
      lang: 'de',
    },
    { id: 'a', format: 'b', 'ids[]': [1], on: false, either: true },
  ],
};

const tasksIn = (document: unknown): readonly HttpTask[] => {
  const { tasks, report } = tasksFromOpenApi(document, { service: 'shop' });
  expect(report.skipped.filter(({ operation: name }) => !name.startsWith('styled'))).toEqual([]);
  return tasks;
};

let folder: string;
let before: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'http-tasks-round-trip-'));
  before = process.cwd();
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

/** The request that a call makes, and the one that its cURL command is read as. */
function bothWays(
  task: HttpTask,
  input: unknown,
  env: Record<string, string>,
  tasks: readonly HttpTask[],
): { code: string; task: string; request: unknown; read: unknown } {
  parseInput(task.name, task.input, input);
  const { parts } = showRequest(task, input, env);
  const { code, files: needed } = curlSnippet(parts);
  for (const { name, content } of needed) writeFileSync(join(folder, name), content);
  const read = callFromCurl(code, env, tasks);
  // What the reader gives is only a call when the task takes it.
  parseInput(read.task.name, read.task.input, read.input);
  expect(read.notes).toEqual([]);
  return { code, task: read.task.name, request: parts, read: showRequest(read.task, read.input, env).parts };
}

function check(calls: readonly [HttpTask, unknown][], env: Record<string, string>, tasks: readonly HttpTask[]): void {
  for (const [task, input] of calls) {
    const { code, task: name, request, read } = bothWays(task, input, env, tasks);
    expect({ code, name, request: read }).toEqual({ code, name: task.name, request });
  }
}

describe('a cURL command that is written for a call is read as the same request', () => {
  it('for every task of the catalogue', () => {
    const own: [HttpTask, unknown][] = [
      [plaid.userItemsRemove, { user_id: NASTY, item_ids: ['item_1'] }],
      [batch.customDataDelete, { id: NASTY, app: 'my-web' }],
      [batch.customDataBulkDelete, { ids: ['1', NASTY], app: 'ios' }],
      [
        http.request,
        {
          uri: 'https://desk.example/a?b=[1]&c={d}',
          method: 'PATCH',
          headers: { 'x-plain': 'shown', 'x-empty': '' },
          body: { a: "it's" },
        },
      ],
      [http.request, { uri: 'https://desk.example/a', method: 'POST', contentType: 'text/plain', body: NASTY }],
      // A URL has an apostrophe in its query percent-encoded, which a field of `query` need not have.
      [
        http.request,
        { uri: 'https://desk.example/a', query: { q: NASTY.replaceAll("'", ''), ids: [1, 2] }, accept: '*/*' },
      ],
    ];
    const completed = CATALOGUE.map((task): [HttpTask, unknown] => [
      task,
      completedInput(task, {
        ...(task.service.name === 'batch' && { app: 'ios' }),
        ...(task.generic && { uri: 'https://desk.example/' }),
      }).input,
    ]);
    check([...own, ...completed.filter(([task, input]) => task.input.safeParse(input).success)], ENV, CATALOGUE);
  });

  it('for parameters in every place and style', () => {
    const tasks = tasksIn(styledDocument);
    const calls = tasks.map((task): [HttpTask, unknown] => [
      task,
      { value: valueFor(styled[Number(/\d+/.exec(task.operation)?.[0])]!) },
    ]);
    expect(calls).toHaveLength(styled.length);
    check(calls, {}, tasks);
  });

  it('for bodies of every kind, files and ways to sign in', () => {
    const tasks = tasksIn(bodies);
    const calls = tasks.flatMap((task) =>
      (INPUTS[task.operation] ?? [{}]).map((input): [HttpTask, unknown] => [task, input]),
    );
    expect(calls.length).toBeGreaterThan(20);
    check(calls, {}, tasks);
  });
});

describe('brackets in a query or a form', () => {
  const tasks = tasksIn(bodies);
  const read = (command: string): unknown =>
    callFromCurl(`curl -g 'https://shop.example.com/v1${command}`, {}, tasks).input;

  it.each<[string, unknown]>([
    [
      `/subs' -d customer=c1 -d 'metadata[a]=1' -d 'items[0][price]=p1'`,
      { customer: 'c1', metadata: { a: '1' }, items: [{ price: 'p1' }] },
    ],
    [
      `/subs' -d 'expand[]=a' -d 'expand[]=b' -d 'items[][price]=p1' -d 'items[][quantity]=2' -d 'items[][price]=p2'`,
      { expand: ['a', 'b'], items: [{ price: 'p1', quantity: 2 }, { price: 'p2' }] },
    ],
    [
      `/subs' -d 'expand=a' -d 'items%5B1%5D%5Bprice%5D=p2' -d 'items%5B0%5D%5Bprice%5D=p1'`,
      { expand: ['a'], items: [{ price: 'p1' }, { price: 'p2' }] },
    ],
    [
      `/mixed/a.b?filter[price][gte]=3&ids[]=4&ids[]=5&role=x'`,
      { id: 'a', format: 'b', filter: { price: { gte: 3 } }, 'ids[]': [4, 5], options: { role: 'x' } },
    ],
  ])('%s are read as what the field holds', (command, input) => expect(read(command)).toEqual(input));

  it('are refused where they leave places of a list out', () => {
    expect(() => read(`/subs' -d 'items[1][price]=p1'`)).toThrow('places are not 0, 1, 2');
  });

  it('of no field stay a field that the task refuses', () => {
    expect(read(`/subs' -d 'plain[0]=a'`)).toEqual({ 'plain[0]': 'a' });
    expect(read(`/subs' -d '__proto__[a]=1'`)).toEqual(JSON.parse('{"__proto__[a]":"1"}'));
  });
});
