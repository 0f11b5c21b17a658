import type { OffboardResult } from '../../src/index';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';

let place: Place;

beforeAll(async () => {
  place = await openPlace();
  await place.startWorker();
});

afterAll(() => place.close());

function offboard(input: unknown): Promise<OffboardResult> {
  return place.client.workflow.execute('offboardUser', { taskQueue: place.taskQueue, workflowId: freshId('offboard'), args: [input] });
}

const REASON = { code: 'CONSUMER_ACCOUNT_CLOSED' };

it('removes Items, terminates products and has custom data deleted under every app key', async () => {
  place.simulators.plaid.seed({ users: [{ userId: 'usr_1', items: [{ itemId: 'item_1' }, { itemId: 'item_2' }] }] });
  place.simulators.batch.seed({ users: ['user 1'] });
  const result = await offboard({ user: { plaidUserId: 'usr_1', batchUserId: 'user 1' }, reason: REASON });
  expect(result.status).toBe('completed');
});
