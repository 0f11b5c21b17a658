import fc from 'fast-check';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import { createTaskSender } from 'temporal-http-tasks/internal/http/send-task';
import type { TaskSender } from 'temporal-http-tasks/internal/http/send-task';
import { batch, plaid } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { z } from 'zod';
import { everythingIn, failureOf, fieldOfRefusal } from './failure-of';
import { CANARIES, json, Provider, settingsFor } from './provider';

const ORIGIN = 'http://127.0.0.1:4999';

describe('A prepared request', () => {
  it('puts the fields of a POST into a JSON body and the keys into headers', () => {
    const prepared = prepareRequest(
      plaid.userItemsRemove,
      { user_id: 'usr_1', item_ids: ['a', 'b'] },
      settingsFor(ORIGIN),
    );
    expect(prepared).toMatchObject({
      method: 'POST',
      origin: ORIGIN,
      path: '/user/items/remove',
      environment: 'sandbox',
      production: false,
      effect: 'irreversible',
    });
    expect(JSON.parse(String(prepared.body))).toEqual({ user_id: 'usr_1', item_ids: ['a', 'b'] });
    expect(prepared.headers).toMatchObject({
      'plaid-client-id': CANARIES.PLAID_CLIENT_ID,
      'plaid-secret': CANARIES.PLAID_SECRET,
      'plaid-version': '2020-09-14',
      'content-type': 'application/json',
      'accept-encoding': 'identity',
    });
    expect(prepared.headers['user-agent']).toMatch(/^temporal-http-tasks\/\d+\.\d+\.\d+/);
  });

  it('puts the keys into the body instead where the setting says so', () => {
    const settings = settingsFor(ORIGIN, { PLAID_CREDENTIALS_IN: 'body' });
    const prepared = prepareRequest(plaid.userRemove, { user_id: 'usr_1' }, settings);
    expect(JSON.parse(String(prepared.body))).toEqual({
      user_id: 'usr_1',
      client_id: CANARIES.PLAID_CLIENT_ID,
      secret: CANARIES.PLAID_SECRET,
    });
    expect(JSON.stringify(prepared.headers)).not.toContain('canary');
  });

  it('picks the key by its slot, encodes it into the path and does not send the slot', () => {
    const settings = settingsFor(ORIGIN);
    const prepared = prepareRequest(batch.customDataDelete, { id: 'u1', app: 'android' }, settings);
    expect(prepared).toMatchObject({
      method: 'DELETE',
      path: '/1.0/canary%2Fandroid%20key-55bb/data/users/u1',
      keySlot: 'android',
    });
    expect(prepared.body).toBeUndefined();
    expect(prepared.headers['content-type']).toBeUndefined();
  });

  it.each([{ id: 'u1' }, { id: 'u1', app: 'web' }])(
    'names the allowed slots when %j picks none of several',
    (input) => {
      const refusal = fieldOfRefusal(() => prepareRequest(batch.customDataDelete, input, settingsFor(ORIGIN)));
      expect(refusal.field).toBe('app');
      expect(refusal.message).toContain('ios, android');
    },
  );

  it('uses the only key when no slot is named', () => {
    const settings = settingsFor(ORIGIN, { BATCH_API_KEYS: 'canary-only' });
    expect(prepareRequest(batch.customDataDelete, { id: 'u1' }, settings)).toMatchObject({
      keySlot: 'default',
      path: '/1.0/canary-only/data/users/u1',
    });
  });

  it('keeps the path of a base URL in front of every route', () => {
    const settings = settingsFor(ORIGIN, { BATCH_BASE_URL: `${ORIGIN}/proxy/batch/`, BATCH_API_KEYS: 'k' });
    expect(prepareRequest(batch.customDataDelete, { id: 'u1' }, settings).path).toBe(
      '/proxy/batch/1.0/k/data/users/u1',
    );
  });

  it('says when the environment holds real people’s data', () => {
    const settings = settingsFor(ORIGIN, { PLAID_ENV: 'production' });
    expect(prepareRequest(plaid.userRemove, { user_id: 'u' }, settings)).toMatchObject({
      environment: 'production',
      production: true,
    });
  });

  it('puts fields of a GET into the query, repeats arrays, and places headers and query keys where they belong', () => {
    const service = defineService({
      name: 'things',
      title: 'Things',
      environments: { default: 'https://things.example' },
      defaultEnvironment: 'default',
      credentials: [{ setting: 'THINGS_KEY', in: 'query', name: 'key' }],
      errors: { fields: { code: 'code' }, rules: [] },
    });
    const task = defineHttpTask({
      service,
      operation: 'list',
      summary: 'List things',
      method: 'GET',
      path: '/things',
      places: { 'x-trace': 'header' },
      input: z.strictObject({ tag: z.array(z.string()), limit: z.number().optional(), 'x-trace': z.string() }),
      output: z.unknown(),
      effect: 'read',
    });
    const settings = readSenderSettings({ THINGS_KEY: 'k&1' }, [service]);
    const prepared = prepareRequest(task, { tag: ['a b', 'c&d'], limit: 5, 'x-trace': 't' }, settings);
    expect(prepared.path).toBe('/things?tag=a%20b&tag=c%26d&limit=5&key=k%261');
    expect(prepared.headers['x-trace']).toBe('t');
    expect(fieldOfRefusal(() => prepareRequest(task, { tag: [], 'x-trace': 'a\r\nb: c' }, settings)).field).toBe(
      'x-trace',
    );
    expect(fieldOfRefusal(() => prepareRequest(task, { tag: ['\ud800'], 'x-trace': '' }, settings)).field).toBe('tag');
  });

  it.each([
    ['keys in headers', plaid.userItemsGet, { user_token: 'user-sandbox-canary-token' }, {}],
    [
      'keys in the body',
      plaid.userItemsGet,
      { user_token: 'user-sandbox-canary-token' },
      { PLAID_CREDENTIALS_IN: 'body' },
    ],
    ['a token in user_id', plaid.userRemove, { user_id: 'user-sandbox-canary-token' }, {}],
    ['an access token', plaid.itemRemove, { access_token: 'access-sandbox-canary' }, {}],
    ['a key in the path', batch.customDataDelete, { id: 'u', app: 'android' }, {}],
    ['a key pasted into a field', batch.customDataBulkDelete, { ids: [CANARIES.BATCH_REST_API_KEY], app: 'ios' }, {}],
  ] as const)('shows %s masked', (_what, task, input, more) => {
    const masked = prepareRequest(task, input, settingsFor(ORIGIN, more)).masked();
    expect(everythingIn(masked)).not.toMatch(/canary/);
    expect(everythingIn(masked)).toMatch(/\*\*\*\*|\[secret\]/);
    expect(masked.url).toMatch(/^http:\/\/127\.0\.0\.1:4999\//);
  });

  it('shows an ordinary id as it is', () => {
    const masked = prepareRequest(plaid.userRemove, { user_id: 'usr_1' }, settingsFor(ORIGIN)).masked();
    expect(JSON.parse(masked.body!)).toEqual({ user_id: 'usr_1' });
  });
});

describe('An id in the route of a call', () => {
  let provider: Provider;
  let sender: TaskSender;

  beforeAll(async () => {
    provider = await Provider.start((response) => json(response, 200, { token: 't' }));
    sender = createTaskSender(settingsFor(provider.origin, { BATCH_API_KEYS: 'appkey' }));
  });

  afterAll(async () => {
    await sender.close();
    await provider.close();
  });

  it.each([
    ['a plain id', 'user-1'],
    ['a slash', 'a/b'],
    ['a way up', '../../gdpr/request'],
    ['a question mark', 'a?b=c'],
    ['a number sign', 'a#b'],
    ['an encoded slash', 'a%2Fb'],
    ['encoded dots', '%2e%2e'],
    ['three dots', '...'],
    ['dots and a slash', './.'],
    ['a percent sign alone', '%'],
    ['spaces around, which count', '  a b  '],
    ['a plus sign', 'a+b'],
    ['a semicolon and an ampersand', 'a;b&c'],
    ['a line break', 'a\r\nX-Injected: 1'],
    ['a null character', 'a\u0000b'],
    ['umlauts and emoji', 'Zoë 🦊'],
    ['a combining accent, not composed', 'e\u0301'],
    ['a backslash', 'a\\..\\b'],
    ['a dollar pattern', "$&$1$'"],
    ['a placeholder', '{api_key}'],
    ['1,023 characters', 'ü'.repeat(1_023)],
  ])('arrives whole with %s', async (_what, id) => {
    await sender.send(batch.customDataDelete, { id });
    expectOwnRoute(provider.last.url, id);
    expect(provider.last.headers['x-injected']).toBeUndefined();
  });

  it.each([
    ['the empty id', ''],
    ['one dot', '.'],
    ['two dots', '..'],
    ['half a surrogate pair', 'a\ud83e'],
    ['1,024 characters', 'a'.repeat(1_024)],
  ])('is refused before anything is sent when it is %s', async (_what, id) => {
    const before = provider.received.length;
    const failure = await failureOf(sender.send(batch.customDataDelete, { id }));
    expect(failure.type).toBe('Task.InvalidInput');
    expect(failure.message).toContain('id: ');
    expect(failure.retryable).toBe(false);
    expect(provider.received).toHaveLength(before);
  });

  it.each(['', '.', '..', '\ud800'])('is refused by the route itself, too, when a schema lets %j through', (id) => {
    const lax = { ...batch.customDataDelete, input: z.looseObject({ id: z.string() }) };
    const refusal = fieldOfRefusal(() =>
      prepareRequest(lax, { id }, settingsFor(provider.origin, { BATCH_API_KEYS: 'k' })),
    );
    expect(refusal.field).toBe('id');
  });

  it('never reaches another route, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((id) => id !== '.' && id !== '..'),
        async (id) => {
          await sender.send(batch.customDataDelete, { id });
          expectOwnRoute(provider.last.url, id);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('goes out in a bare array with DELETE in a bulk call', async () => {
    await sender.send(batch.customDataBulkDelete, { ids: ['.', '..', 'a/b'] });
    expect(provider.last).toMatchObject({ method: 'DELETE', url: '/1.0/appkey/data/users', body: '[".","..","a/b"]' });
    expect(provider.last.headers['content-type']).toBe('application/json');
  });
});

function expectOwnRoute(url: string, id: string): void {
  const segments = url.split('/');
  expect(segments.slice(0, -1).join('/')).toBe('/1.0/appkey/data/users');
  expect(decodeURIComponent(segments.at(-1)!)).toBe(id);
  // A proxy that reads URLs as browsers do must find the same route.
  expect(new URL(url, 'http://proxy').pathname).toBe(url);
}
