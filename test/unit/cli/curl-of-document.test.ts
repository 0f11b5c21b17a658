import { join } from 'node:path';
import { callFromCurl } from '@temporal-http-tasks/cli/internal/curl/curl-call';
import { Refusal } from '@temporal-http-tasks/cli/internal/program/errors';
import { readOpenApiDocument } from '@temporal-http-tasks/openapi/internal/document/read-document';
import { tasksFromOpenApi } from '@temporal-http-tasks/openapi/internal/tasks-from-openapi';
import { completedInput } from '@temporal-http-tasks/console/internal/reference/sample-input';
import { snippetsOf } from '@temporal-http-tasks/console/internal/reference/snippets/snippets';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';

function call(
  command: string,
  env: Record<string, string>,
  tasks: readonly HttpTask[],
): { task: string; input: unknown; leftOut: readonly string[] } {
  const { task, input, leftOut } = callFromCurl(command, env, tasks);
  return { task: task.name, input, leftOut };
}

function refusal(command: string, env: Record<string, string>, tasks: readonly HttpTask[]): string {
  try {
    call(command, env, tasks);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    expect(error).toMatchObject({ type: 'Usage', field: 'curl' });
    expect(error.message).not.toContain('canary');
    return error.message;
  }
  throw new Error('It was not refused.');
}

it('reads a value between quotes in a path as OData writes it', () => {
  const find = {
    operationId: 'find',
    parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
  };
  const { tasks } = tasksFromOpenApi(
    {
      openapi: '3.0.3',
      info: { title: 'People', version: '1' },
      servers: [{ url: 'https://sandbox.people.example' }],
      paths: { "/users('{id}')": { get: { ...find, responses: { 200: { description: 'OK' } } } } },
    },
    { service: 'people' },
  );
  for (const [written, id] of [
    ["o''brien", "o'brien"],
    ['o%27%27brien', "o'brien"],
    ['%27%27', "'"],
    ['anna', 'anna'],
  ])
    expect(call(`curl "https://sandbox.people.example/users('${written}')"`, {}, tasks)).toMatchObject({
      task: 'people.find',
      input: { id },
    });
});

describe('a cURL command to an API of an OpenAPI document', () => {
  const SHOP = 'https://sandbox.shop.example/v1';
  const env = { SHOP_BEARER: 'canary-bearer', SHOP_BASIC: 'anna:canary' };
  let shop: readonly HttpTask[];

  beforeAll(async () => {
    const { tasks } = tasksFromOpenApi(
      await readOpenApiDocument(join(__dirname, '..', '..', 'openapi', 'fixtures', 'shop.yml')),
      { service: 'shop' },
    );
    shop = [...CATALOGUE, ...tasks];
  });

  it.each<[string, string, unknown, string[]]>([
    [
      `curl '${SHOP}/orders/7/lines?states=open,paid&page_token=p' -H 'X-Request-ID: 6f1ff2f6-8a1b-4b3a-8d3c-0a2c9b7b8a11' -H 'Authorization: Bearer canary'`,
      'shop.linesList',
      {
        'order-id': 7,
        states: ['open', 'paid'],
        page_token: 'p',
        'X-Request-Id': '6f1ff2f6-8a1b-4b3a-8d3c-0a2c9b7b8a11',
      },
      ['authorization'],
    ],
    [
      `curl -X DELETE ${SHOP}/orders/7/lines --json '["AB-1"]'`,
      'shop.linesRemove',
      { 'order-id': 7, body: ['AB-1'] },
      [],
    ],
    [
      `curl ${SHOP}/login --data-urlencode 'scopes=a b' -d grant=code`,
      'shop.delete',
      { scopes: ['a', 'b'], grant: 'code' },
      [],
    ],
    [
      `curl ${SHOP}/files -F 'file=text;filename=a.txt;type=text/plain' -F title=T --form-string 'meta={"a":1}'`,
      'shop.fileUpload',
      { file: { base64: 'dGV4dA==', filename: 'a.txt', contentType: 'text/plain' }, title: 'T', meta: { a: 1 } },
      [],
    ],
  ])('%s is a call of its task', (command, task, input, leftOut) => {
    const read = call(command, env, shop);
    expect(read).toEqual({ task, input, leftOut });
    expect(shop.find(({ name }) => name === task)?.input.safeParse(input).error).toBeUndefined();
  });

  it('is read again from the snippets of its tasks', () => {
    const place = { taskQueue: 'http-tasks', address: 'localhost:7233', namespace: 'default' };
    // A file is not text, and the base64 of a user and a password is a command within the command.
    const readable = shop.filter(
      ({ service, operation }) => service.name === 'shop' && !['fileUpload', 'delete'].includes(operation),
    );
    expect(readable).toHaveLength(4);
    for (const task of readable) {
      // Nothing invented has its pattern.
      const { input } = completedInput(task, task.operation === 'linesRemove' ? { body: ['AB-1'] } : {});
      const { code = '' } =
        snippetsOf(task, input, env, place).snippets.find(({ language }) => language === 'curl') ?? {};
      expect({ code, ...call(code, env, shop) }).toMatchObject({ code, task: task.name, input });
    }
  });

  it('leaves another address to http.request, and refuses a body in another form', () => {
    expect(call(`curl ${SHOP}/orders/7/notes`, env, shop).task).toBe('http.request');
    expect(refusal(`curl ${SHOP.replace('sandbox', 'live')}/orders/7/lines`, env, shop)).toContain('SHOP_ENV=live');
    expect(refusal(`curl ${SHOP}/files -d title=canary`, env, shop)).toContain('parts of a form');
  });

  it('is a call of the task with the fewest placeholders', () => {
    const document = {
      openapi: '3.1.0',
      info: { title: 'Desk', version: '1' },
      servers: [{ url: 'https://desk.example' }],
      paths: {
        '/people/{id}': {
          get: {
            operationId: 'one',
            parameters: [{ in: 'path', name: 'id', required: true, schema: { type: 'string' } }],
            responses: {},
          },
        },
        '/people/me': { get: { operationId: 'me', responses: {} } },
        '/people/{id}.csv': {
          get: {
            operationId: 'csv',
            parameters: [{ in: 'path', name: 'id', required: true, schema: { type: 'string' } }],
            responses: {},
          },
        },
      },
    };
    const { tasks } = tasksFromOpenApi(document);
    const taskOf = (path: string): string => call(`curl https://desk.example/people/${path}`, {}, tasks).task;
    expect([taskOf('me'), taskOf('you'), taskOf('a%2Fb')]).toEqual(['desk.me', 'desk.one', 'desk.one']);
  });
});
