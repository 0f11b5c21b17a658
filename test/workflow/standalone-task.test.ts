import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { callsFor, seedUser } from '../support/offboarding-runs';

/** What the Temporal UI's page for standalone activities does: type, task queue, one input, and timeouts. */
let place: Place;

beforeAll(async () => {
  place = await openPlace();
  await place.startWorker();
});

afterAll(() => place.close());

function execute(type: string, input: unknown, id = freshId('test-request')): Promise<unknown> {
  return place.client.activity.execute(type, {
    id,
    taskQueue: place.taskQueue,
    args: [input],
    startToCloseTimeout: '300s',
    scheduleToCloseTimeout: '20s',
  });
}

async function failureOf(run: Promise<unknown>): Promise<{ type: string | null | undefined; field: unknown }> {
  const { cause } = (await run.then(
    () => new Error('it ended well'),
    (reason: unknown) => reason,
  )) as Error;
  if (!(cause instanceof ApplicationFailure)) throw cause;
  return { type: cause.type, field: (cause.details?.[0] as { field?: string } | undefined)?.field };
}

it('returns the output of a task that only reads', async () => {
  const { plaidUserId, items } = seedUser(place);
  expect(await execute('plaid.userItemsGet', { user_id: plaidUserId })).toMatchObject({
    items: [{ item_id: items[0] }],
  });
});

it('runs an irreversible task once, with its receipts under the id of the activity', async () => {
  const { plaidUserId, items } = seedUser(place);
  const id = freshId('test-request');
  await execute('plaid.userItemsRemove', { user_id: plaidUserId, item_ids: items }, id);
  expect(callsFor(place, plaidUserId)).toEqual(['userItemsRemove']);
  const receipts = await place.ledger.readReceipts({
    subjects: [place.hasher.subject('plaid', 'sandbox', plaidUserId)],
  });
  expect(receipts.map(({ phase, activityId, workflowId }) => ({ phase, activityId, workflowId }))).toEqual([
    { phase: 'intent', activityId: id, workflowId: '' },
    { phase: 'outcome', activityId: id, workflowId: '' },
  ]);
});

it('respects a legal hold, and refuses a wrong input immediately, naming the field', async () => {
  const { plaidUserId, items } = seedUser(place);
  await place.ledger.addHold({
    holdId: randomUUID(),
    subjects: [place.hasher.subject('plaid', 'sandbox', plaidUserId)],
    reason: 'a test',
  });
  expect((await failureOf(execute('plaid.userItemsRemove', { user_id: plaidUserId, item_ids: items }))).type).toBe(
    'Task.Held',
  );
  expect(await failureOf(execute('plaid.userItemsRemove', { user_id: plaidUserId }))).toEqual({
    type: 'Task.InvalidInput',
    field: 'item_ids',
  });
  expect(callsFor(place, plaidUserId)).toEqual([]);
});
