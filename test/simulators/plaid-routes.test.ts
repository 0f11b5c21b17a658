import { startPlaidSimulator } from '@temporal-http-tasks/testing';
import type { PlaidSimulator } from '@temporal-http-tasks/testing';
import { callPlaid, exchange, plaidHeaders } from './raw-client';
import type { RawResponse } from './raw-client';

let plaid: PlaidSimulator;

beforeEach(async () => {
  plaid = await startPlaidSimulator({
    users: {
      users: [
        { userId: 'usr_a', userToken: 'user-sandbox-a', items: ['item-a1', 'item-a2'] },
        { userId: 'usr_b', items: [{ itemId: 'item-b1', accessToken: 'access-sandbox-own-token' }] },
        { userId: 'old-c', userToken: 'user-sandbox-c', tokenOnly: true, items: ['item-c1'] },
      ],
    },
  });
});
afterEach(() => plaid.close());

const errorOf = (response: RawResponse): unknown[] => [
  response.status,
  response.json.error_type,
  response.json.error_code,
];

const listed = async (userId: string): Promise<string[]> => {
  const response = await callPlaid(plaid, '/user/items/get', { user_id: userId });
  return response.json.items!.map((item) => item.item_id);
};

describe('keys', () => {
  it('are taken from the headers or from the body', async () => {
    const body = JSON.stringify({ user_id: 'usr_a', client_id: plaid.clientId, secret: plaid.secret });
    expect((await exchange(plaid.port, 'POST', '/user/items/get', {}, body)).status).toBe(200);
    expect((await callPlaid(plaid, '/user/items/get', { user_id: 'usr_a' })).status).toBe(200);
  });

  it('that are wrong are refused with INVALID_API_KEYS and change nothing', async () => {
    const headers = { ...plaidHeaders(plaid), 'plaid-secret': 'wrong' };
    const response = await exchange(plaid.port, 'POST', '/user/remove', headers, JSON.stringify({ user_id: 'usr_a' }));
    expect(errorOf(response)).toEqual([400, 'INVALID_INPUT', 'INVALID_API_KEYS']);
    expect(plaid.state().touched).toEqual([]);
  });

  it('that are absent are named', async () => {
    const response = await exchange(plaid.port, 'POST', '/user/remove', {}, JSON.stringify({ user_id: 'usr_a' }));
    expect(errorOf(response)).toEqual([400, 'INVALID_REQUEST', 'MISSING_FIELDS']);
    expect(response.json.error_message).toContain('client_id, secret');
  });
});

describe('every response', () => {
  it('has the error body that Plaid documents', async () => {
    const { json } = await callPlaid(plaid, '/user/items/get', { user_id: 'usr_nobody' });
    expect(json).toEqual({
      error_type: 'USER_ERROR',
      error_code: 'USER_NOT_FOUND',
      error_message: expect.any(String),
      display_message: null,
      documentation_url: expect.any(String),
      suggested_action: null,
      request_id: expect.stringMatching(/^[0-9a-z]{15}$/),
    });
  });

  it('has a fresh request id', async () => {
    const ids = new Set<unknown>();
    for (let n = 0; n < 20; n++)
      ids.add((await callPlaid(plaid, '/user/items/get', { user_id: 'usr_a' })).json.request_id);
    expect(ids.size).toBe(20);
  });

  it('refuses a body that is not a JSON object, another method and an unknown path', async () => {
    for (const body of ['{"user_id":', '[]', '"usr_a"', '']) {
      const response = await exchange(plaid.port, 'POST', '/user/items/get', plaidHeaders(plaid), body);
      expect(errorOf(response)).toEqual([400, 'INVALID_REQUEST', 'INVALID_BODY']);
    }
    expect(errorOf(await exchange(plaid.port, 'GET', '/user/items/get'))).toEqual([
      404,
      'INVALID_REQUEST',
      'NOT_FOUND',
    ]);
    expect(errorOf(await callPlaid(plaid, '/user/purge', {}))).toEqual([404, 'INVALID_REQUEST', 'NOT_FOUND']);
  });

  it('ignores body fields that it does not know', async () => {
    expect((await callPlaid(plaid, '/user/items/get', { user_id: 'usr_a', colour: 'red' })).status).toBe(200);
  });
});

describe('user_id and user_token', () => {
  it.each([
    [{ user_id: 'usr_a' }, 200],
    [{ user_token: 'user-sandbox-a' }, 200],
    [{ user_id: 'user-sandbox-c' }, 200],
    [{ user_token: 'user-sandbox-c', user_id: null }, 200],
    [{ user_id: 'old-c' }, 400],
    [{ user_id: 'usr_a', user_token: 'user-sandbox-a' }, 400],
    [{}, 400],
    [{ user_id: '' }, 400],
    [{ user_id: 12 }, 400],
  ])('%j is rejected with %i', async (body, status) => {
    expect((await callPlaid(plaid, '/user/items/get', body)).status).toBe(status);
  });
});

