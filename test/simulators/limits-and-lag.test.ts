import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { startPlaidSimulator, startSimulators } from '@temporal-http-tasks/testing';
import type { PlaidSimulator } from '@temporal-http-tasks/testing';
import { callBatch, callPlaid } from './raw-client';

const user = { userId: 'usr_a', items: ['item-a1', 'item-a2'] };
let plaid: PlaidSimulator;

beforeEach(async () => {
  plaid = await startPlaidSimulator({ users: { users: [user] } });
});
afterEach(() => plaid.close());

const listed = async (): Promise<string[]> => {
  const { json } = await callPlaid(plaid, '/user/items/get', { user_id: 'usr_a' });
  return json.items!.map((item) => item.item_id);
};
const remove = (...ids: string[]) => callPlaid(plaid, '/user/items/remove', { user_id: 'usr_a', item_ids: ids });

describe('read lag', () => {
  it('lists a removed Item for so many more readings, though it cannot be removed again', async () => {
    plaid.configure({ readLag: { reads: 2 } });
    await remove('item-a1');
    expect(plaid.state().items.left).toEqual([{ itemId: 'item-a2', user: 'usr_a' }]);
    expect(await listed()).toEqual(['item-a1', 'item-a2']);
    expect((await remove('item-a1')).status).toBe(400);
    expect(await listed()).toEqual(['item-a1', 'item-a2']);
    expect(await listed()).toEqual(['item-a2']);
  });

  it('lists a removed Item for so long', async () => {
    plaid.configure({ readLag: { ms: 60_000 } });
    await callPlaid(plaid, '/item/remove', { access_token: 'access-sandbox-item-a1' });
    expect(await listed()).toEqual(['item-a1', 'item-a2']);
    plaid.configure({ readLag: { ms: 0 } });
    expect(await listed()).toEqual(['item-a2']);
  });
});

describe('rate limits', () => {
  it('refuse what is above them with the provider’s 429 and process none of it', async () => {
    plaid.configure({
      rateLimits: { userItemsGet: { perSecond: 0.001, burst: 3 } },
      retryAfter: { form: 'seconds', seconds: 9 },
    });
    const responses = await Promise.all(
      Array.from({ length: 5 }, () => callPlaid(plaid, '/user/items/get', { user_id: 'usr_a' })),
    );
    const refused = responses.filter((response) => response.status === 429);
    expect(refused).toHaveLength(2);
    expect(refused[0]).toMatchObject({ json: { error_type: 'RATE_LIMIT_EXCEEDED' }, headers: { 'retry-after': '9' } });
    expect((await remove('item-a1')).status).toBe(200);
    expect(plaid.figures().calls.byEndpoint).toEqual({
      userItemsGet: { received: 5, processed: 3 },
      userItemsRemove: { received: 1, processed: 1 },
    });
  });

  it('for * hold for all endpoints together', async () => {
    plaid.configure({ rateLimits: { '*': { perSecond: 0.001, burst: 1 } } });
    expect((await remove('item-a1')).status).toBe(200);
    expect((await callPlaid(plaid, '/user/remove', { user_id: 'usr_a' })).status).toBe(429);
  });

  it('refill with time', async () => {
    plaid.configure({ rateLimits: { '*': { perSecond: 200, burst: 1 } } });
    const statuses = new Set<number>();
    const untilMs = performance.now() + 5_000;
    await listed();
    while (!statuses.has(200) && performance.now() < untilMs) {
      statuses.add((await callPlaid(plaid, '/user/items/get', { user_id: 'usr_a' })).status);
    }
    expect(statuses).toContain(200);
  });

  it('do not advance the count of a fault rule', async () => {
    plaid.faults.add({ endpoint: '*', kind: 'serverError', nth: 2 });
    plaid.configure({ rateLimits: { userItemsGet: { perSecond: 0.001, burst: 1 } } });
    await listed();
    expect((await callPlaid(plaid, '/user/items/get', { user_id: 'usr_a' })).status).toBe(429);
    expect((await remove('item-a1')).status).toBe(500);
  });
});

it('latency delays the response, not what is done', async () => {
  plaid.configure({ latencyMs: 300 });
  const startedMs = performance.now();
  let responded = false;
  const response = remove('item-a1').finally(() => (responded = true));
  while (plaid.state().touched.length === 0) await new Promise(setImmediate);
  expect(responded).toBe(false);
  expect((await response).status).toBe(200);
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(295);
});

it('only the loopback interface is listened on', async () => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal);
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const socket = connect({ host: outside?.address ?? '127.0.0.2', port: plaid.port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', resolve);
  });
  expect(error?.code).toBe('ECONNREFUSED');
});

describe('starting both', () => {
  it('gives each its own port, and closes both, stalled calls too', async () => {
    const both = await startSimulators({ plaid: { faults: [{ endpoint: '*', kind: 'stall' }] } });
    const stalled = callPlaid(both.plaid, '/user/remove', { user_id: 'usr_a' });
    const broken = expect(stalled).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await callBatch(both.batch, 'DELETE', '/data/users/anna')).status).toBe(200);
    while (both.plaid.calls().total === 0) await new Promise(setImmediate);
    await both.close();
    await broken;
    await expect(callBatch(both.batch, 'DELETE', '/data/users/anna')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('leaves none running when a port is taken', async () => {
    const free = await startPlaidSimulator();
    const port = free.port;
    await free.close();
    await expect(startSimulators({ plaidPort: port, batchPort: plaid.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    const again = await startPlaidSimulator({ port });
    expect(again.url).toBe(`http://127.0.0.1:${port}`);
    await again.close();
  });
});
