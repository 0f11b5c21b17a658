import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { userSubjects } from '../../../src/ledger/user-subjects';
import type { TargetUser } from '../../../src/policy/target-user';
import { freshId, openPlace } from '../../support/offboarding';
import type { Place } from '../../support/offboarding';
import { callsFor, failureOfRun, startOffboarding, stepLines } from '../../support/offboarding-runs';

let place: Place;

beforeAll(async () => {
  place = await openPlace();
  await place.startWorker();
});

afterAll(() => place.close());

/** A sweep in the ledger with these users; answers its id. */
async function sweepOf(users: readonly TargetUser[]): Promise<string> {
  const { sweeps } = place.ledger;
  const sweepId = freshId('sweep');
  await sweeps.create({ sweepId });
  const rows = users.map((user) => ({ user, subjects: userSubjects(user, 'sandbox', place.hasher) }));
  await sweeps.appendTargets({ sweepId, version: 0, rows, position: 'end', complete: true });
  return sweepId;
}

it('off-boards a user of a sweep whose ids stand in no history, not even as a token', async () => {
  const [userId, userToken, batchUserId] = [freshId('canary-id'), freshId('user-sandbox'), freshId('canary-batch')];
  place.simulators.plaid.seed({ users: [{ userId, userToken, items: ['item-1', 'item-2'] }] });
  place.simulators.batch.seed({ users: [batchUserId] });
  const sweepId = await sweepOf([{ plaidUserToken: userToken, batchUserId }]);
  const handle = await startOffboarding(place, { user: { sweepId, seq: 0 } });
  const result = await handle.result();
  expect(stepLines(result)).toEqual(['plaid.items removed', 'plaid.products skipped needsUserId', 'batch.ios accepted', 'batch.android accepted']);
  expect(callsFor(place, batchUserId)).toEqual(['customDataDelete ios', 'customDataDelete android']);
  const history = historyToJSON(await handle.fetchHistory());
  const payloads = [...history.matchAll(/"data":\s*"([^"]*)"/g)].map(([, data = '']) => Buffer.from(data, 'base64').toString()).join('\n');
  expect(payloads).toContain('{{target.plaidUserToken}}');
  for (const id of [userId, userToken, batchUserId]) expect(history + payloads).not.toContain(id);
  const receipts = await place.ledger.readReceipts({ subjects: [place.hasher.subject('batch', 'default', batchUserId)] });
  expect(receipts.map(({ step, phase }) => `${step} ${phase}`)).toContain('batch.ios outcome');
});

it('removes only the Items that the source named, and deletes an id that no URL can carry in a bulk call of one', async () => {
  const userId = freshId('usr');
  place.simulators.plaid.seed({ users: [{ userId, items: ['asked', 'kept'] }] });
  place.simulators.batch.seed({ users: ['..'] });
  const sweepId = await sweepOf([{ plaidUserId: 'somebody-else' }, { plaidUserId: userId, batchUserId: '..', itemIds: ['asked'] }]);
  const handle = await startOffboarding(place, { user: { sweepId, seq: 1 } });
  await expect(handle.result()).resolves.toMatchObject({ status: 'completed' });
  expect(callsFor(place, userId)).toContain('userItemsRemove');
  expect(place.simulators.batch.calls().calls.filter(({ user }) => user === '..').map(({ endpoint }) => endpoint)).toEqual([
    'customDataBulkDelete',
    'customDataBulkDelete',
  ]);
  expect(callsFor(place, 'somebody-else')).toEqual([]);
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

it('refuses a user whose number the sweep does not have, or whose sweep was released', async () => {
  const sweepId = await sweepOf([{ plaidUserId: freshId('usr') }]);
  const beyond = await startOffboarding(place, { user: { sweepId, seq: 1 } });
  await expect(failureOfRun(beyond.result())).resolves.toMatchObject({ detail: { field: 'user.seq' } });
  await place.ledger.sweeps.release(sweepId);
  const released = await startOffboarding(place, { user: { sweepId, seq: 0 } });
  await expect(failureOfRun(released.result())).resolves.toMatchObject({ detail: { field: 'user.sweepId' } });
});
