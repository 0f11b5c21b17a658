import type { LookupFunction } from 'node:net';
import type { ServerResponse } from 'node:http';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { http } from 'temporal-http-tasks/internal/providers/catalogue';
import { failureOf } from './failure-of';
import { json, Provider, settingsFor } from './provider';
import type { Received } from './provider';

let provider: Provider;
let sender: TaskSender;
let desk: string;
let looked: string[];
let address: string | undefined;

/** Resolves every name to `address`; without one it never calls back. */
const lookup: LookupFunction = (name, options, callback) => {
  looked.push(name);
  if (address === undefined) return;
  if (options.all === true) callback(null, [{ address, family: 4 }]);
  else callback(null, address, 4);
};

beforeAll(async () => {
  provider = await Provider.start(respond);
  const { port } = new URL(provider.origin);
  desk = `http://desk.example:${port}`;
  const settings = settingsFor(provider.origin, {
    HTTP_TASKS_HTTP_ALLOW: `${provider.origin},${desk}`,
    HTTP_TASKS_HTTP_ALLOW_PRIVATE: `http://inner.example:${port}`,
  });
  sender = createTaskSender(settings, { lookup });
});

beforeEach(() => {
  looked = [];
  address = '127.0.0.1';
  provider.received.length = 0;
});

afterAll(async () => {
  await sender.close();
  await provider.close();
});

function respond(response: ServerResponse, { url, method }: Received): void {
  if (url === '/silent') return;
  if (url === '/moved') return void response.writeHead(302, { location: '/elsewhere' }).end();
  const status = Number(/\d{3}/.exec(url)?.[0] ?? 200);
  json(response, status, { method });
}

const send = (path: string, more: object = {}) =>
  sender.send(http.request, { uri: `${provider.origin}${path}`, ...more });

describe('http.request', () => {
  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'])('sends %s', async (method) => {
    const { output } = await send('/any', { method });
    expect(provider.last.method).toBe(method);
    expect(output.response).toMatchObject({
      statusCode: 200,
      reasonPhrase: 'OK',
      headers: { 'content-type': 'application/json' },
      body: method === 'HEAD' ? null : { method },
    });
  });

  it.each([404, 409, 429, 500])('returns an expected %d as a response', async (status) => {
    const { output } = await send(`/${status}`, { method: 'DELETE', expectedStatuses: [204, status] });
    expect(output.response).toMatchObject({ statusCode: status, body: { method: 'DELETE' } });
  });

  it('returns an expected redirect and does not follow it', async () => {
    const { output } = await send('/moved', { expectedStatuses: [302] });
    expect(output.response).toMatchObject({ statusCode: 302, headers: { location: '/elsewhere' } });
    expect(provider.received).toHaveLength(1);
    expect(await failureOf(send('/moved'))).toMatchObject({ type: 'Task.UnexpectedResponse', status: 302 });
    expect(provider.received).toHaveLength(2);
  });

  it('fails on a status that is not expected, a good one too', async () => {
    expect(await failureOf(send('/200', { expectedStatuses: [201] }))).toMatchObject({
      type: 'Task.UnexpectedResponse',
      status: 200,
      retryable: false,
    });
    expect(await failureOf(send('/404', { expectedStatuses: [200] }))).toMatchObject({
      type: 'Task.Rejected',
      status: 404,
    });
  });

  it('waits for a response as long as readTimeoutMs says', async () => {
    const failure = await failureOf(send('/silent', { readTimeoutMs: 100 }));
    expect(failure).toMatchObject({
      type: 'Task.Unavailable',
      message: expect.stringContaining('the response did not begin in time'),
    });
    const written = await failureOf(send('/silent', { readTimeoutMs: 100, method: 'POST' }));
    expect(written).toMatchObject({ type: 'Task.OutcomeUnknown', retryable: false });
  });

  it('waits for a connection as long as connectTimeoutMs says', async () => {
    address = undefined;
    const failure = await failureOf(sender.send(http.request, { uri: `${desk}/`, connectTimeoutMs: 1_000 }));
    expect(failure).toMatchObject({
      type: 'Task.Unavailable',
      message: expect.stringContaining('the connection timed out'),
    });
  });
});

describe('an allowed name', () => {
  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    'fe80::1',
  ])('that leads to %s is refused for good, and nothing is sent', async (inner) => {
    address = inner;
    const failure = await failureOf(sender.send(http.request, { uri: `${desk}/`, method: 'POST' }));
    expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'uri', retryable: false });
    expect(failure.message).toContain('HTTP_TASKS_HTTP_ALLOW_PRIVATE');
    expect(failure.message).not.toContain(inner);
    expect({ looked, sent: provider.received.length }).toEqual({ looked: ['desk.example'], sent: 0 });
  });

  it('of a private network is reached once the operator says so', async () => {
    const inner = createTaskSender(
      settingsFor(provider.origin, { HTTP_TASKS_HTTP_ALLOW_PRIVATE: `http://localhost:${new URL(desk).port}` }),
    );
    const { status } = await inner.send(http.request, { uri: `http://localhost:${new URL(desk).port}/` });
    await inner.close();
    expect({ status, sent: provider.received.length }).toEqual({ status: 200, sent: 1 });
  });

  it('is not looked up where the list holds the address itself', async () => {
    await send('/');
    expect(looked).toEqual([]);
  });
});
