import { CALLS, READS } from '../oracle/cell';
import type { Call, Cell, When } from '../oracle/cell';
import type { FaultName } from '../oracle/fault-natures';
import type { FaultRuleInput } from '../simulators/control-api';
import type { Simulators } from '../simulators/start-simulators';
import { CALL_FAULTS } from './fault-rules';

/** One user of the matrix, at both providers. */
export interface MatrixUser {
  plaidUserId: string;
  batchUserId: string;
  items: readonly string[];
}

/** Whose Item is asked for where it should not be. */
export const FOREIGN_ITEM = 'item-of-a-bystander';
export const BYSTANDER = 'bystander';

/** The times, counted over the calls about one user, at which a rule strikes. */
const STRIKES: Record<When, Pick<FaultRuleInput, 'nth'>> = { once: { nth: 1 }, twice: { nth: [1, 2] }, always: {} };
/** Before something is removed, no list can lag behind. */
const STRIKES_OF_LISTS: Record<When, Pick<FaultRuleInput, 'nth'>> = {
  once: { nth: 2 },
  twice: { nth: [2, 3] },
  always: {},
};

/** Makes the users who are not offboarded. */
export function seedBystanders({ plaid, batch }: Simulators): void {
  plaid.seed({
    users: [{ userId: BYSTANDER, items: [FOREIGN_ITEM] }],
    generate: { prefix: `${BYSTANDER}-`, count: 20 },
  });
  batch.seed({ users: [BYSTANDER], generate: { prefix: `${BYSTANDER}-`, count: 20 } });
}

/** Makes a user at both providers. */
export function seedUser({ plaid, batch }: Simulators, name: string): MatrixUser {
  const user = {
    plaidUserId: `usr_${name}`,
    batchUserId: `customer-${name}`,
    items: [`item-${name}-1`, `item-${name}-2`],
  };
  plaid.seed({ users: [{ userId: user.plaidUserId, items: user.items.slice() }] });
  batch.seed({ users: [user.batchUserId] });
  return user;
}

/** Whether a call is Plaid's. */
export function isAtPlaid(call: string): boolean {
  return (['userItemsGet', 'userItemsRemove', 'userProductsTerminate', 'userRemove'] as string[]).includes(call);
}

/** Whether there is such a cell: not every fault can happen to every call, nor more than once. */
export function isCell({ flow, call, fault, when }: Omit<Cell, 'policy'>): boolean {
  if (!(CALLS[flow] as readonly Call[]).includes(call)) return false;
  switch (fault as FaultName) {
    case 'list that lags':
      return call === 'userItemsGet';
    case 'already gone':
      return when === 'once' && call !== 'gdprRequestGet';
    case "somebody else's Item":
      return when === 'once' && call === 'userItemsRemove';
    default:
      // There is nothing about a list that could be done or not.
      return !(READS.includes(call) && fault.endsWith('(not done)'));
  }
}

/** Has the calls about this user meet the fault. */
export function layFault(
  { plaid, batch }: Simulators,
  user: MatrixUser,
  { call, fault, when }: Pick<Cell, 'call' | 'fault' | 'when'>,
): void {
  const rule = CALL_FAULTS[fault as FaultName];
  if (!rule) return;
  const strikes = rule.kind === 'staleRead' ? STRIKES_OF_LISTS[when] : STRIKES[when];
  const atPlaid = isAtPlaid(call);
  const whole = { ...rule, ...strikes, endpoint: call, user: atPlaid ? user.plaidUserId : user.batchUserId };
  (atPlaid ? plaid : batch).faults.add(whole);
}

/** Another client with the same keys does beforehand what the call is for. */
export async function doBeforehand(simulators: Simulators, user: MatrixUser, call: Call): Promise<void> {
  const { plaid, batch } = simulators;
  const atPlaid = (path: string, body: object): Promise<unknown> =>
    send(
      `${plaid.url}${path}`,
      'POST',
      { 'plaid-client-id': plaid.clientId, 'plaid-secret': plaid.secret },
      { user_id: user.plaidUserId, ...body },
    );
  const atBatch = async (method: string, path: string, body?: unknown): Promise<unknown[]> =>
    Promise.all(
      Object.values(batch.appKeys).map((key) =>
        send(`${batch.url}/1.0/${key}${path}`, method, { 'x-authorization': batch.restApiKey }, body),
      ),
    );
  switch (call) {
    case 'userItemsRemove':
      await atPlaid('/user/items/remove', { item_ids: user.items });
      return;
    case 'userProductsTerminate':
      await atPlaid('/user/products/terminate', { reason_code: 'OTHER' });
      return;
    case 'userItemsGet':
    case 'userRemove':
      await atPlaid('/user/remove', {});
      return;
    case 'customDataDelete':
    case 'customDataBulkDelete':
      await atBatch('DELETE', '/data/users', [user.batchUserId]);
      return;
    case 'gdprRequestCreate':
    case 'gdprRequestGet':
      for (const [app, key] of Object.entries(batch.appKeys)) {
        const headers = { 'x-authorization': batch.restApiKey };
        const { token } = (await send(`${batch.url}/1.0/${key}/gdpr/request`, 'POST', headers, {
          request_type: 'remove',
          id: { type: 'custom_id', value: user.batchUserId },
        })) as { token?: string };
        if (token === undefined) throw new Error(`The removal at ${app} was not taken.`);
        // A request is processed when it is read.
        for (let look = 0; look < 2; look += 1)
          await send(`${batch.url}/1.0/${key}/gdpr/request/${token}`, 'GET', headers);
      }
  }
}

async function send(url: string, method: string, headers: Record<string, string>, body?: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${new URL(url).pathname}: ${response.status}`);
  return response.json();
}
