import { Pool } from 'undici';
import type { Simulators } from '@temporal-http-tasks/testing/internal/simulators/start-simulators';

/** A user that both simulators know, with Items. */
export interface BenchUser {
  plaidUserId: string;
  batchUserId: string;
}

/** Makes the calls of one offboarding and nothing else: no retry, no record, no check of the response. */
export interface BareLoop {
  /** Returns the number of calls it made. */
  offboard(user: BenchUser): Promise<number>;
  close(): Promise<void>;
}

/**
 * Returns a loop with the calls that `offboardUser` makes when nothing fails, over kept-alive connections as its worker
 * uses.
 */
export function createBareLoop({ plaid, batch }: Simulators): BareLoop {
  const plaidPool = new Pool(plaid.url);
  const batchPool = new Pool(batch.url);
  const plaidHeaders = {
    'content-type': 'application/json',
    'plaid-client-id': plaid.clientId,
    'plaid-secret': plaid.secret,
  };
  const post = async (path: string, body: object): Promise<unknown> =>
    read(await plaidPool.request({ method: 'POST', path, headers: plaidHeaders, body: JSON.stringify(body) }));
  const remove = async (key: string, id: string): Promise<unknown> =>
    read(
      await batchPool.request({
        method: 'DELETE',
        path: `/1.0/${key}/data/users/${encodeURIComponent(id)}`,
        headers: { 'x-authorization': batch.restApiKey },
      }),
    );
  return {
    offboard: async ({ plaidUserId: user_id, batchUserId }) => {
      const { items } = (await post('/user/items/get', { user_id })) as { items: { item_id: string }[] };
      await post('/user/items/remove', { user_id, item_ids: items.map(({ item_id }) => item_id) });
      await post('/user/items/get', { user_id });
      await post('/user/products/terminate', { user_id, reason_code: 'USER_OFFBOARDING' });
      const keys = Object.values(batch.appKeys);
      for (const key of keys) await remove(key, batchUserId);
      return 4 + keys.length;
    },
    close: async () => {
      await Promise.all([plaidPool.close(), batchPool.close()]);
    },
  };
}

async function read(response: Awaited<ReturnType<Pool['request']>>): Promise<unknown> {
  const body = await response.body.json();
  if (response.statusCode !== 200) throw new Error(`The simulator returned ${response.statusCode}.`);
  return body;
}