describe('/user/items/get', () => {
  it('lists each Item with all fields that the OpenAPI document requires', async () => {
    const { json } = await callPlaid(plaid, '/user/items/get', { user_id: 'usr_a' });
    expect(json.items).toHaveLength(2);
    for (const item of json.items!) {
      expect(Object.keys(item)).toEqual(
        expect.arrayContaining([
          'item_id',
          'webhook',
          'error',
          'available_products',
          'billed_products',
          'consent_expiration_time',
          'update_type',
        ]),
      );
    }
  });
});

describe('/user/items/remove', () => {
  it('removes the named Items and no other', async () => {
    const response = await callPlaid(plaid, '/user/items/remove', {
      user_id: 'usr_a',
      item_ids: ['item-a1', 'item-a1'],
    });
    expect(response.status).toBe(200);
    expect(Object.keys(response.json)).toEqual(['request_id']);
    expect(await listed('usr_a')).toEqual(['item-a2']);
    expect(await listed('usr_b')).toEqual(['item-b1']);
  });

  it.each([
    ["another user's Item", ['item-a1', 'item-b1']],
    ['an Item that never was', ['item-a1', 'item-zz']],
  ])('removes nothing when one of the ids is %s', async (_what, ids) => {
    const response = await callPlaid(plaid, '/user/items/remove', { user_id: 'usr_a', item_ids: ids });
    expect(errorOf(response)).toEqual([400, 'INVALID_REQUEST', 'INVALID_FIELD']);
    expect(await listed('usr_a')).toEqual(['item-a1', 'item-a2']);
    expect(plaid.state().touched).toEqual([]);
  });

  it('removes nothing when one of the ids is already removed', async () => {
    await callPlaid(plaid, '/user/items/remove', { user_id: 'usr_a', item_ids: ['item-a1'] });
    const response = await callPlaid(plaid, '/user/items/remove', {
      user_id: 'usr_a',
      item_ids: ['item-a1', 'item-a2'],
    });
    expect(response.status).toBe(400);
    expect(await listed('usr_a')).toEqual(['item-a2']);
  });

  it('returns the configured error for a foreign Item, as Plaid does not document one', async () => {
    plaid.configure({ foreignItemError: { errorType: 'ITEM_ERROR', errorCode: 'ITEM_NOT_FOUND' } });
    const response = await callPlaid(plaid, '/user/items/remove', { user_id: 'usr_a', item_ids: ['item-b1'] });
    expect(errorOf(response)).toEqual([400, 'ITEM_ERROR', 'ITEM_NOT_FOUND']);
  });

  it.each([
    [undefined, 'MISSING_FIELDS'],
    [[], 'INVALID_FIELD'],
    ['item-a1', 'INVALID_FIELD'],
    [[1], 'INVALID_FIELD'],
  ])('refuses item_ids %j with %s', async (ids, code) => {
    const response = await callPlaid(plaid, '/user/items/remove', { user_id: 'usr_a', item_ids: ids });
    expect(errorOf(response)).toEqual([400, 'INVALID_REQUEST', code]);
  });
});

describe('/user/products/terminate', () => {
  it('records the reason, and may be repeated', async () => {
    for (const reason of ['USER_OFFBOARDING', 'FRAUD_TRANSACTION']) {
      const response = await callPlaid(plaid, '/user/products/terminate', {
        user_id: 'usr_a',
        reason_code: reason,
        reason_note: 'x',
      });
      expect(response.status).toBe(200);
    }
    expect(plaid.state().terminated).toEqual([{ user: 'usr_a', reasonCode: 'FRAUD_TRANSACTION', times: 2 }]);
    expect(await listed('usr_a')).toHaveLength(2);
  });

  it.each([
    [{ user_id: 'usr_a' }, 'MISSING_FIELDS'],
    [{ user_token: 'user-sandbox-a', reason_code: 'OTHER' }, 'MISSING_FIELDS'],
    [{ user_id: 'usr_a', reason_code: 'CONNECTION_IS_NON_FUNCTIONAL' }, 'INVALID_FIELD'],
    [{ user_id: 'usr_a', reason_code: 'OTHER', reason_note: 'x'.repeat(513) }, 'INVALID_FIELD'],
  ])('refuses %j with %s', async (body, code) => {
    const response = await callPlaid(plaid, '/user/products/terminate', body);
    expect(errorOf(response)).toEqual([400, 'INVALID_REQUEST', code]);
    expect(plaid.state().terminated).toEqual([]);
  });

  it('does not find a user that was removed', async () => {
    await callPlaid(plaid, '/user/remove', { user_id: 'usr_a' });
    const response = await callPlaid(plaid, '/user/products/terminate', { user_id: 'usr_a', reason_code: 'OTHER' });
    expect(errorOf(response)).toEqual([400, 'USER_ERROR', 'USER_NOT_FOUND']);
  });
});

