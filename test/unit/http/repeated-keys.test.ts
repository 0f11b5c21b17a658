import fc from 'fast-check';
import type { ServerResponse } from 'node:http';
import { parseBothWays } from 'temporal-http-tasks/internal/http/exact-json';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { http, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { failureOf } from './failure-of';
import { Provider, settingsFor } from './provider';

const READ = { task: plaid.userItemsGet, input: { user_id: 'usr_1' } };
const REPEAT_SAFE = { task: plaid.userProductsTerminate, input: { user_id: 'usr_1', reason_code: 'USER_OFFBOARDING' } };
const IRREVERSIBLE = { task: plaid.userItemsRemove, input: { user_id: 'usr_1', item_ids: ['i'] } };
const CALLS = [READ, REPEAT_SAFE, IRREVERSIBLE];

let provider: Provider;
let sender: TaskSender;
let given: { status: number; body: string };

beforeAll(async () => {
  const respond = (response: ServerResponse): void =>
    void response.writeHead(given.status, { 'content-type': 'application/json' }).end(given.body);
  provider = await Provider.start(respond);
  sender = createTaskSender(settingsFor(provider.origin));
});

afterAll(async () => {
  await sender.close();
  await provider.close();
});

function send({ task, input }: (typeof CALLS)[number], status: number, body: string): ReturnType<TaskSender['send']> {
  given = { status, body };
  return sender.send(task, input);
}

describe('A response with a key twice in one object', () => {
  it.each<[string, string]>([
    ['a list and an empty list', '{"items":[{"item_id":"i"}],"request_id":"r","items":[]}'],
    ['two values behind spaces', '{"request_id":"r","items":[],"items"\n\t :\r\n[{"item_id":"i"}]}'],
    ['a key with an escape', '{"request_id":"r","items":[],"\\u0069tems":[{"item_id":"i"}]}'],
    ['deep inside', '{"request_id":"r","items":[{"item_id":"i","a":[{"b":1,"b":2}]}]}'],
    ['digits that JavaScript rounds', '{"request_id":"r","items":[],"n":9007199254740993,"n":9007199254740992}'],
    ['a key named like a property of all objects', '{"request_id":"r","items":[],"__proto__":1,"__proto__":2}'],
  ])('is not used, whatever the call does: %s', async (_name, body) => {
    for (const call of CALLS)
      expect(await failureOf(send(call, 200, body))).toMatchObject({ type: 'Task.UnexpectedResponse', status: 200 });
  });

  it('says what is wrong', async () => {
    const failure = await failureOf(send(READ, 200, '{"items":[],"request_id":"r","request_id":"s"}'));
    expect(failure.message).toMatch(/the same key twice in one object, with different values/);
  });

  it('is used if the values are equal, because every parser reads the same', async () => {
    const item = '{"item_id":"i","n":[1,{"b":null}]}';
    const body = `{"items":[${item}],"request_id":"r","items":[${item}],"request_id":"r"}`;
    expect(await send(READ, 200, body)).toMatchObject({ output: { items: [{ item_id: 'i' }] }, requestId: 'r' });
  });

  it('is also not used of http.request', async () => {
    given = { status: 200, body: '{"deleted":true,"deleted":false}' };
    const failure = await failureOf(sender.send(http.request, { uri: `${provider.origin}/`, method: 'POST' }));
    expect(failure).toMatchObject({ type: 'Task.UnexpectedResponse' });
  });

  it('gives no code, so that nothing counts as absent or rejected because of the last one', async () => {
    const body = '{"error_type":"ITEM_ERROR","error_code":"INTERNAL_SERVER_ERROR","error_code":"ITEM_NOT_FOUND"}';
    for (const call of CALLS) {
      const failure = await failureOf(send(call, 400, body));
      expect(failure).toMatchObject({ type: 'Task.UnexpectedResponse', status: 400 });
      expect(failure).not.toHaveProperty('code');
    }
  });

  it.each([
    [401, 'Task.Unauthorized'],
    [429, 'Task.RateLimited'],
    [500, 'Task.OutcomeUnknown'],
    [503, 'Task.OutcomeUnknown'],
  ])('keeps what its status %i says', async (status, type) => {
    const body = '{"error_type":"API_ERROR","error_code":"PLANNED_MAINTENANCE","error_code":"OTHER"}';
    expect(await failureOf(send(IRREVERSIBLE, status, body))).toMatchObject({ type, status });
  });
});

describe('The search for repeated keys', () => {
  /** Text in which quotes, colons and backslashes look like keys. */
  const text = fc.string({ unit: fc.constantFrom('"', ':', '\\', ' ', '{', '}', ',', 'a', '\n', 'é'), maxLength: 12 });
  const json = fc.letrec<{ value: unknown; object: unknown; list: unknown }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, text, fc.integer(), fc.double(), fc.boolean(), tie('object'), tie('list')),
    object: fc.dictionary(text, tie('value'), { maxKeys: 4 }),
    list: fc.array(tie('value'), { maxLength: 4 }),
  }));

  it('finds nothing in what has each key once', () => {
    fc.assert(
      fc.property(json.object, fc.constantFrom(0, 1, '\t', ' \n'), (value, space) => {
        expect(parseBothWays(JSON.stringify(value, undefined, space))).not.toHaveProperty('isAmbiguous');
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds each key that is written twice with another value, wherever its object is', () => {
    fc.assert(
      fc.property(json.value, text, fc.tuple(text, text), fc.boolean(), (value, key, [one, other], inList) => {
        fc.pre(one !== other);
        const name = JSON.stringify(key);
        const object = `{${name}:${JSON.stringify(one)},"rest":${JSON.stringify(value) ?? 'null'},${name} : ${JSON.stringify(other)}}`;
        fc.pre(key !== 'rest');
        expect(parseBothWays(inList ? `[1,${object}]` : object).isAmbiguous).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
