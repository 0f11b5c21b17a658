import { startBatchSimulator, startPlaidSimulator } from '@temporal-http-tasks/testing';
import type { BatchSimulator, PlaidSimulator } from '@temporal-http-tasks/testing';
import { callBatch, callPlaid } from './raw-client';

let plaid: PlaidSimulator;
let batch: BatchSimulator;

beforeEach(async () => {
  plaid = await startPlaidSimulator({
    users: { users: [{ userId: 'usr_a', items: ['item-a1', 'item-a2'] }, { userId: 'usr_b' }] },
  });
  batch = await startBatchSimulator({ users: { users: ['anna', 'ben'] } });
});
afterEach(() => Promise.all([plaid.close(), batch.close()]));

const removeItems = (...ids: string[]) => callPlaid(plaid, '/user/items/remove', { user_id: 'usr_a', item_ids: ids });

it('doing everything once repeats nothing', async () => {
  await removeItems('item-a1', 'item-a2');
  await callPlaid(plaid, '/user/products/terminate', { user_id: 'usr_a', reason_code: 'OTHER' });
  await callPlaid(plaid, '/user/remove', { user_id: 'usr_a' });
  await callBatch(batch, 'DELETE', '/data/users/anna');
  await callBatch(batch, 'DELETE', '/data/users/anna', undefined, 'android');
  for (const simulator of [plaid, batch]) {
    expect(simulator.state().repeats).toEqual({ irreversible: [], repeatSafe: [], refused: [] });
  }
});

it('an irreversible call that Plaid refuses because it was done before is a refused repeat', async () => {
  await removeItems('item-a1');
  await removeItems('item-a1', 'item-a2');
  await removeItems('item-a1');
  await callPlaid(plaid, '/item/remove', { access_token: 'access-sandbox-item-a1' });
  await callPlaid(plaid, '/user/remove', { user_id: 'usr_b' });
  await callPlaid(plaid, '/user/remove', { user_id: 'usr_b' });
  expect(plaid.state().repeats).toEqual({
    irreversible: [],
    repeatSafe: [],
    refused: [
      { endpoint: 'userItemsRemove', user: 'usr_a', item: 'item-a1', times: 2 },
      { endpoint: 'itemRemove', user: 'usr_a', item: 'item-a1', times: 1 },
      { endpoint: 'userRemove', user: 'usr_b', times: 1 },
    ],
  });
  expect(plaid.figures().repeatCounts).toEqual({ irreversible: 0, repeatSafe: 0, refused: 4 });
});

it('a provider that processes repeats shows each irreversible one', async () => {
  plaid.configure({ repeatedRemovals: 'process' });
  for (let n = 0; n < 2; n++) {
    expect((await removeItems('item-a1')).status).toBe(200);
    expect((await callPlaid(plaid, '/item/remove', { access_token: 'access-sandbox-item-a2' })).status).toBe(200);
    expect((await callPlaid(plaid, '/user/remove', { user_id: 'usr_b' })).status).toBe(200);
  }
  expect(plaid.state().repeats).toEqual({
    irreversible: [
      { endpoint: 'userItemsRemove', user: 'usr_a', item: 'item-a1', times: 1 },
      { endpoint: 'itemRemove', user: 'usr_a', item: 'item-a2', times: 1 },
      { endpoint: 'userRemove', user: 'usr_b', times: 1 },
    ],
    repeatSafe: [],
    refused: [],
  });
});

it('a call whose response was lost counts as done, so that sending it again is a repeat', async () => {
  plaid.faults.add({ endpoint: 'userItemsRemove', kind: 'dropAfter', nth: 1 });
  plaid.faults.add({ endpoint: 'userProductsTerminate', kind: 'dropBefore', nth: 1 });
  await expect(removeItems('item-a1')).rejects.toThrow();
  await removeItems('item-a1');
  const terminate = () => callPlaid(plaid, '/user/products/terminate', { user_id: 'usr_a', reason_code: 'OTHER' });
  await expect(terminate()).rejects.toThrow();
  await terminate();
  expect(plaid.state().repeats).toMatchObject({ refused: [{ item: 'item-a1', times: 1 }], repeatSafe: [] });
});

it('repeat-safe calls are counted by effect: one id deleted alone and in bulk is deleted twice', async () => {
  await callPlaid(plaid, '/user/products/terminate', { user_id: 'usr_a', reason_code: 'OTHER' });
  await callPlaid(plaid, '/user/products/terminate', { user_id: 'usr_a', reason_code: 'OTHER' });
  await callBatch(batch, 'DELETE', '/data/users/anna');
  await callBatch(batch, 'DELETE', '/data/users', ['anna', 'ben', 'ben']);
  const request = { request_type: 'remove', id: { type: 'custom_id', value: 'anna' } };
  await callBatch(batch, 'POST', '/gdpr/request', request);
  await callBatch(batch, 'POST', '/gdpr/request', request);
  expect(plaid.state().repeats.repeatSafe).toEqual([{ endpoint: 'userProductsTerminate', user: 'usr_a', times: 1 }]);
  expect(batch.state().repeats).toEqual({
    irreversible: [],
    repeatSafe: [
      { endpoint: 'customDataBulkDelete', user: 'anna', app: 'ios', times: 1 },
      { endpoint: 'gdprRequestCreate', user: 'anna', app: 'ios', times: 1 },
    ],
    refused: [],
  });
});

it('a user that is seeded again starts over', async () => {
  await removeItems('item-a1');
  plaid.seed({ users: [{ userId: 'usr_a', items: ['item-a1'] }] });
  expect((await removeItems('item-a1')).status).toBe(200);
  expect(plaid.state().repeats.refused).toEqual([]);
});