describe('/item/remove', () => {
  it.each([
    ['usr_a', 'access-sandbox-item-a1', ['item-a2']],
    ['usr_b', 'access-sandbox-own-token', []],
  ])('removes the Item of %s by its token, once', async (user, accessToken, left) => {
    expect((await callPlaid(plaid, '/item/remove', { access_token: accessToken, reason_code: 'OTHER' })).status).toBe(
      200,
    );
    expect(await listed(user)).toEqual(left);
    const again = await callPlaid(plaid, '/item/remove', { access_token: accessToken });
    expect(errorOf(again)).toEqual([400, 'ITEM_ERROR', 'ITEM_NOT_FOUND']);
  });

  it.each([
    [{}, 'INVALID_REQUEST', 'MISSING_FIELDS'],
    [{ access_token: 'access-production-item-a1' }, 'INVALID_INPUT', 'INVALID_ACCESS_TOKEN'],
    [{ access_token: 'access-sandbox-nothing' }, 'INVALID_INPUT', 'INVALID_ACCESS_TOKEN'],
    [{ access_token: 'access-sandbox-item-a1', reason_code: 'USER_OFFBOARDING' }, 'INVALID_REQUEST', 'INVALID_FIELD'],
  ])('refuses %j with %s/%s', async (body, type, code) => {
    expect(errorOf(await callPlaid(plaid, '/item/remove', body))).toEqual([400, type, code]);
    expect(plaid.state().items.removed).toEqual([]);
  });
});

describe('/user/remove', () => {
  it('removes the user with its Items, once', async () => {
    expect((await callPlaid(plaid, '/user/remove', { user_token: 'user-sandbox-a' })).status).toBe(200);
    const state = plaid.state();
    expect(state.removedUsers).toEqual(['usr_a']);
    expect(state.items.removed.map((item) => item.itemId)).toEqual(['item-a1', 'item-a2']);
    for (const path of ['/user/remove', '/user/items/get']) {
      expect(errorOf(await callPlaid(plaid, path, { user_id: 'usr_a' }))).toEqual([
        400,
        'USER_ERROR',
        'USER_NOT_FOUND',
      ]);
    }
  });
});

describe('single Items', () => {
  const TOKEN = 'access-sandbox-own-token';

  it.each(['/item/remove', '/item/products/terminate'])('are not found any more after %s', async (path) => {
    const body = { access_token: TOKEN, ...(path.includes('terminate') && { reason_code: 'USER_OFFBOARDING' }) };
    expect((await callPlaid(plaid, '/item/get', { access_token: TOKEN })).json).toMatchObject({
      item: { item_id: 'item-b1' },
    });
    expect((await callPlaid(plaid, path, body)).status).toBe(200);
    expect(errorOf(await callPlaid(plaid, '/item/get', { access_token: TOKEN }))).toEqual([
      400,
      'ITEM_ERROR',
      'ITEM_NOT_FOUND',
    ]);
    expect(plaid.state().items.removed).toEqual([{ itemId: 'item-b1', user: 'usr_b' }]);
  });

  it('of no one are refused, and so is a termination without a reason', async () => {
    expect(errorOf(await callPlaid(plaid, '/item/get', { access_token: 'access-production-x' }))).toEqual([
      400,
      'INVALID_INPUT',
      'INVALID_ACCESS_TOKEN',
    ]);
    expect(errorOf(await callPlaid(plaid, '/item/products/terminate', { access_token: TOKEN }))).toEqual([
      400,
      'INVALID_REQUEST',
      'MISSING_FIELDS',
    ]);
  });

  it('can be given to another user, whose they are then', async () => {
    const body = { user_id: 'usr_b', item_ids: ['item-a1'] };
    expect((await callPlaid(plaid, '/user/items/associate', body)).status).toBe(200);
    expect([await listed('usr_a'), await listed('usr_b')]).toEqual([['item-a2'], ['item-b1', 'item-a1']]);
    const both = { user_id: 'usr_a', item_ids: ['item-a1', 'item-a2'] };
    expect((await callPlaid(plaid, '/user/items/remove', both)).status).toBe(400);
    expect(plaid.state().items.removed).toEqual([]);
  });

  it('leave Asset Reports, which are removed on their own', async () => {
    const response = await callPlaid(plaid, '/asset_report/remove', { asset_report_token: 'assets-sandbox-1' });
    expect(response.json).toMatchObject({ removed: true });
  });
});
