import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { readSourceSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { openSource } from 'temporal-http-tasks/internal/sources/open-source';
import { SourceError } from 'temporal-http-tasks/internal/sources/source';
import type { Source } from 'temporal-http-tasks/internal/sources/source';
import { CATALOGUE, Catalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import { httpService } from 'temporal-http-tasks/internal/tasks/http-service';
import { allOf, failureOf, rowsOf } from './reading';

type Responder = (url: URL, response: ServerResponse) => void;

let server: Server;
let origin: string;
let sender: TaskSender;
let respond: Responder;
let asked: string[];
let methods: string[];

const service = defineService({
  name: 'crm',
  title: 'A CRM',
  environments: { default: 'http://127.0.0.1' },
  defaultEnvironment: 'default',
  baseUrlSetting: 'CRM_BASE_URL',
  errors: { fields: { code: 'code' }, rules: [] },
});

const closedUsers = defineHttpTask({
  service,
  operation: 'closedUsers',
  summary: 'List closed users',
  method: 'GET',
  path: '/users',
  input: z.strictObject({ since: z.string().optional(), after: z.string().optional() }),
  output: z.looseObject({}),
  effect: 'read',
});

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    methods.push(request.method ?? '');
    response.setHeader('content-type', 'application/json');
    respond(new URL(request.url ?? '', 'http://x'), response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  sender = createTaskSender(
    readSenderSettings(
      { CRM_BASE_URL: origin, HTTP_TASKS_HTTP_ALLOW: origin, HTTP_TASKS_HTTP_READS: `POST ${origin}/*` },
      [service, httpService],
    ),
  );
});

afterAll(async () => {
  await sender.close();
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
  methods = [];
  asked = [];
});

function open(pages: object, more: object = {}): Promise<Source> {
  return openSource(
    { pages, ...more },
    { settings: readSourceSettings({}), catalogue: new Catalogue([...CATALOGUE, closedUsers]), sender },
  );
}

const SPEC = {
  task: 'crm.closedUsers',
  input: { since: 'x' },
  itemsPath: 'data.users',
  nextCursorPath: 'data.next',
  cursorField: 'after',
};

/** Pages of two users each. */
function pagesOf(users: readonly unknown[]): Responder {
  return (url, response) => {
    const from = Number(url.searchParams.get('after') ?? 0);
    const next = from + 2 < users.length ? String(from + 2) : null;
    response.end(JSON.stringify({ data: { users: users.slice(from, from + 2), next } }));
  };
}

describe('pages of an HTTP API', () => {
  it('are followed to the last one, in order, with the input on each', async () => {
    respond = pagesOf(['1', '2', '3', '4', '5'].map((id) => ({ batch_user_id: id })));
    const source = await open(SPEC);
    expect(await rowsOf(source)).toEqual(
      [1, 2, 3, 4, 5].map((line) => ({ line, user: { batchUserId: String(line) } })),
    );
    expect(asked).toEqual(['/users?since=x', '/users?since=x&after=2', '/users?since=x&after=4']);
    expect(source.describe()).toBe('the pages of crm.closedUsers');
  });

  it('may hold the ids anywhere, as texts or as whole numbers; an entry without a user is reported', async () => {
    respond = pagesOf([
      { user: { ids: { plaid: 'usr', batch: 7 } }, items: ['a', 'b'] },
      { user: { ids: { batch: 1.5 } } },
      { user: { ids: { batch: 2 ** 60 } } },
      null,
    ]);
    const source = await open({
      ...SPEC,
      fields: { plaid_user_id: 'user.ids.plaid', batch_user_id: 'user.ids.batch', item_ids: 'items' },
    });
    expect(await rowsOf(source)).toEqual([
      { line: 1, user: { plaidUserId: 'usr', batchUserId: '7', itemIds: ['a', 'b'] } },
      { line: 2, problem: 'user.ids.batch: must be a string, or a whole number below 2^53' },
      { line: 3, user: { batchUserId: '1152921504606847000' } },
      { line: 4, problem: 'has no user ID; give user.ids.plaid, plaid_user_token or user.ids.batch' },
    ]);
  });

  it('report which fields are used and ignored; one that resembles an ID refuses them unless it is named', async () => {
    respond = pagesOf([
      { user: {}, id: 'canary' },
      { user: { id: 'b_1' }, name: 'canary' },
      { user: { id: 'b_2' }, batch: 'canary' },
    ]);
    const spec = { ...SPEC, fields: { batch_user_id: 'user.id' } };
    const error = await failureOf(allOf(await open(spec)));
    expect(error.message).toContain('the column batch would be ignored although its name resembles that of an ID');
    expect(error.message).not.toContain('canary');
    const source = await open(spec, { ignoreColumns: ['batch'] });
    expect((await rowsOf(source)).map(({ user }) => user?.batchUserId)).toEqual([undefined, 'b_1', 'b_2']);
    expect(source.columns).toEqual({ used: ['user.id'], ignored: ['name', 'batch'] });
  });

  it('are refused for an ID next to one that is used, however deep, and for a field that no entry has', async () => {
    respond = pagesOf([{ attributes: { batch_user_id: 'b_1', plaid_user_id: 'canary' } }]);
    const spec = { ...SPEC, fields: { batch_user_id: 'attributes.batch_user_id' } };
    const error = await failureOf(allOf(await open(spec)));
    expect(error.message).toContain('the column attributes.plaid_user_id would be ignored');
    expect(error.message).not.toContain('canary');
    expect(await rowsOf(await open(spec, { ignoreColumns: ['attributes.plaid_user_id'] }))).toHaveLength(1);
    respond = pagesOf([{ attributes: { batch_user_id: 'b_1' }, attrs: { pid: 'canary' } }]);
    const misspelt = await failureOf(
      allOf(await open({ ...SPEC, fields: { ...spec.fields, plaid_user_id: 'attributes.pid' } })),
    );
    expect(misspelt.message).toContain('no row has the column name given for plaid_user_id');
  });

  it('take no placeholder for an ID unless it is allowed', async () => {
    respond = pagesOf([{ batch_user_id: 'undefined' }, { batch_user_id: 0 }]);
    expect((await rowsOf(await open(SPEC))).map(({ problem }) => problem)).toEqual(
      Array(2).fill('batch_user_id: is a placeholder and not an ID'),
    );
    expect((await rowsOf(await open(SPEC, { allowPlaceholders: ['0'] }))).map(({ user }) => user?.batchUserId)).toEqual(
      [undefined, '0'],
    );
  });

  it('are continued behind any row, from its page on, and not when that page has changed', async () => {
    const users = ['1', '2', '3', '4', '5'].map((id) => ({ batch_user_id: id }));
    respond = pagesOf(users);
    const source = await open(SPEC);
    const rows = await allOf(source);
    for (const [index, { position }] of rows.entries()) {
      expect(await allOf(source, { after: position })).toEqual(rows.slice(index + 1));
    }
    asked = [];
    await allOf(source, { after: rows[2]?.position });
    expect(asked).toEqual(['/users?since=x&after=2', '/users?since=x&after=4']);
    respond = pagesOf([...users.slice(0, 2), { batch_user_id: 'canary' }, ...users.slice(3)]);
    const changed = await failureOf(allOf(source, { after: rows[3]?.position }));
    expect(changed).toBeInstanceOf(SourceError);
    expect(changed.message).toContain('has other entries than before');
    respond = pagesOf(users.slice(0, 3));
    expect((await failureOf(allOf(source, { after: rows[3]?.position }))).message).toContain(
      'has other entries than before',
    );
    expect((await failureOf(allOf(source, { after: '7-00' }))).message).toContain('position');
  });

  it.each<[string, Responder, string, string]>([
    [
      'has no list',
      (_, response) => response.end('{"data":{"next":null}}'),
      'pages.itemsPath',
      'a page has no list there',
    ],
    [
      'has something else for a list',
      (_, response) => response.end('{"data":{"users":{},"next":null}}'),
      'pages.itemsPath',
      'a page has no list there',
    ],
    [
      'says nothing of a next one',
      (_, response) => response.end('{"data":{"users":[]}}'),
      'pages.nextCursorPath',
      'it is unknown whether it is the last one',
    ],
    [
      'has a cursor that is none',
      (_, response) => response.end('{"data":{"users":[],"next":{"a":1}}}'),
      'pages.nextCursorPath',
      'neither a string nor a number',
    ],
    [
      'gives the same cursor for ever',
      (_, response) => response.end('{"data":{"users":[],"next":"a"}}'),
      'pages',
      'would never end',
    ],
    [
      'has a status that promises none',
      (_, response) => response.writeHead(202).end('{"data":{"users":[],"next":null}}'),
      'pages',
      'responded with status 202 instead of 200',
    ],
  ])('are refused when one %s', async (_, given, field, why) => {
    respond = given;
    const error = await failureOf(allOf(await open(SPEC)));
    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).field).toBe(field);
    expect(error.message).toContain(why);
  });

  it.each<[string, Responder, string]>([
    ['500', (_, response) => response.writeHead(500).end('{}'), 'Task.Unavailable'],
    ['404', (_, response) => response.writeHead(404).end('{"data":{"users":[],"next":null}}'), 'Task.Rejected'],
    [
      'a body that breaks off',
      (_, response) =>
        response.writeHead(200, { 'content-length': 500 }).write('{"data":{"users":[', () => response.destroy()),
      'Task.Unavailable',
    ],
    ['no JSON', (_, response) => response.end('<html>'), 'Task.UnexpectedResponse'],
    [
      'a part of a page',
      (_, response) => response.writeHead(206).end('{"data":{"users":[],"next":null}}'),
      'Task.UnexpectedResponse',
    ],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/' }).end(), 'Task.UnexpectedResponse'],
  ])("fail with the task's own failure at %s, behind the rows before it", async (_, given, type) => {
    const first = pagesOf(['1', '2', '3'].map((id) => ({ batch_user_id: id })));
    respond = (url, response) => (url.searchParams.has('after') ? given : first)(url, response);
    const lines: number[] = [];
    const reading = (async () => {
      for await (const { line } of (await open(SPEC)).rows()) lines.push(line);
    })();
    const error = await failureOf(reading);
    expect(error).toBeInstanceOf(ApplicationFailure);
    expect((error as ApplicationFailure).type).toBe(type);
    expect(lines).toEqual([1, 2]);
  });

  it('pass on for how long the API asks to wait', async () => {
    respond = (_, response) => response.writeHead(429, { 'retry-after': '7' }).end('{}');
    const error = await failureOf(allOf(await open(SPEC)));
    expect(error).toMatchObject({ type: 'Task.RateLimited', nextRetryDelay: 7_000, nonRetryable: false });
  });

  it('end where the API leaves its cursor out, if it is said to do so; more pages than allowed are refused', async () => {
    respond = (url, response) =>
      response.end(
        JSON.stringify(
          url.searchParams.has('after') ? [{ batch_user_id: '2' }] : { users: [{ batch_user_id: '1' }], next: 'a' },
        ),
      );
    const error = await failureOf(
      allOf(await open({ ...SPEC, itemsPath: 'users', nextCursorPath: 'next', maxPages: 1 })),
    );
    expect(error.message).toContain('more than 1 pages');
    respond = (_, response) => response.end('{"users":[{"batch_user_id":"1"}]}');
    expect(
      await rowsOf(await open({ ...SPEC, itemsPath: 'users', nextCursorPath: 'next', endsWithoutCursor: true })),
    ).toHaveLength(1);
    expect(await rowsOf(await open({ task: 'crm.closedUsers', itemsPath: 'users' }))).toHaveLength(1);
  });

  it('may be read by http.request, with a parameter or a link of the same origin', async () => {
    respond = (url, response) => {
      const page = Number(url.searchParams.get('page') ?? 1);
      response.end(
        JSON.stringify({
          users: [{ batch_user_id: String(page) }],
          page: page < 3 ? page + 1 : null,
          link: page < 3 ? `/l?page=${page + 1}` : '',
        }),
      );
    };
    const spec = { task: 'http.request', input: { uri: `${origin}/u?q=1` }, itemsPath: 'response.body.users' };
    const byParameter = await open({ ...spec, nextCursorPath: 'response.body.page', cursorField: 'uri?page' });
    expect((await rowsOf(byParameter)).map(({ user }) => user?.batchUserId)).toEqual(['1', '2', '3']);
    expect(asked).toEqual(['/u?q=1', '/u?q=1&page=2', '/u?q=1&page=3']);
    asked = [];
    const byLink = await open({ ...spec, nextCursorPath: 'response.body.link', cursorField: 'uri' });
    expect((await rowsOf(byLink)).map(({ user }) => user?.batchUserId)).toEqual(['1', '2', '3']);
    expect(asked).toEqual(['/u?q=1', '/l?page=2', '/l?page=3']);
    respond = (_, response) => response.end('{"users":[],"link":"http://elsewhere.example/x"}');
    expect((await failureOf(allOf(byLink))).message).toContain('another origin');
  });

  it.each<[string, object]>([
    ['DELETE that claims to read', { method: 'DELETE', effect: 'read' }],
    ['POST that the operator lists as a read', { method: 'POST', effect: 'read' }],
    ['GET that claims to be irreversible', { method: 'GET', effect: 'irreversible' }],
    ['GET with a header for another method', { headers: { 'X-HTTP-Method-Override': 'DELETE' } }],
    [
      'GET with a header for another method, claiming to read',
      { headers: { 'x-http-method': 'POST' }, effect: 'read' },
    ],
    ['GET with another method in its query', { query: { _method: 'delete' } }],
  ])('are never asked for by http.request with %s', async (_what, more) => {
    respond = (_, response) => response.end('{"users":[]}');
    const error = await failureOf(
      open({ task: 'http.request', input: { uri: `${origin}/u`, ...more }, itemsPath: 'response.body.users' }),
    );
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toContain('does not only read');
    expect(asked).toEqual([]);
  });

  it.each([
    ['method', 'DELETE'],
    ['headers.x-http-method-override', 'DELETE'],
    ['query._method', 'DELETE'],
    ['uri?_method', 'DELETE'],
    ['uri', '/u?_method=DELETE'],
  ])('do not let the API choose the method by a cursor that goes into %s', async (cursorField, next) => {
    respond = (_, response) => response.end(JSON.stringify({ users: [{ batch_user_id: '1' }], next }));
    const spec = {
      task: 'http.request',
      input: { uri: `${origin}/u` },
      itemsPath: 'response.body.users',
      nextCursorPath: 'response.body.next',
      cursorField,
    };
    const error = await failureOf(allOf(await open(spec)));
    expect(error.message).toContain('does not only read');
    expect(methods).toEqual(['GET']);
  });

  it('are read by http.request whatever its input keeps of bodies in histories', async () => {
    respond = (_, response) => response.end('{"users":[{"batch_user_id":"1"}]}');
    const source = await open({
      task: 'http.request',
      input: { uri: `${origin}/u`, keepBody: false },
      itemsPath: 'response.body.users',
    });
    expect(await rowsOf(source)).toHaveLength(1);
  });

  it('are left alone when the reader stops: no further page is asked for', async () => {
    respond = pagesOf(['1', '2', '3', '4', '5'].map((id) => ({ batch_user_id: id })));
    for await (const { line } of (await open(SPEC)).rows()) if (line === 2) break;
    expect(asked).toHaveLength(1);
  });

  it('are given up immediately when a signal says so while a page is awaited', async () => {
    const stop = new AbortController();
    respond = () => stop.abort(new Error('enough'));
    await expect(allOf(await open(SPEC), { signal: stop.signal })).rejects.toThrow();
    server.closeAllConnections();
  });
});
