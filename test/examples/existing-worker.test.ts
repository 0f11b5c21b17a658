import { createAccountsWorker } from '../../examples/existing-worker/worker';
import { offboardFromClient } from '../../examples/start-from-client';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { runExample } from './run-example';

let place: Place;
let example: { stop(): Promise<void> };

beforeAll(async () => {
  place = await openPlace();
  example = await runExample((connection) =>
    createAccountsWorker(connection, { taskQueue: place.taskQueue, env: place.env }),
  );
});

afterAll(async () => {
  await example.stop();
  await place.close();
});

function run(workflow: string, arg: unknown): Promise<unknown> {
  return place.client.workflow.execute(workflow, {
    taskQueue: place.taskQueue,
    workflowId: freshId(workflow),
    args: [arg],
  });
}

it('a workflow of the host calls one task, and the Item is gone', async () => {
  place.simulators.plaid.seed({
    users: [{ userId: 'usr_bank', items: [{ itemId: 'item_old' }, { itemId: 'item_kept' }] }],
  });
  expect(await run('disconnectBank', { plaidUserId: 'usr_bank', itemId: 'item_old' })).toEqual(expect.any(String));
  const { items } = place.simulators.plaid.state();
  expect(items.left.map(({ itemId }) => itemId)).toContain('item_kept');
  expect(items.removed.map(({ itemId }) => itemId)).toContain('item_old');
});

it("a workflow of the host offboards a user as a child and continues with the host's own activity", async () => {
  place.simulators.plaid.seed({ users: [{ userId: 'usr_closing', items: [{ itemId: 'item_closing' }] }] });
  place.simulators.batch.seed({ users: ['carol'] });
  const said = await run('closeAccount', { accountId: freshId('7'), plaidUserId: 'usr_closing', batchUserId: 'carol' });
  expect(said).toMatch(/^account 7-\S+ closed, offboarding completed$/);
  expect(place.simulators.plaid.state().items.left.map(({ user }) => user)).not.toContain('usr_closing');
});

describe('an offboarding started from a client', () => {
  const reason = { code: 'USER_OFFBOARDING' } as const;

  it('ends with a line for each step', async () => {
    place.simulators.plaid.seed({ users: [{ userId: 'usr_client', items: [{ itemId: 'item_client' }] }] });
    const options = { workflowId: freshId('client'), taskQueue: place.taskQueue };
    const report = await offboardFromClient(place.client, { user: { plaidUserId: 'usr_client' }, reason }, options);
    expect(report).toBe('completed\nplaid.items: removed\nplaid.products: removed\nbatch: skipped');
  });

  it('that is refused names the field', async () => {
    const options = { workflowId: freshId('client'), taskQueue: place.taskQueue };
    const report = await offboardFromClient(place.client, { user: { plaidUserId: '' }, reason }, options);
    expect(report).toContain('failed: The input of offboardUser is not valid: user.plaidUserId');
  });
});
