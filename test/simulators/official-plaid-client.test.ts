import { Configuration, ItemRemoveReasonCode, PlaidApi, ProductsTerminateReasonCode } from 'plaid';
import type { PlaidError } from 'plaid';
import { startPlaidSimulator } from '@temporal-http-tasks/testing';
import type { PlaidSimulator } from '@temporal-http-tasks/testing';

let simulator: PlaidSimulator;
let client: PlaidApi;

beforeEach(async () => {
  simulator = await startPlaidSimulator({
    users: {
      users: [
        { userId: 'usr_a', userToken: 'user-sandbox-a', items: ['item-1', 'item-2', 'item-3'] },
        { userId: 'usr_b' },
      ],
    },
  });
  client = clientWith(simulator.secret);
});
afterEach(() => simulator.close());

const clientWith = (secret: string): PlaidApi =>
  new PlaidApi(
    new Configuration({
      basePath: simulator.url,
      baseOptions: { headers: { 'PLAID-CLIENT-ID': simulator.clientId, 'PLAID-SECRET': secret } },
    }),
  );

async function errorOf(call: Promise<unknown>): Promise<{ status?: number } & PlaidError> {
  const failure = await call.then(
    () => undefined,
    (cause: unknown) => cause as { response?: { status: number; data: PlaidError } },
  );
  if (!failure?.response) throw new Error('the call did not fail with an answer');
  return { ...failure.response.data, status: failure.response.status };
}

it('offboards a user with all five calls', async () => {
  const listed = await client.userItemsGet({ user_id: 'usr_a' });
  expect(listed.data.items.map((item) => item.item_id)).toEqual(['item-1', 'item-2', 'item-3']);
  expect(listed.data.items[0]).toMatchObject({ webhook: null, error: null, update_type: 'background' });

  const removed = await client.userItemsRemove({ user_token: 'user-sandbox-a', item_ids: ['item-1', 'item-2'] });
  const single = await client.itemRemove({
    access_token: 'access-sandbox-item-3',
    reason_code: ItemRemoveReasonCode.Other,
  });
  const terminated = await client.userProductsTerminate({
    user_id: 'usr_a',
    reason_code: ProductsTerminateReasonCode.UserOffboarding,
  });
  expect((await client.userItemsGet({ user_id: 'usr_a' })).data.items).toEqual([]);
  const user = await client.userRemove({ user_id: 'usr_a' });

  const requestIds = [listed, removed, single, terminated, user].map((response) => response.data.request_id);
  expect(new Set(requestIds).size).toBe(5);
  expect(simulator.state()).toMatchObject({ gone: ['usr_a'], left: ['usr_b'], removedUsers: ['usr_a'] });
});

it('knows every reason code that the client knows', async () => {
  for (const code of Object.values(ProductsTerminateReasonCode)) {
    expect((await client.userProductsTerminate({ user_id: 'usr_b', reason_code: code })).status).toBe(200);
  }
  for (const [n, code] of Object.values(ItemRemoveReasonCode).entries()) {
    simulator.seed({ users: [{ userId: `usr_reason_${n}`, items: [`item-reason-${n}`] }] });
    expect(
      (await client.itemRemove({ access_token: `access-sandbox-item-reason-${n}`, reason_code: code })).status,
    ).toBe(200);
  }
});

it('gets the error types and codes that Plaid documents', async () => {
  expect(await errorOf(clientWith('wrong').userItemsGet({ user_id: 'usr_a' }))).toMatchObject({
    status: 400,
    error_type: 'INVALID_INPUT',
    error_code: 'INVALID_API_KEYS',
  });
  expect(await errorOf(client.userItemsGet({ user_id: 'usr_zz' }))).toMatchObject({
    error_type: 'USER_ERROR',
    error_code: 'USER_NOT_FOUND',
  });
  expect(await errorOf(client.userItemsRemove({ user_id: 'usr_b', item_ids: ['item-1'] }))).toMatchObject({
    status: 400,
  });

  await client.itemRemove({ access_token: 'access-sandbox-item-1' });
  expect(await errorOf(client.itemRemove({ access_token: 'access-sandbox-item-1' }))).toMatchObject({
    error_type: 'ITEM_ERROR',
    error_code: 'ITEM_NOT_FOUND',
  });
  await client.userRemove({ user_id: 'usr_b' });
  expect(await errorOf(client.userRemove({ user_id: 'usr_b' }))).toMatchObject({
    error_type: 'USER_ERROR',
    error_code: 'USER_NOT_FOUND',
  });
  simulator.faults.add({ endpoint: 'userItemsGet', kind: 'rateLimit' });
  expect(await errorOf(client.userItemsGet({ user_id: 'usr_a' }))).toMatchObject({
    status: 429,
    error_type: 'RATE_LIMIT_EXCEEDED',
    display_message: null,
    request_id: expect.any(String),
  });
});
