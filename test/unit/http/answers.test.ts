import { z } from 'zod';
import type { ServerResponse } from 'node:http';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { batch, http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { Effect, HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { TaskFailureType } from 'temporal-http-tasks/internal/tasks/failure';
import { plaidService } from 'temporal-http-tasks/internal/providers/plaid/service';
import { failureOf } from './failure-of';
import { json, Provider, settingsFor } from './provider';

const READ = { task: plaid.userItemsGet, input: { user_id: 'usr_1' } };
const REPEAT_SAFE = { task: plaid.userProductsTerminate, input: { user_id: 'usr_1', reason_code: 'USER_OFFBOARDING' } };
const IRREVERSIBLE = { task: plaid.userItemsRemove, input: { user_id: 'usr_1', item_ids: ['i'] } };
const BATCH = { task: batch.customDataDelete, input: { id: 'u', app: 'ios' } };
const GENERIC_POST = { method: 'POST' };

let provider: Provider;
let sender: TaskSender;
let respond: (response: ServerResponse) => void;

beforeAll(async () => {
  provider = await Provider.start((response) => respond(response));
  sender = createTaskSender(settingsFor(provider.origin));
});

afterAll(async () => {
  await sender.close();
  await provider.close();
});

function sendTo(call: { task: HttpTask; input: unknown }, given: (response: ServerResponse) => void) {
  respond = given;
  return sender.send(call.task, call.input);
}

function plaidError(status: number, type: string, code: string, headers: Record<string, string> = {}) {
  const body = {
    error_type: type,
    error_code: code,
    error_message: 'prose with usr_1',
    display_message: null,
    request_id: 'req-1',
  };
  return (response: ServerResponse) => json(response, status, body, headers);
}

const batchError = (status: number, code: unknown) => (response: ServerResponse) =>
  json(response, status, { code, message: 'prose' });

it('the code and request ID of an error are found at dotted paths, and in the first entry of a list', async () => {
  const errors = { fields: { code: 'errors.code', requestId: 'meta.request' }, rules: [] };
  const task = { ...READ.task, service: { ...plaidService, errors } };
  const failure = await failureOf(
    sendTo({ task, input: READ.input }, (response) =>
      json(response, 404, { errors: [{ code: 'no_member' }, { code: 'other' }], meta: { request: 'req-2' } }),
    ),
  );
  expect(failure).toMatchObject({ code: 'no_member', requestId: 'req-2' });
});

describe('A response as the task describes it', () => {
  it('may lack optional fields named as members of every object', async () => {
    const task = { ...READ.task, output: z.strictObject({ constructor: z.string().optional() }) };
    const { output } = await sendTo({ ...READ, task }, (response) => json(response, 200, {}));
    expect(JSON.stringify(output)).toBe('{}');
  });
  it('comes back with what Plaid adds to it, its request id and its environment', async () => {
    const items = [{ item_id: 'i1', added_later: { deep: [1] } }];
    const got = await sendTo(READ, (response) => json(response, 200, { items, request_id: 'req-9', also_new: 'x' }));
    expect(got).toEqual({
      output: { items, request_id: 'req-9', also_new: 'x' },
      status: 200,
      requestId: 'req-9',
      environment: 'sandbox',
    });
  });

  it('comes back with the token that Batch confirms with, and the key slot', async () => {
    const got = await sendTo(BATCH, (response) => json(response, 200, { token: 'tok-1' }));
    expect(got).toEqual({
      output: { token: 'tok-1' },
      status: 200,
      token: 'tok-1',
      keySlot: 'ios',
      environment: 'default',
    });
  });

  it.each(['application/json; charset=utf-8', 'application/problem+json', 'Application/JSON'])(
    'may be labelled %s',
    async (type) => {
      const got = await sendTo(BATCH, (response) =>
        response.writeHead(200, { 'content-type': type }).end('{"token":"t"}'),
      );
      expect(got.output).toEqual({ token: 't' });
    },
  );

  it('may have no content type, if it is JSON', async () => {
    const got = await sendTo(BATCH, (response) => response.writeHead(200).end('{"token":"t"}'));
    expect(got.output).toEqual({ token: 't' });
  });

  it('may come in many pieces', async () => {
    const got = await sendTo(BATCH, (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      for (const letter of '{"token":"ü-1"}') response.write(letter);
      response.end();
    });
    expect(got.output).toEqual({ token: 'ü-1' });
  });

  it('may come after an early hint', async () => {
    const got = await sendTo(BATCH, (response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' });
      json(response, 200, { token: 't' });
    });
    expect(got.output).toEqual({ token: 't' });
  });

  it('may be empty, which reads as null, where the task says so', async () => {
    const task = defineHttpTask({
      service: plaidService,
      operation: 'noContent',
      summary: 'Answers nothing',
      method: 'DELETE',
      path: '/things',
      input: z.strictObject({}),
      output: z.null(),
      effect: 'read',
    });
    const got = await sendTo({ task, input: {} }, (response) => response.writeHead(204).end());
    expect(got).toMatchObject({ output: null, status: 204 });
  });

  it('of http.request holds status, headers and body, but no cookie', async () => {
    const call = { task: http.request, input: { uri: `${provider.origin}/x`, ...GENERIC_POST, body: { a: 1 } } };
    const got = await sendTo(call, (response) =>
      json(response, 201, { id: 7 }, { 'set-cookie': 'session=1', 'x-kept': 'y' }),
    );
    const { response } = got.output as { response: { headers: Record<string, string> } };
    expect(response).toMatchObject({ statusCode: 201, reasonPhrase: 'Created', body: { id: 7 } });
    expect(response.headers['x-kept']).toBe('y');
    expect(response.headers['set-cookie']).toBeUndefined();
    expect(provider.last).toMatchObject({ method: 'POST', url: '/x', body: '{"a":1}' });
  });

  it('to HEAD may announce a body larger than any response may be, since the body is not sent', async () => {
    const call = { task: http.request, input: { uri: `${provider.origin}/large`, method: 'HEAD' } };
    const good = await sendTo(call, (response) => response.writeHead(200, { 'content-length': '10000000000' }).end());
    expect(good.output).toMatchObject({
      response: { statusCode: 200, headers: { 'content-length': '10000000000' }, body: null },
    });
  });

  it.each([
    ['letters', 'x', true],
    ['control characters, which JSON writes six times as long', '\u0001', false],
  ])('of http.request may be 500,000 %s, as far as Temporal takes it as a result', async (_what, character, isGood) => {
    const call = { task: http.request, input: { uri: `${provider.origin}/x` } };
    const sent = sendTo(call, (response) =>
      response.writeHead(200, { 'content-type': 'text/plain' }).end(character.repeat(500_000)),
    );
    if (isGood) expect(JSON.stringify((await sent).output)).toContain(character.repeat(500_000));
    else expect(await failureOf(sent)).toMatchObject({ type: 'Task.UnexpectedResponse' });
  });

  it('of http.request may be plain text', async () => {
    const call = { task: http.request, input: { uri: `${provider.origin}/x` } };
    const got = await sendTo(call, (response) =>
      response.writeHead(200, { 'content-type': 'text/plain' }).end('hello'),
    );
    expect(got.output).toMatchObject({ response: { body: 'hello' } });
  });
});

describe('An error of Plaid', () => {
  it.each<[number, string, string, TaskFailureType, boolean]>([
    [400, 'INVALID_INPUT', 'INVALID_API_KEYS', 'Task.Unauthorized', false],
    [400, 'INVALID_INPUT', 'UNAUTHORIZED_ENVIRONMENT', 'Task.Unauthorized', false],
    [400, 'INVALID_INPUT', 'INVALID_ACCESS_TOKEN', 'Task.Rejected', false],
    [400, 'INVALID_REQUEST', 'MISSING_FIELDS', 'Task.Rejected', false],
    [400, 'INVALID_REQUEST', 'INVALID_BODY', 'Task.Rejected', false],
    [400, 'USER_ERROR', 'USER_NOT_FOUND', 'Task.Rejected', false],
    [400, 'ITEM_ERROR', 'ITEM_NOT_FOUND', 'Task.Rejected', false],
    [400, 'A_TYPE_OF_TOMORROW', 'A_CODE_OF_TOMORROW', 'Task.Rejected', false],
    [429, 'RATE_LIMIT_EXCEEDED', 'USER_REMOVE_LIMIT', 'Task.RateLimited', true],
    [400, 'RATE_LIMIT_EXCEEDED', 'A_LIMIT_OF_TOMORROW', 'Task.RateLimited', true],
    [503, 'API_ERROR', 'PLANNED_MAINTENANCE', 'Task.Unavailable', true],
    [500, 'API_ERROR', 'INTERNAL_SERVER_ERROR', 'Task.OutcomeUnknown', false],
    [500, 'API_ERROR', 'A_CODE_OF_TOMORROW', 'Task.OutcomeUnknown', false],
  ])('%i %s %s fails an irreversible call with %4$s', async (status, type, code, failureType, retryable) => {
    const failure = await failureOf(sendTo(IRREVERSIBLE, plaidError(status, type, code)));
    expect(failure).toMatchObject({
      type: failureType,
      service: 'plaid',
      task: 'plaid.userItemsRemove',
      status,
      code,
      requestId: 'req-1',
      retryable,
    });
    expect(failure.message).toContain('Plaid');
    expect(failure.message).toContain('req-1');
    expect(failure.message).not.toMatch(/prose|usr_1|http:\/\//);
  });

  it.each([READ, REPEAT_SAFE])('500 lets $task.name be tried again', async (call) => {
    const failure = await failureOf(sendTo(call, plaidError(500, 'API_ERROR', 'INTERNAL_SERVER_ERROR')));
    expect(failure).toMatchObject({ type: 'Task.Unavailable', retryable: true });
  });

  it('says which settings to check also when a bare 401 refuses the keys', async () => {
    const failure = await failureOf(sendTo(READ, (response) => response.writeHead(401).end()));
    expect(failure.message).toContain('Check PLAID_CLIENT_ID, PLAID_SECRET.');
  });

  it('says which settings to check when it refuses the keys', async () => {
    const failure = await failureOf(sendTo(READ, plaidError(400, 'INVALID_INPUT', 'INVALID_API_KEYS')));
    expect(failure.message).toMatch(/PLAID_CLIENT_ID.*PLAID_SECRET.*PLAID_ENV/);
  });
});

describe('An error of Batch', () => {
  it.each<[number, number, TaskFailureType, boolean]>([
    [500, 1, 'Task.Unavailable', true],
    [503, 2, 'Task.Unavailable', true],
    [401, 10, 'Task.Unauthorized', false],
    [403, 12, 'Task.Rejected', false],
    [404, 20, 'Task.Rejected', false],
    [400, 30, 'Task.Rejected', false],
    [400, 31, 'Task.Rejected', false],
    [400, 32, 'Task.Rejected', false],
    [400, 99, 'Task.Rejected', false],
  ])('%i with code %i fails with %s', async (status, code, type, retryable) => {
    const failure = await failureOf(sendTo(BATCH, batchError(status, code)));
    expect(failure).toMatchObject({ type, status, code: String(code), retryable, service: 'batch' });
  });

  it.each<[Effect, number, number, TaskFailureType]>([
    ['irreversible', 500, 1, 'Task.OutcomeUnknown'],
    ['irreversible', 503, 2, 'Task.Unavailable'],
    ['read', 500, 1, 'Task.Unavailable'],
  ])('of a call that counts as %s, %i with code %i fails with %s', async (effect, status, code, type) => {
    const call = { task: { ...BATCH.task, effect } as HttpTask, input: BATCH.input };
    expect(await failureOf(sendTo(call, batchError(status, code)))).toMatchObject({ type });
  });

  it('names the key slot that was refused', async () => {
    const failure = await failureOf(sendTo(BATCH, batchError(401, 10)));
    expect(failure.message).toContain('batch.ios');
    expect(failure.message).toContain('BATCH_API_KEYS');
  });

  it('does not take an unknown route for an absent user', async () => {
    const failure = await failureOf(sendTo(BATCH, batchError(404, 20)));
    expect(failure.message).toContain('BATCH_BASE_URL');
  });

  it.each([
    ['prose as code', 'user u is unknown'],
    ['an object', { a: 1 }],
    ['a URL', 'https://x/u'],
    ['nothing', undefined],
  ])('with %s in its code leaves the code out', async (_what, code) => {
    const failure = await failureOf(sendTo(BATCH, batchError(400, code)));
    expect(failure).toMatchObject({ type: 'Task.Rejected', status: 400 });
    expect(failure.code).toBeUndefined();
  });
});

describe('An error without a code of the provider, as proxies send it', () => {
  const page = (status: number) => (response: ServerResponse) =>
    response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>usr_1</h1>');

  it.each<[number, TaskFailureType, TaskFailureType, TaskFailureType]>([
    [401, 'Task.Unauthorized', 'Task.Unauthorized', 'Task.Unauthorized'],
    [403, 'Task.Rejected', 'Task.Rejected', 'Task.Rejected'],
    [404, 'Task.Rejected', 'Task.Rejected', 'Task.Rejected'],
    [408, 'Task.Unavailable', 'Task.Unavailable', 'Task.OutcomeUnknown'],
    [409, 'Task.Rejected', 'Task.Rejected', 'Task.Rejected'],
    [429, 'Task.RateLimited', 'Task.RateLimited', 'Task.RateLimited'],
    [500, 'Task.Unavailable', 'Task.Unavailable', 'Task.OutcomeUnknown'],
    [502, 'Task.Unavailable', 'Task.Unavailable', 'Task.OutcomeUnknown'],
    [503, 'Task.Unavailable', 'Task.Unavailable', 'Task.OutcomeUnknown'],
    [504, 'Task.Unavailable', 'Task.Unavailable', 'Task.OutcomeUnknown'],
  ])(
    '%i fails a read with %s, a repeat-safe call with %s, an irreversible one with %s',
    async (status, read, repeatSafe, irreversible) => {
      expect((await failureOf(sendTo(READ, page(status)))).type).toBe(read);
      expect((await failureOf(sendTo(REPEAT_SAFE, page(status)))).type).toBe(repeatSafe);
      expect((await failureOf(sendTo(IRREVERSIBLE, page(status)))).type).toBe(irreversible);
    },
  );
});

describe('A delay that the provider asks for', () => {
  const in30Seconds = () => new Date(Date.now() + 30_500).toUTCString();

  it.each<[string, () => string | undefined, [number, number] | undefined]>([
    ['in seconds', () => '7', [7_000, 7_000]],
    ['as a date', in30Seconds, [25_000, 31_000]],
    ['as a date in the past', () => 'Tue, 20 Oct 2020 07:28:00 GMT', [1_000, 1_000]],
    ['absurdly large', () => '31536000', [600_000, 600_000]],
    ['malformed', () => 'later', undefined],
    ['not at all', () => undefined, undefined],
  ])('%s becomes the delay of the next attempt', async (_how, header, range) => {
    const value = header();
    const respond = plaidError(429, 'RATE_LIMIT_EXCEEDED', 'X', value === undefined ? {} : { 'retry-after': value });
    const failure = await failureOf(sendTo(IRREVERSIBLE, respond));
    expect(failure.type).toBe('Task.RateLimited');
    if (!range) expect(failure.delayMs).toBeUndefined();
    else {
      expect(failure.delayMs).toBeGreaterThanOrEqual(range[0]);
      expect(failure.delayMs).toBeLessThanOrEqual(range[1]);
    }
  });

  it('is honoured for maintenance too', async () => {
    const failure = await failureOf(
      sendTo(READ, plaidError(503, 'API_ERROR', 'PLANNED_MAINTENANCE', { 'retry-after': '60' })),
    );
    expect(failure).toMatchObject({ type: 'Task.Unavailable', delayMs: 60_000 });
  });

  it('does not make a final failure wait', async () => {
    const failure = await failureOf(
      sendTo(READ, plaidError(400, 'USER_ERROR', 'USER_NOT_FOUND', { 'retry-after': '60' })),
    );
    expect(failure.delayMs).toBeUndefined();
  });
});

describe('A successful response of the wrong kind', () => {
  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    [
      'a wrong shape, with the field at fault',
      (r) => json(r, 200, { items: [{ item_id: 1 }], request_id: 'req-2' }),
      /items\.0\.item_id/,
    ],
    ['a missing field', (r) => json(r, 200, { items: [] }), /request_id/],
    ['an array', (r) => json(r, 200, []), /output schema/],
    ['HTML', (r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>'), /not JSON/],
    ['JSON labelled as text', (r) => r.writeHead(200, { 'content-type': 'text/plain' }).end('{}'), /not JSON/],
    [
      'malformed JSON',
      (r) => r.writeHead(200, { 'content-type': 'application/json', 'content-length': 12 }).end('{"items": [1'),
      /well-formed/,
    ],
    ['nothing', (r) => r.writeHead(200, { 'content-type': 'application/json' }).end(), /output schema/],
    [
      'compressed bytes',
      (r) => r.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('x'),
      /compressed/,
    ],
    ['5 MB', (r) => json(r, 200, { items: [], request_id: 'x'.repeat(5_000_000) }), /larger/],
    [
      '5 MB of unknown length',
      (r) => void r.writeHead(200, { 'content-type': 'application/json' }).write('x'.repeat(5_000_000)),
      /larger/,
    ],
    [
      'JSON too deep for any serializer',
      (r) => r.writeHead(200, { 'content-type': 'application/json' }).end('['.repeat(5_000) + ']'.repeat(5_000)),
      /nested/,
    ],
  ])('%s is final for a read and an irreversible call alike', async (_what, respond, message) => {
    for (const effect of ['read', 'irreversible'] as const) {
      const failure = await failureOf(sendTo({ task: { ...READ.task, effect }, input: READ.input }, respond));
      expect(failure).toMatchObject({ type: 'Task.UnexpectedResponse', status: 200, retryable: false });
      expect(failure.message).toMatch(message);
    }
  });

  it('a redirect is refused, and the other server sees no request', async () => {
    const other = await Provider.start((response) => json(response, 200, { request_id: 'stolen' }));
    for (const status of [301, 302, 303, 307, 308]) {
      const failure = await failureOf(
        sendTo(IRREVERSIBLE, (r) => r.writeHead(status, { location: `${other.origin}/user/items/remove` }).end()),
      );
      expect(failure).toMatchObject({ type: 'Task.UnexpectedResponse', status, retryable: false });
      expect(failure.message).not.toContain(other.origin);
    }
    expect(other.received).toHaveLength(0);
    await other.close();
  });

  it('an error with a body that is too large is judged by its status', async () => {
    const failure = await failureOf(
      sendTo(READ, (r) => json(r, 400, { error_code: 'X', error_message: 'x'.repeat(600_000) })),
    );
    expect(failure).toMatchObject({ type: 'Task.Rejected', status: 400 });
  });

  it('the sender still works after all of this', async () => {
    expect((await sendTo(BATCH, (r) => json(r, 200, { token: 't' }))).status).toBe(200);
  });
});
