import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import type { OffboardResult, OffboardUsersInput } from 'temporal-http-tasks/workflow';
import { freshId, openPlace } from '../../support/offboarding';
import type { Place } from '../../support/offboarding';
import { callsFor, failureOfRun, REASON, startOffboarding, stepLines } from '../../support/offboarding-runs';

let place: Place;

beforeAll(async () => {
  // A token is in the plain input of the sweep only.
  place = await openPlace({ env: { HTTP_TASKS_ALLOW_SENSITIVE: 'user_token' } });
  await place.startWorker();
});

afterAll(() => place.close());

/** A sweep with a child for each of these users; returns the child of the first. */
async function childOf(users: readonly TargetUser[]): Promise<{ handle: WorkflowHandle; result: OffboardResult }> {
  const args: [OffboardUsersInput] = [
    {
      reason: REASON,
      source: {
        inline: users.map(({ itemIds, ...user }) => ({ ...user, ...(itemIds && { itemIds: [...itemIds] }) })),
        allowPlaceholders: ['.', '..'],
      },
      granularity: 'user',
    },
  ];
  const sweep = await place.client.workflow.start('offboardUsers', {
    taskQueue: place.taskQueue,
    workflowId: freshId('sweep'),
    args,
  });
  await sweep.result();
  const { events } = await sweep.fetchHistory();
  const started =
    events?.flatMap(
      ({ childWorkflowExecutionStartedEventAttributes: attributes }) => attributes?.workflowExecution ?? [],
    ) ?? [];
  const first = started.find(({ workflowId }) => workflowId?.startsWith(`${sweep.workflowId}/0-`));
  const handle = place.client.workflow.getHandle(first?.workflowId ?? '', first?.runId ?? '');
  return { handle, result: (await handle.result()) as OffboardResult };
}

it('offboards a user of a sweep whose ids are in no history, not even as a token', async () => {
  const [userId, userToken, batchUserId] = [freshId('canary-id'), freshId('user-sandbox'), freshId('canary-batch')];
  place.simulators.plaid.seed({ users: [{ userId, userToken, items: ['item-1', 'item-2'] }] });
  place.simulators.batch.seed({ users: [batchUserId] });
  const { handle, result } = await childOf([{ plaidUserToken: userToken, batchUserId }]);
  expect(stepLines(result)).toEqual([
    'plaid.items removed',
    'plaid.products skipped needsUserId',
    'batch.ios accepted',
    'batch.android accepted',
  ]);
  expect(callsFor(place, batchUserId)).toEqual(['customDataDelete ios', 'customDataDelete android']);
  const history = historyToJSON(await handle.fetchHistory());
  const payloads = [...history.matchAll(/"data":\s*"([^"]*)"/g)]
    .map(([, data = '']) => Buffer.from(data, 'base64').toString())
    .join('\n');
  expect(payloads).toContain('{{target.plaidUserToken}}');
  for (const id of [userId, userToken, batchUserId]) expect(history + payloads).not.toContain(id);
  const receipts = await place.ledger.readReceipts({
    subjects: [place.hasher.subject('batch', 'default', batchUserId)],
  });
  expect(receipts.map(({ step, phase }) => `${step} ${phase}`)).toContain('batch.ios outcome');
});

it('removes only the Items that the source named, and deletes an id that no URL can carry in a bulk call of one', async () => {
  const userId = freshId('usr');
  place.simulators.plaid.seed({ users: [{ userId, items: ['asked', 'kept'] }] });
  place.simulators.batch.seed({ users: ['..'] });
  const { result } = await childOf([{ plaidUserId: userId, batchUserId: '..', itemIds: ['asked'] }]);
  expect(result).toMatchObject({ status: 'completed' });
  expect(callsFor(place, userId)).toContain('userItemsRemove');
  expect(
    place.simulators.batch
      .calls()
      .calls.filter(({ user }) => user === '..')
      .map(({ endpoint }) => endpoint),
  ).toEqual(['customDataBulkDelete', 'customDataBulkDelete']);
});

it.each([
  ['user.sweepId', { sweepId: 'no-such-sweep', seq: 0 }],
  ['user.seq', { sweepId: 'any' }],
  ['user.plaidUserId', { sweepId: 'any', seq: 0, plaidUserId: 'too' }],
])('refuses a wrong reference, naming %s', async (field, user) => {
  const handle = await startOffboarding(place, { user });
  const failure = await failureOfRun(handle.result());
  expect(failure).toMatchObject({ type: 'Task.InvalidInput', detail: { field } });
});
