import { startBatchSimulator, startPlaidSimulator } from '@temporal-http-tasks/testing';
import type { BatchSimulator, PlaidSimulator } from '@temporal-http-tasks/testing';
import { callBatch, callPlaid, control } from './raw-client';

let plaid: PlaidSimulator;
let batch: BatchSimulator;

beforeEach(async () => {
  plaid = await startPlaidSimulator({
    clientId: 'canary-client-id',
    secret: 'canary-plaid-secret',
    users: { users: [{ userId: 'usr_first', userToken: 'user-sandbox-canary', items: ['item-first'] }] },
  });
  batch = await startBatchSimulator({ restApiKey: 'canary-rest-key', appKeys: { web: 'CANARY-APP-KEY' } });
});
afterEach(() => Promise.all([plaid.close(), batch.close()]));

it('users are added in one call, thousands at a time', async () => {
  const users = Array.from({ length: 2_000 }, (_, n) => ({ userId: `usr_${n}`, items: [`item-${n}`] }));
  expect((await control(plaid, 'POST', 'users', { users })).json).toEqual({ added: 2_000, users: 2_001 });
  expect((await control(batch, 'POST', 'users', { users: ['a', 'b'], apps: { web: ['c'] } })).json).toEqual({
    added: 3,
    users: 3,
  });
  expect((await callPlaid(plaid, '/user/items/get', { user_id: 'usr_1999' })).json.items).toHaveLength(1);
});

it('users can be made up by the simulator', async () => {
  const generate = { count: 5_000, prefix: 'g-' };
  expect((await control(plaid, 'POST', 'users', { generate: { ...generate, itemsPerUser: 2 } })).json.users).toBe(
    5_001,
  );
  expect((await control(batch, 'POST', 'users', { generate })).json.users).toBe(5_000);
  const { json } = await callPlaid(plaid, '/user/items/get', { user_id: 'g-4999' });
  expect(json.items!.map((item) => item.item_id)).toEqual(['item-g-4999-0', 'item-g-4999-1']);
});

it.each([
  ['users', { users: [{ userId: 'x' }, { userId: '' }] }, 'users.1.userId'],
  ['users', { users: [{ userId: 'x', items: ['item-first'] }] }, 'users.0.items.0'],
  ['users', {}, undefined],
  ['users', { users: [{ userId: 'x', itmes: [] }] }, 'users.0'],
  ['faults', { endpoint: '*', kind: 'explode' }, 'kind'],
  ['faults', { endpoint: '*', kind: 'dropAfter', probability: 2 }, 'probability'],
  ['settings', { latencyMs: -1 }, 'latencyMs'],
])('POST %s refuses %j and names the field', async (route, body, field) => {
  const response = await control(plaid, 'POST', route, body);
  expect(response.status).toBe(400);
  expect(response.json.error).toEqual({ ...(field !== undefined && { field }), message: expect.stringMatching(/./) });
  expect(plaid.figures().counts.users).toBe(1);
  expect(plaid.faults.list().faults).toEqual([]);
});

it('an app that has no key is refused, and the apps that have one are named', async () => {
  const { status, json } = await control(batch, 'POST', 'users', { apps: { ios: ['a'] } });
  expect(status).toBe(400);
  expect(json.error).toEqual({ field: 'apps.ios', message: expect.stringContaining('web') });
});

it('a body that is not JSON, an unknown route and an unknown query value are refused', async () => {
  expect((await control(plaid, 'POST', 'wipe')).status).toBe(404);
  expect((await control(plaid, 'GET', 'state?detail=some')).json).toMatchObject({ error: { field: 'detail' } });
  expect((await control(plaid, 'GET', 'calls?after=x')).json).toMatchObject({ error: { field: 'after' } });
});

