import { Pool } from 'undici';
import type { Dispatcher } from 'undici';

/** Where the calls go. */
export interface PeerProviders {
  plaid: { url: string; clientId: string; secret: string };
  batch: { url: string; restApiKey: string };
}

/** The calls of an offboarding as activities that record nothing and settle nothing. */
export interface PeerActivities {
  list(userId: string): Promise<string[]>;
  remove(userId: string, itemIds: readonly string[]): Promise<void>;
  terminate(userId: string): Promise<void>;
  /** Deletes the custom data of a user of Batch under one app key. */
  deleteData(appKey: string, userId: string): Promise<void>;
  /** All calls for one user of Plaid. */
  offboard(userId: string): Promise<void>;
  offboardAll(userIds: readonly string[]): Promise<void>;
}

const CONNECTIONS = 64;

/** @returns The activities, and how to close their connections. */
export function createPeerActivities({ plaid, batch }: PeerProviders): {
  activities: PeerActivities;
  close: () => Promise<void>;
} {
  const plaidPool = new Pool(plaid.url, { connections: CONNECTIONS, pipelining: 1 });
  const batchPool = new Pool(batch.url, { connections: CONNECTIONS, pipelining: 1 });
  const plaidHeaders = {
    'content-type': 'application/json',
    'plaid-client-id': plaid.clientId,
    'plaid-secret': plaid.secret,
  };
  const batchHeaders = { 'x-authorization': batch.restApiKey };
  const post = async (path: string, body: object): Promise<unknown> =>
    read(await plaidPool.request({ method: 'POST', path, headers: plaidHeaders, body: JSON.stringify(body) }));
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
  const deleteData = async (appKey: string, userId: string): Promise<void> => {
    const path = `/1.0/${appKey}/data/users/${encodeURIComponent(userId)}`;
    await read(await batchPool.request({ method: 'DELETE', path, headers: batchHeaders }));
  };
  const offboard = async (userId: string): Promise<void> => {
    await remove(userId, await list(userId));
    await list(userId);
    await terminate(userId);
  };
  const offboardAll = async (userIds: readonly string[]): Promise<void> => {
    const left = userIds.values();
    const lane = async (): Promise<void> => {
      for (const userId of left) await offboard(userId);
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  };
  return {
    activities: { list, remove, terminate, deleteData, offboard, offboardAll },
    close: async () => {
      await Promise.all([plaidPool.close(), batchPool.close()]);
    },
  };
}

async function read(response: Dispatcher.ResponseData): Promise<unknown> {
  const body = await response.body.json();
  if (response.statusCode !== 200) throw new Error(`The simulator returned ${response.statusCode}.`);
  return body;
}
