import { Pool } from 'undici';

/** Where the calls go. */
export interface PeerProvider {
  url: string;
  clientId: string;
  secret: string;
}

/** The calls of an offboarding at Plaid as activities that record nothing and settle nothing. */
export interface PeerActivities {
  list(userId: string): Promise<string[]>;
  remove(userId: string, itemIds: readonly string[]): Promise<void>;
  terminate(userId: string): Promise<void>;
  offboard(userId: string): Promise<void>;
  offboardAll(userIds: readonly string[]): Promise<void>;
}

const CONNECTIONS = 64;

export function createPeerActivities({ url, clientId, secret }: PeerProvider): PeerActivities {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const headers = { 'content-type': 'application/json', 'plaid-client-id': clientId, 'plaid-secret': secret };
  const post = async (path: string, body: object): Promise<unknown> => {
    const response = await pool.request({ method: 'POST', path, headers, body: JSON.stringify(body) });
    const parsed = await response.body.json();
    if (response.statusCode !== 200) throw new Error(`The simulator returned ${response.statusCode}.`);
    return parsed;
  };
  const list = async (user_id: string): Promise<string[]> => {
    const { items } = (await post('/user/items/get', { user_id })) as { items: { item_id: string }[] };
    return items.map(({ item_id }) => item_id);
  };
  const remove = async (user_id: string, item_ids: readonly string[]): Promise<void> => {
    await post('/user/items/remove', { user_id, item_ids });
  };
  const terminate = async (user_id: string): Promise<void> => {
    await post('/user/products/terminate', { user_id, reason_code: 'USER_OFFBOARDING' });
  };
  const offboard = async (userId: string): Promise<void> => {
    await remove(userId, await list(userId));
    await list(userId);
    await terminate(userId);
  };
  return {
    list,
    remove,
    terminate,
    offboard,
    offboardAll: async (userIds) => {
      const left = userIds.values();
      const lane = async (): Promise<void> => {
        for (const userId of left) await offboard(userId);
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, lane));
    },
  };
}