it('faults are added, listed with their use, and removed one by one or all', async () => {
  const rule = { endpoint: 'userRemove', kind: 'serverError', times: 1 };
  const added = await control(plaid, 'POST', 'faults', rule);
  expect(added.json.faults).toEqual([{ id: 'fault-1', rule: { ...rule, processed: false }, matched: 0, fired: 0 }]);
  await control(plaid, 'POST', 'faults', [{ endpoint: '*', kind: 'dropAfter', nth: 99 }]);
  await callPlaid(plaid, '/user/remove', { user_id: 'usr_first' });
  expect((await control(plaid, 'GET', 'faults')).json.faults).toMatchObject([
    { id: 'fault-1', matched: 1, fired: 1 },
    { id: 'fault-2', matched: 1, fired: 0 },
  ]);
  expect((await control(plaid, 'DELETE', 'faults?id=fault-1')).json.faults).toMatchObject([{ id: 'fault-2' }]);
  expect((await control(plaid, 'DELETE', 'faults')).json).toEqual({ faults: [] });
});

it('the state says who is gone, who is left and who was touched', async () => {
  plaid.seed({
    users: [
      { userId: 'usr_gone', items: ['item-gone'] },
      { userId: 'usr_half', items: ['item-half'] },
      { userId: 'usr_bare' },
    ],
  });
  await callPlaid(plaid, '/user/items/remove', { user_id: 'usr_gone', item_ids: ['item-gone'] });
  await callPlaid(plaid, '/user/items/remove', { user_id: 'usr_half', item_ids: ['item-half'] });
  await callPlaid(plaid, '/user/products/terminate', { user_id: 'usr_gone', reason_code: 'USER_OFFBOARDING' });
  const { json } = await control(plaid, 'GET', 'state');
  expect(json).toEqual(plaid.state());
  expect(json).toEqual({
    provider: 'plaid',
    counts: {
      users: 4,
      gone: 1,
      left: 3,
      touched: 2,
      itemsLeft: 1,
      itemsRemoved: 2,
      productsTerminated: 1,
      usersRemoved: 0,
    },
    repeatCounts: { irreversible: 0, repeatSafe: 0, refused: 0 },
    calls: {
      total: 3,
      processed: 3,
      byEndpoint: {
        userItemsRemove: { received: 2, processed: 2 },
        userProductsTerminate: { received: 1, processed: 1 },
      },
    },
    gone: ['usr_gone'],
    left: ['usr_first', 'usr_half', 'usr_bare'],
    touched: ['usr_gone', 'usr_half'],
    removedUsers: [],
    items: {
      left: [{ itemId: 'item-first', user: 'usr_first' }],
      removed: [
        { itemId: 'item-gone', user: 'usr_gone' },
        { itemId: 'item-half', user: 'usr_half' },
      ],
    },
    terminated: [{ user: 'usr_gone', reasonCode: 'USER_OFFBOARDING', times: 1 }],
    repeats: { irreversible: [], repeatSafe: [], refused: [] },
  });
  const figures = (await control(plaid, 'GET', 'state?detail=counts')).json;
  expect(figures).toEqual(plaid.figures());
  expect(figures).not.toHaveProperty('gone');
});

it('the Batch state is kept by app', async () => {
  batch.seed({ users: ['anna', 'ben'] });
  await callBatch(batch, 'DELETE', '/data/users', ['anna', 'nobody'], 'web');
  const { json } = await control(batch, 'GET', 'state');
  expect(json).toEqual(batch.state());
  expect(json).toMatchObject({
    provider: 'batch',
    counts: { web: { users: 2, gone: 1, left: 1, pending: 0, touched: 2, unknown: 1 } },
    apps: { web: { gone: ['anna'], left: ['ben'], pending: [], touched: ['anna', 'nobody'], unknown: ['nobody'] } },
    gdprRequests: [],
  });
});

