import { startBatchSimulator, startPlaidSimulator } from '@temporal-http-tasks/testing';
import type { FaultRuleInput, PlaidSimulator } from '@temporal-http-tasks/testing';
import { callBatch, callPlaid } from './raw-client';

let plaid: PlaidSimulator;

beforeEach(async () => {
  plaid = await startPlaidSimulator({ users: { generate: { count: 3, prefix: 'usr_' } } });
});
afterEach(() => plaid.close());

/** The numbers, counted from 1, of the calls that got a fault. */
async function faulty(calls: number, on: PlaidSimulator = plaid): Promise<number[]> {
  const numbers: number[] = [];
  for (let n = 1; n <= calls; n++) {
    if ((await callPlaid(on, '/user/items/get', { user_id: 'usr_0' })).status === 500) numbers.push(n);
  }
  return numbers;
}

it('a rule without nth or probability fires on every call of its endpoint and on no other', async () => {
  plaid.faults.add({ endpoint: 'userItemsGet', kind: 'serverError' });
  expect(await faulty(3)).toEqual([1, 2, 3]);
  expect((await callPlaid(plaid, '/user/remove', { user_id: 'usr_0' })).status).toBe(200);
});

it('nth counts the calls that the rule matches', async () => {
  plaid.faults.add({ endpoint: 'userItemsGet', kind: 'serverError', nth: [2, 4] });
  await callPlaid(plaid, '/user/remove', { user_id: 'usr_1' });
  expect(await faulty(5)).toEqual([2, 4]);
});

it('times ends a rule', async () => {
  plaid.faults.add({ endpoint: '*', kind: 'serverError', times: 2 });
  expect(await faulty(4)).toEqual([1, 2]);
  expect(plaid.faults.list().faults).toMatchObject([{ matched: 4, fired: 2 }]);
});

it('of two rules that fit a call the first fires, and the second counts it too', async () => {
  plaid.faults.add([
    { endpoint: '*', kind: 'maintenance', nth: 2 },
    { endpoint: 'userItemsGet', kind: 'serverError', nth: [2, 3] },
  ]);
  expect(await faulty(4)).toEqual([3]);
  expect(plaid.calls().calls.map((call) => call.fault)).toEqual([undefined, 'maintenance', 'serverError', undefined]);
});

it('a rule for one user leaves the others alone', async () => {
  plaid.faults.add({ endpoint: '*', user: 'usr_1', kind: 'serverError' });
  expect(await faulty(1)).toEqual([]);
  const touched = await callPlaid(plaid, '/item/remove', { access_token: 'access-sandbox-item-usr_1-0' });
  expect(touched.status).toBe(500);
});

it('a rule for one user matches a bulk call that names it among others', async () => {
  const batch = await startBatchSimulator({
    faults: [{ endpoint: 'customDataBulkDelete', user: 'b', kind: 'serverError' }],
  });
  expect((await callBatch(batch, 'DELETE', '/data/users', ['a', 'c'])).status).toBe(200);
  expect((await callBatch(batch, 'DELETE', '/data/users', ['a', 'b'])).status).toBe(500);
  await batch.close();
});

it('a rule for one user matches the readings of a GDPR request about it', async () => {
  const batch = await startBatchSimulator({ faults: [{ endpoint: 'gdprRequestGet', user: 'b', kind: 'serverError' }] });
  const statuses: number[] = [];
  for (const value of ['a', 'b']) {
    const body = { request_type: 'remove', id: { type: 'custom_id', value } };
    const { json } = await callBatch(batch, 'POST', '/gdpr/request', body);
    statuses.push((await callBatch(batch, 'GET', `/gdpr/request/${json.token}`)).status);
  }
  expect(statuses).toEqual([200, 500]);
  await batch.close();
});

describe('probability', () => {
  const half: FaultRuleInput = { endpoint: '*', kind: 'serverError', probability: 0.5 };

  it('fires on about that part of the calls, and on the same ones after a reset', async () => {
    plaid.faults.add(half);
    const first = await faulty(200);
    expect(first.length).toBeGreaterThan(60);
    expect(first.length).toBeLessThan(140);
    plaid.reset();
    expect(await faulty(1)).toEqual([]);
    plaid.reset();
    plaid.faults.add(half);
    expect(await faulty(200)).toEqual(first);
  });

  it('fires on the same calls in another simulator of the same seed, and on others with another seed', async () => {
    const same = await startPlaidSimulator({ faults: [half], seed: 42 });
    const twin = await startPlaidSimulator({ faults: [half], seed: 42 });
    const other = await startPlaidSimulator({ faults: [half], seed: 43 });
    const [a, b, c] = await Promise.all([faulty(60, same), faulty(60, twin), faulty(60, other)]);
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
    await Promise.all([same.close(), twin.close(), other.close()]);
  });

  it('of two rules do not fire together', async () => {
    plaid.faults.add([half, { ...half, kind: 'maintenance' }]);
    await faulty(60);
    const kinds = new Set(plaid.calls().calls.map((call) => call.fault));
    expect(kinds).toEqual(new Set([undefined, 'serverError', 'maintenance']));
  });

  it('of 0 never fires and of 1 always does', async () => {
    plaid.faults.add([
      { endpoint: '*', kind: 'maintenance', probability: 0 },
      { endpoint: '*', kind: 'serverError', probability: 1 },
    ]);
    expect(await faulty(20)).toHaveLength(20);
  });
});

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

it('a rule that does not fit is refused by the field, and none of its list is added', () => {
  const bad = [
    { endpoint: '*', kind: 'serverError' },
    { endpoint: 'usersRemove', kind: 'serverError' },
  ] as unknown as FaultRuleInput[];
  expect(errorOf(() => plaid.faults.add(bad))).toMatchObject({ name: 'ControlError', field: '1.endpoint' });
  expect(() => plaid.faults.add({ endpoint: '*', kind: 'serverError', nth: 1, probability: 0.5 })).toThrow('not both');
  expect(plaid.faults.list().faults).toEqual([]);
});
