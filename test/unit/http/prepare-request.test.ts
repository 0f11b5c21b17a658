import fc from 'fast-check';
import { prepareRequest } from '../../../src/http/prepare-request';
import { createTaskSender } from '../../../src/http/send-task';
import type { TaskSender } from '../../../src/http/send-task';
import { batch, http, plaid } from '../../../src/tasks/catalogue';
import { defineHttpTask } from '../../../src/tasks/define';
import { defineService } from '../../../src/tasks/service';
import { InvalidInputError } from '../../../src/tasks/parse-input';
import { readSenderSettings } from '../../../src/config/settings';
import { z } from 'zod';
import { everythingIn, failureOf } from './failure-of';
import { CANARIES, json, Provider, settingsFor } from './provider';

const ORIGIN = 'http://127.0.0.1:4999';

function fieldOfRefusal(prepare: () => unknown): { field: string; message: string } {
  try {
    prepare();
  } catch (error) {
    if (error instanceof InvalidInputError) return { field: error.field, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

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

describe('http.request', () => {
  const allowed = settingsFor(ORIGIN, {
    HTTP_TASKS_SECRET_TICKETS: 'canary-ticket-key',
    HTTP_TASKS_SECRET_TICKETS_ORIGIN: ORIGIN,
    HTTP_TASKS_SECRET_OTHER: 'canary-other-key',
    HTTP_TASKS_SECRET_OTHER_ORIGIN: 'https://other.example',
  });

  it('puts a named secret into a header for its own origin, and masks it when shown', () => {
    const input = {
      uri: `${ORIGIN}/a?b=c#d`,
      method: 'POST',
      headers: { Authorization: 'Bearer {{secret:TICKETS}}' },
      body: { a: 1 },
    };
    const prepared = prepareRequest(http.request, input, allowed);
    expect(prepared).toMatchObject({ method: 'POST', path: '/a?b=c', body: '{"a":1}', effect: 'irreversible' });
    expect(prepared.headers.authorization).toBe('Bearer canary-ticket-key');
    expect(everythingIn(prepared.masked())).not.toContain('canary');
    expect(prepared.masked().headers.authorization).toBe('Bearer {{secret:TICKETS}}');
  });

  it.each([
    [`${ORIGIN}/a`, '/a?q=a%26b%20c&n=1&n=2&yes=true'],
    [`${ORIGIN}/a?b=c#d`, '/a?b=c&q=a%26b%20c&n=1&n=2&yes=true'],
  ])('writes the fields of query after %s', (uri, path) => {
    expect(prepareRequest(http.request, { uri, query: { q: 'a&b c', n: [1, 2], yes: true } }, allowed).path).toBe(path);
  });

  it('gives the whole call as long as its parts may take', () => {
    const input = { uri: `${ORIGIN}/`, connectTimeoutMs: 20_000, readTimeoutMs: 90_000 };
    const timeouts = { connectMs: 20_000, firstByteMs: 90_000, bodyMs: 90_000, totalMs: 110_000 };
    expect(prepareRequest(http.request, input, allowed).timeouts).toEqual(timeouts);
  });

  it.each([
    ['an address that the list holds', 'http://10.0.0.5:8080', {}, false],
    ['the same address in decimal', 'http://167772165:8080', {}, false],
    ['an address in brackets', 'http://[::1]:8080', {}, false],
    ["this machine's name", 'http://localhost:8080', {}, false],
    ['a name', 'http://desk.example', {}, true],
    [
      'a name of a private network that the operator allows',
      'http://desk.example',
      { HTTP_TASKS_HTTP_ALLOW_PRIVATE: 'http://desk.example' },
      false,
    ],
  ])('may connect to public addresses only, but for %s', (_what, uri, more, publicOnly) => {
    const settings = settingsFor(ORIGIN, {
      HTTP_TASKS_HTTP_ALLOW: 'http://10.0.0.5:8080,http://[::1]:8080,http://localhost:8080,http://desk.example',
      ...more,
    });
    expect(prepareRequest(http.request, { uri: `${uri}/` }, settings).publicOnly).toBe(publicOnly);
  });

  it.each([
    'http://127.1/',
    'http://2130706433/',
    'http://0177.0.0.1/',
    'http://[::ffff:127.0.0.1]/',
    'http://0/',
    'http://0x7f000001/',
    'http://017700000001/',
    'http://127.0.0.1./',
    'http://localhost/',
    'http://localhost./',
    'http://[::]/',
    'http://0.0.0.0/',
    'http://169.254.169.254/',
    'http://[fe80::1]/',
    'http://①②⑦.⓪.⓪.①/',
    'http://desk.example.evil.example/',
    'http://desk.example./',
    'http://desk.example:81/',
  ])('refuses %s, whose address the list does not hold', (uri) => {
    expect(
      fieldOfRefusal(() =>
        prepareRequest(http.request, { uri }, settingsFor(ORIGIN, { HTTP_TASKS_HTTP_ALLOW: 'http://desk.example' })),
      ).field,
    ).toBe('uri');
  });

  it.each([
    ['https://desk.example.com/', true],
    ['https://a.b.example.com/', true],
    ['https://DESK.Example.com:443/', true],
    ['https://b.example.org:8443/', true],
    ['http://desk.example.net/', true],
    ['https://example.com/', false],
    ['https://notexample.com/', false],
    ['https://desk.example.com.evil.example/', false],
    ['https://desk.example.com./', false],
    ['https://.example.com/', false],
    ['https://*.example.com/', false],
    ['http://desk.example.com/', false],
    ['https://desk.example.com:8443/', false],
    ['https://b.example.org/', false],
  ])('takes %s below a wildcard of the list: %s', (uri, allowed) => {
    const settings = settingsFor(ORIGIN, {
      HTTP_TASKS_HTTP_ALLOW: '*.example.com,https://*.example.org:8443,http://*.example.net',
    });
    const prepare = () => prepareRequest(http.request, { uri }, settings);
    if (!allowed) return void expect(fieldOfRefusal(prepare).field).toBe('uri');
    // Whoever owns a name below the domain decides where it leads.
    expect(prepare().publicOnly).toBe(true);
  });

  it('masks headers in which people put keys of their own', () => {
    const headers = { 'X-Api-Key': 'my-own-key', 'X-Plain': 'shown' };
    const masked = prepareRequest(http.request, { uri: `${ORIGIN}/`, headers }, allowed).masked();
    expect(masked.headers).toMatchObject({ 'x-api-key': '****', 'x-plain': 'shown' });
  });

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    ['another origin', { uri: 'http://127.0.0.1:5000/' }, 'uri', /HTTP_TASKS_HTTP_ALLOW/],
    ['another scheme', { uri: 'https://127.0.0.1:4999/' }, 'uri', /not an allowed origin/],
    ['a host that only begins like an allowed one', { uri: 'http://127.0.0.1:4999.example/' }, 'uri', /./],
    ['an allowed origin as user name', { uri: 'http://127.0.0.1:4999@evil.example/' }, 'uri', /user name/],
    ['a user name', { uri: 'http://me:pw@127.0.0.1:4999/' }, 'uri', /user name/],
    ['a file', { uri: 'file:///etc/passwd' }, 'uri', /./],
    [
      'a secret of another origin',
      { headers: { a: '{{secret:OTHER}}' } },
      'headers.a',
      /belongs to https:\/\/other\.example/,
    ],
    ['an unknown secret', { headers: { a: '{{secret:NOPE}}' } }, 'headers.a', /known: OTHER, TICKETS/],
    ['a secret that cannot be read', { headers: { a: '{{secret:TICKETS' } }, 'headers.a', /\{\{secret:NAME\}\}/],
    ['a secret in the URL', { uri: `${ORIGIN}/?k={{secret:TICKETS}}` }, 'uri', /only stand in headers/],
    ['a secret in the body', { method: 'POST', body: { k: '{{secret:TICKETS}}' } }, 'body', /only stand in headers/],
    ['a body with GET', { body: {} }, 'body', /GET has no body/],
    [
      'a body that is no text for a type that is not JSON',
      { method: 'POST', contentType: 'text/plain', body: {} },
      'body',
      /string/,
    ],
    [
      'a header that frames the message',
      { headers: { 'Transfer-Encoding': 'chunked' } },
      'headers.Transfer-Encoding',
      /leave it out/,
    ],
    ['a line break in a header', { headers: { a: 'b\r\nc: d' } }, 'headers.a', /line breaks/],
    ['an unknown field', { url: 'x' }, 'url', /no such field/],
    ['a body with TRACE', { method: 'TRACE', body: {} }, 'body', /TRACE has no body/],
    [
      'a secret with TRACE, which echoes it',
      { method: 'TRACE', headers: { a: '{{secret:TICKETS}}' } },
      'headers.a',
      /TRACE is answered/,
    ],
    ['a method that opens a tunnel', { method: 'CONNECT' }, 'method', /./],
    ['a secret in the query', { query: { k: ['{{secret:TICKETS}}'] } }, 'query', /only stand in headers/],
    ['half a character in the query', { query: { k: '\ud800' } }, 'query.k', /Unicode/],
    ['a part of a second to connect', { connectTimeoutMs: 1_500 }, 'connectTimeoutMs', /whole seconds/],
    ['a time-out that outlives the activity', { readTimeoutMs: 600_000 }, 'readTimeoutMs', /./],
    ['a status that no answer has', { expectedStatuses: [99] }, 'expectedStatuses.0', /./],
  ])('refuses %s', (_what, more, field, message) => {
    const refusal = fieldOfRefusal(() => prepareRequest(http.request, { uri: `${ORIGIN}/`, ...more }, allowed));
    expect(refusal.field).toBe(field);
    expect(refusal.message).toMatch(message);
    expect(refusal.message).not.toContain('canary');
  });

  it.each([
    [{}, 'read'],
    [{ method: 'HEAD' }, 'read'],
    [{ method: 'OPTIONS' }, 'read'],
    [{ method: 'TRACE' }, 'read'],
    [{ method: 'DELETE' }, 'irreversible'],
    [{ method: 'POST' }, 'irreversible'],
    [{ method: 'POST', effect: 'repeatSafe' }, 'repeatSafe'],
  ] as const)('with %j counts as %s', (more, effect) => {
    expect(prepareRequest(http.request, { uri: `${ORIGIN}/`, ...more }, allowed).effect).toBe(effect);
  });
});