it('calls are logged in order, and can be paged through', async () => {
  await callPlaid(plaid, '/user/items/get', { user_token: 'user-sandbox-canary' });
  await callPlaid(plaid, '/user/items/get', { user_id: 'usr_nobody' });
  await callPlaid(plaid, '/nowhere', {});
  const { json } = await control(plaid, 'GET', 'calls');
  expect(json).toEqual({
    total: 3,
    calls: [
      {
        seq: 1,
        at: expect.any(String),
        endpoint: 'userItemsGet',
        user: 'usr_first',
        users: 1,
        status: 200,
        processed: true,
      },
      {
        seq: 2,
        at: expect.any(String),
        endpoint: 'userItemsGet',
        user: 'usr_nobody',
        users: 1,
        status: 400,
        code: 'USER_NOT_FOUND',
        processed: false,
      },
      {
        seq: 3,
        at: expect.any(String),
        endpoint: 'unknownRoute',
        users: 0,
        status: 404,
        code: 'NOT_FOUND',
        processed: false,
      },
    ],
  });
  expect((await control(plaid, 'GET', 'calls?after=1&limit=1')).json.calls).toMatchObject([{ seq: 2 }]);
  expect(plaid.calls({ after: 3 })).toEqual({ calls: [], total: 3 });
});

it('the log forgets its oldest calls, and the figures count them all the same', async () => {
  const small = await startPlaidSimulator({ callLogLimit: 4 });
  for (let n = 0; n < 12; n++) await callPlaid(small, '/user/remove', { user_id: 'usr_x' });
  const { calls, total } = small.calls();
  expect(total).toBe(12);
  expect(calls.length).toBeLessThanOrEqual(5);
  expect(calls.at(-1)!.seq).toBe(12);
  expect(small.calls({ after: 11 }).calls.map((call) => call.seq)).toEqual([12]);
  await small.close();
});

it('control requests need no keys and do not count as provider calls', async () => {
  plaid.faults.add({ endpoint: '*', kind: 'dropBefore' });
  plaid.configure({ rateLimits: { '*': { perSecond: 0.001, burst: 1 } } });
  for (let n = 0; n < 3; n++) expect((await control(plaid, 'GET', 'state')).status).toBe(200);
  expect(plaid.figures().calls.total).toBe(0);
});

it('neither state nor log nor faults show a credential or a bearer token', async () => {
  await callPlaid(plaid, '/user/items/get', { user_token: 'user-sandbox-canary' });
  await callPlaid(plaid, '/user/items/get', { user_id: 'user-sandbox-canary-unknown' });
  await callPlaid(plaid, '/item/remove', { access_token: 'access-sandbox-item-first' });
  await callPlaid(plaid, '/item/remove', { access_token: 'access-sandbox-canary' });
  await callBatch(batch, 'DELETE', '/data/users/anna', undefined, 'web');
  for (const route of ['state', 'calls', 'faults', 'state?detail=counts']) {
    const texts = [(await control(plaid, 'GET', route)).text, (await control(batch, 'GET', route)).text].join();
    expect(texts).not.toMatch(/canary|access-sandbox/i);
  }
});

it('reset goes back to the users, faults and settings of the start', async () => {
  const started = await startPlaidSimulator({
    latencyMs: 1,
    faults: [{ endpoint: '*', kind: 'serverError', nth: 1 }],
    users: { users: [{ userId: 'usr_first', items: ['item-first'] }] },
  });
  const before = [started.state(), started.faults.list()];
  started.seed({ users: [{ userId: 'usr_more' }] });
  started.faults.add({ endpoint: '*', kind: 'dropAfter' });
  started.configure({ readLag: { reads: 9 } });
  await callPlaid(started, '/user/remove', { user_id: 'usr_first' });
  expect((await control(started, 'POST', 'reset')).json).toEqual({ ok: true });
  expect([started.state(), started.faults.list()]).toEqual(before);
  expect((await callPlaid(started, '/user/remove', { user_id: 'usr_first' })).status).toBe(500);
  await started.close();
});

it('settings change while it runs, and those not named stay', async () => {
  await control(plaid, 'POST', 'settings', { readLag: { reads: 1 } });
  await control(plaid, 'POST', 'settings', { repeatedRemovals: 'process' });
  for (let n = 0; n < 2; n++) await callPlaid(plaid, '/item/remove', { access_token: 'access-sandbox-item-first' });
  expect(plaid.state().repeats.irreversible).toHaveLength(1);
  expect((await callPlaid(plaid, '/user/items/get', { user_id: 'usr_first' })).json.items).toHaveLength(1);
});
