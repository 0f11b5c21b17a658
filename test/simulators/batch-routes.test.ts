import { startBatchSimulator } from '@temporal-http-tasks/testing';
import type { BatchSimulator } from '@temporal-http-tasks/testing';
import { callBatch, exchange } from './raw-client';
import type { ResponseBody, RawResponse } from './raw-client';

let batch: BatchSimulator;

beforeEach(async () => {
  batch = await startBatchSimulator({
    users: { users: ['anna', 'Anna', ' anna ', 'a/b', 'a?b', '%2F', 'ünï✓'], apps: { ios: ['only-ios'] } },
  });
});
afterEach(() => batch.close());

const errorOf = (response: RawResponse): unknown[] => [
  response.status,
  response.json.code,
  typeof response.json.message,
];
const gone = (app = 'ios'): string[] => batch.state().apps[app]!.gone;

describe('authentication', () => {
  it.each<[string, Record<string, string>, string]>([
    ['a wrong REST key', { 'x-authorization': 'wrong' }, 'SIM-IOS-KEY'],
    ['no REST key', {}, 'SIM-IOS-KEY'],
    ['an API key that is no app’s', { 'x-authorization': 'sim-batch-rest-key' }, 'SOME-KEY'],
  ])('refuses %s with 401/10 and deletes nothing', async (_what, headers, apiKey) => {
    const response = await exchange(batch.port, 'DELETE', `/1.0/${apiKey}/data/users/anna`, headers);
    expect(errorOf(response)).toEqual([401, 10, 'string']);
    expect(gone()).toEqual([]);
  });
});

describe('DELETE …/data/users/{id}', () => {
  it('accepts the deletion with a token, for the app of the key only', async () => {
    const response = await callBatch(batch, 'DELETE', '/data/users/anna');
    expect(response.status).toBe(200);
    expect(response.json).toEqual({ token: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(gone('ios')).toEqual(['anna']);
    expect(gone('android')).toEqual([]);
  });

  it.each(['anna', 'Anna', ' anna ', 'a/b', 'a?b', '%2F', 'ünï✓'])('takes %j literally', async (id) => {
    expect((await callBatch(batch, 'DELETE', `/data/users/${encodeURIComponent(id)}`)).status).toBe(200);
    expect(gone()).toEqual([id]);
  });

  it('decodes once: an id encoded twice is another id', async () => {
    await callBatch(batch, 'DELETE', '/data/users/%252F');
    expect(gone()).toEqual(['%2F']);
    await callBatch(batch, 'DELETE', '/data/users/%25252F');
    expect(batch.state().apps['ios']!.unknown).toEqual(['%252F']);
  });

  it('accepts an id that it has never seen', async () => {
    expect((await callBatch(batch, 'DELETE', '/data/users/nobody')).status).toBe(200);
    expect(batch.state().apps['ios']).toMatchObject({ gone: [], unknown: ['nobody'], touched: ['nobody'] });
  });

  it('takes 1,023 characters and refuses 1,024', async () => {
    expect((await callBatch(batch, 'DELETE', `/data/users/${encodeURIComponent('✓'.repeat(1023))}`)).status).toBe(200);
    expect(errorOf(await callBatch(batch, 'DELETE', `/data/users/${'x'.repeat(1024)}`))).toEqual([400, 31, 'string']);
  });

  it('refuses broken escapes', async () => {
    expect(errorOf(await callBatch(batch, 'DELETE', '/data/users/%zz'))).toEqual([400, 31, 'string']);
  });

  it.each([
    ['a/b', 404, 20],
    ['..', 404, 20],
    ['%2e%2e', 404, 20],
    ['.', 400, 30],
    ['', 400, 30],
  ])('an unencoded %j reaches another route and is rejected with %i/%i', async (segment, status, code) => {
    expect(errorOf(await callBatch(batch, 'DELETE', `/data/users/${segment}`))).toEqual([status, code, 'string']);
    expect(batch.state().apps['ios']!.touched).toEqual([]);
  });
});

describe('DELETE …/data/users', () => {
  it('deletes all ids of a bare array', async () => {
    const response = await callBatch(batch, 'DELETE', '/data/users', ['anna', 'a/b', '..']);
    expect(response.json).toEqual({ token: expect.any(String) });
    expect(gone().toSorted()).toEqual(['a/b', 'anna']);
    expect(batch.state().apps['ios']!.unknown).toEqual(['..']);
  });

  it('takes 10,000 ids', async () => {
    const ids = Array.from({ length: 10_000 }, (_, n) => `user-${n}`);
    expect((await callBatch(batch, 'DELETE', '/data/users', ids)).status).toBe(200);
    expect(batch.figures().counts['ios']!.unknown).toBe(10_000);
  });

  it.each([
    ['an empty array', []],
    ['10,001 ids', Array.from({ length: 10_001 }, (_, n) => `user-${n}`)],
    ['no array', { ids: ['anna'] }],
    ['an empty id', ['anna', '']],
    ['an id that is too long', ['anna', 'x'.repeat(1024)]],
    ['an id that is no string', ['anna', 7]],
  ])('refuses the whole call with 400/31 for %s', async (_what, body) => {
    expect(errorOf(await callBatch(batch, 'DELETE', '/data/users', body))).toEqual([400, 31, 'string']);
    expect(batch.state().apps['ios']!.touched).toEqual([]);
  });

  it('refuses no body with 400/30 and broken JSON with 400/32', async () => {
    expect(errorOf(await callBatch(batch, 'DELETE', '/data/users'))).toEqual([400, 30, 'string']);
    const headers = { 'x-authorization': batch.restApiKey };
    const broken = await exchange(batch.port, 'DELETE', '/1.0/SIM-IOS-KEY/data/users', headers, '["anna"');
    expect(errorOf(broken)).toEqual([400, 32, 'string']);
  });
});

describe('the GDPR API', () => {
  const remove = (value: string, more: object = {}): object => ({
    request_type: 'remove',
    id: { type: 'custom_id', value },
    ...more,
  });

  it('reports a removal first as pending, then as done, and deletes the data', async () => {
    batch.configure({ gdpr: { polls: 2 } });
    const { json } = await callBatch(
      batch,
      'POST',
      '/gdpr/request',
      remove('anna', { callback_url: 'https://callback.invalid' }),
    );
    const read = async (): Promise<ResponseBody> => (await callBatch(batch, 'GET', `/gdpr/request/${json.token}`)).json;
    expect((await read()).status).toBe('pending');
    expect((await read()).status).toBe('pending');
    expect(await read()).toEqual({
      request_id: json.token,
      request_date: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      request_type: 'remove',
      trigger_type: 'api',
      status: 'done',
      id: { type: 'custom_id', value: 'anna' },
    });
    expect(gone()).toEqual(['anna']);
  });

  it('reports a user it does not know with done and an error', async () => {
    const { json } = await callBatch(batch, 'POST', '/gdpr/request', remove('nobody'));
    await callBatch(batch, 'GET', `/gdpr/request/${json.token}`);
    const done = await callBatch(batch, 'GET', `/gdpr/request/${json.token}`);
    expect(done.json).toMatchObject({ status: 'done', error: 'user not found' });
    expect(batch.state().gdprRequests).toEqual([
      {
        token: json.token,
        app: 'ios',
        requestType: 'remove',
        id: { type: 'custom_id', value: 'nobody' },
        status: 'done',
        error: 'user not found',
      },
    ]);
    expect(batch.state().apps['ios']!.touched).toEqual([]);
  });

  it('still finds a user whose custom data is deleted, and no longer one that a request has removed', async () => {
    await callBatch(batch, 'DELETE', '/data/users/anna');
    const first = await callBatch(batch, 'POST', '/gdpr/request', remove('anna'));
    const list = await callBatch(batch, 'GET', '/gdpr/requests');
    expect(list.json).toMatchObject([
      {
        request_id: first.json.token,
        request_type: 'remove',
        status: 'pending',
        id: { type: 'custom_id', value: 'anna' },
      },
    ]);
    await callBatch(batch, 'GET', `/gdpr/request/${first.json.token}`);
    expect((await callBatch(batch, 'GET', `/gdpr/request/${first.json.token}`)).json.error).toBeUndefined();
    const second = await callBatch(batch, 'POST', '/gdpr/request', remove('anna'));
    await callBatch(batch, 'GET', `/gdpr/request/${second.json.token}`);
    expect((await callBatch(batch, 'GET', `/gdpr/request/${second.json.token}`)).json.error).toBe('user not found');
  });

  it('stays pending until the request is old enough', async () => {
    batch.configure({ gdpr: { polls: 0, delayMs: 60_000 } });
    const { json } = await callBatch(batch, 'POST', '/gdpr/request', remove('anna'));
    expect((await callBatch(batch, 'GET', `/gdpr/request/${json.token}`)).json.status).toBe('pending');
    expect(batch.state().apps['ios']).toMatchObject({ gone: [], pending: ['anna'], touched: ['anna'] });
  });

  it('shows a request only under the API key that made it', async () => {
    const { json } = await callBatch(batch, 'POST', '/gdpr/request', remove('anna'));
    expect(errorOf(await callBatch(batch, 'GET', `/gdpr/request/${json.token}`, undefined, 'android'))).toEqual([
      400,
      31,
      'string',
    ]);
  });

  it.each([
    [{}, 30],
    [{ request_type: 'remove' }, 30],
    [{ request_type: 'remove', id: { type: 'custom_id' } }, 30],
    [{ request_type: 'erase', id: { type: 'custom_id', value: 'anna' } }, 31],
    [{ request_type: 'remove', id: { type: 'email', value: 'anna' } }, 31],
    [{ request_type: 'remove', id: { type: 'custom_id', value: '' } }, 31],
  ])('refuses %j with 400/%i', async (body, code) => {
    expect(errorOf(await callBatch(batch, 'POST', '/gdpr/request', body))).toEqual([400, code, 'string']);
  });
});

it('rejects an unknown route with 404/20, before it looks at keys', async () => {
  for (const [method, target] of [
    ['GET', '/'],
    ['GET', '/1.0/SIM-IOS-KEY/data/users/anna'],
    ['DELETE', '/2.0/SIM-IOS-KEY/data/users/anna'],
    ['POST', '/1.0/SIM-IOS-KEY/gdpr/request/x'],
    ['GET', '/1.0/SIM-IOS-KEY/gdpr/request'],
  ] as const) {
    expect(errorOf(await exchange(batch.port, method, target))).toEqual([404, 20, 'string']);
  }
});

it('keeps an accepted deletion pending until the processing delay is over', async () => {
  batch.configure({ processingDelayMs: 60_000 });
  await callBatch(batch, 'DELETE', '/data/users/anna');
  expect(batch.state().apps['ios']).toMatchObject({ gone: [], pending: ['anna'] });
  expect(batch.state().apps['ios']!.left).toContain('anna');
  batch.configure({ processingDelayMs: 0 });
  await callBatch(batch, 'DELETE', '/data/users/Anna');
  expect(gone()).toEqual(['Anna']);
});
