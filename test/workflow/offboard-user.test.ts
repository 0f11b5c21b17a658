import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import {
  offboard,
  REASON,
  seedBystanders,
  seedUser,
  startOffboarding,
  stepLines,
  touchedBystanders,
} from '../support/offboarding-runs';

let place: Place;

beforeAll(async () => {
  place = await openPlace({ plaid: { repeatedRemovals: 'process' } });
  seedBystanders(place);
  await place.startWorker();
});

afterEach(() => {
  expect(touchedBystanders(place)).toEqual([]);
  expect(place.simulators.plaid.state().repeats.irreversible).toEqual([]);
});

afterAll(() => place.close());

it('removes Items, terminates products and has custom data deleted under every app key', async () => {
  const { items, user } = seedUser(place, [freshId('item'), freshId('item')]);
  const result = await offboard(place, { user });
  expect(result.status).toBe('completed');
  expect(result.compensations).toEqual([]);
  expect(result.steps).toEqual([
    {
      step: 'plaid.items',
      task: 'plaid.userItemsRemove',
      outcome: 'removed',
      items: items.length,
      requestId: expect.any(String),
    },
    { step: 'plaid.products', task: 'plaid.userProductsTerminate', outcome: 'removed', requestId: expect.any(String) },
    { step: 'batch.ios', task: 'batch.customDataDelete', outcome: 'accepted', token: expect.any(String) },
    { step: 'batch.android', task: 'batch.customDataDelete', outcome: 'accepted', token: expect.any(String) },
  ]);
  const plaid = place.simulators.plaid.state();
  expect(plaid.gone).toContain(user.plaidUserId);
  expect(plaid.terminated).toContainEqual({ user: user.plaidUserId, reasonCode: REASON.code, times: 1 });
  const { ios, android } = place.simulators.batch.state().apps;
  expect(ios?.gone).toContain(user.batchUserId);
  expect(android?.gone).toContain(user.batchUserId);
});

it('writes an intent before every destructive call, an outcome after it, and no raw id', async () => {
  const { items, user } = seedUser(place);
  const handle = await startOffboarding(place, { user });
  await handle.result();
  const receipts = await place.ledger.readReceipts({ workflowId: handle.workflowId });
  expect(receipts.map(({ step, task, phase, outcome }) => `${step} ${task} ${phase} ${outcome ?? ''}`.trim())).toEqual([
    'plaid.items plaid.userItemsGet outcome read',
    'plaid.items plaid.userItemsRemove intent',
    'plaid.items plaid.userItemsRemove outcome removed',
    'plaid.items plaid.userItemsGet outcome read',
    'plaid.products plaid.userProductsTerminate intent',
    'plaid.products plaid.userProductsTerminate outcome removed',
    'batch.ios batch.customDataDelete intent',
    'batch.ios batch.customDataDelete outcome accepted',
    'batch.android batch.customDataDelete intent',
    'batch.android batch.customDataDelete outcome accepted',
    'plaid.items plaid.userItemsRemove settled removed',
    'plaid.products plaid.userProductsTerminate settled removed',
    'batch.ios batch.customDataDelete settled accepted',
    'batch.android batch.customDataDelete settled accepted',
  ]);
  const plaidSubject = place.hasher.subject('plaid', 'sandbox', user.plaidUserId);
  const batchSubject = place.hasher.subject('batch', 'default', user.batchUserId);
  expect(
    new Set(
      receipts.filter(({ phase, service }) => phase !== 'settled' && service === 'plaid').map(({ subject }) => subject),
    ),
  ).toEqual(new Set([plaidSubject]));
  expect(
    new Set(
      receipts.filter(({ phase, service }) => phase !== 'settled' && service === 'batch').map(({ subject }) => subject),
    ),
  ).toEqual(new Set([batchSubject]));
  const everything = JSON.stringify(receipts);
  for (const id of [user.plaidUserId, user.batchUserId, ...items]) expect(everything).not.toContain(id);
  for (const { runId } of receipts) expect(runId).toBe(handle.firstExecutionRunId);
});

it('skips each Batch app when only a Plaid id is given, and each Plaid step when only a Batch id is given', async () => {
  const { plaidUserId, batchUserId } = seedUser(place);
  const plaidOnly = await offboard(place, { user: { plaidUserId } });
  expect(plaidOnly.status).toBe('completed');
  expect(stepLines(plaidOnly)).toEqual(['plaid.items removed', 'plaid.products removed', 'batch skipped noBatchId']);
  const batchOnly = await offboard(place, { user: { batchUserId } });
  expect(batchOnly.status).toBe('completed');
  expect(stepLines(batchOnly)).toEqual([
    'plaid.items skipped noPlaidId',
    'plaid.products skipped noPlaidId',
    'batch.ios accepted',
    'batch.android accepted',
  ]);
});

it('skips the Items of a user who has none, and still terminates the products', async () => {
  const { plaidUserId } = seedUser(place, []);
  const result = await offboard(place, { user: { plaidUserId } });
  expect(result.status).toBe('completed');
  expect(stepLines(result)).toEqual([
    'plaid.items skipped noItems',
    'plaid.products removed',
    'batch skipped noBatchId',
  ]);
});

it('removes only the Items that were asked for', async () => {
  const { plaidUserId, items } = seedUser(place, [freshId('item'), freshId('item'), freshId('item')]);
  const [first = '', second = '', third = ''] = items;
  const result = await offboard(place, { user: { plaidUserId }, itemIds: [first, third, first] });
  expect(result.status).toBe('completed');
  expect(result.steps[0]).toMatchObject({ outcome: 'removed', items: 2 });
  const left = place.simulators.plaid.state().items.left.filter(({ user }) => user === plaidUserId);
  expect(left).toEqual([{ itemId: second, user: plaidUserId }]);
});

it("leaves another user's Item alone, names it in the run's own result only, and ends partial", async () => {
  const { plaidUserId, items } = seedUser(place);
  const foreign = 'bystander-item';
  place.simulators.plaid.seed({ users: [{ userId: 'bystander-with-item', items: [foreign] }] });
  const handle = await startOffboarding(place, { user: { plaidUserId }, itemIds: [...items, foreign] });
  const result = await handle.result();
  expect(result.status).toBe('partial');
  expect(stepLines(result)).toEqual([
    'plaid.items removed',
    'plaid.items notFound',
    'plaid.products removed',
    'batch skipped noBatchId',
  ]);
  expect(result.steps[1]).toMatchObject({ items: 1, itemIds: [foreign] });
  expect(JSON.stringify(result.compensations)).not.toContain(foreign);
  expect(result.compensations.map(({ step, outcome }) => `${step} ${outcome}`)).toEqual([
    'plaid.items removed',
    'plaid.items notFound',
    'plaid.products removed',
  ]);
  const ledger = [await place.ledger.readReceipts(handle), await place.ledger.readCompensations(handle)];
  expect(JSON.stringify(ledger)).not.toContain(foreign);
});

it('calls a user whom neither Plaid nor this ledger knows notFound, which counts against the run unless notFoundIsFine', async () => {
  const strict = await offboard(place, { user: { plaidUserId: freshId('usr') } });
  expect(strict.status).toBe('partial');
  expect(stepLines(strict)).toEqual(['plaid.items notFound', 'plaid.products notFound', 'batch skipped noBatchId']);
  expect(strict.steps[0]?.failure).toMatchObject({ type: 'Task.Rejected', code: 'USER_NOT_FOUND' });
  expect(strict.compensations[0]?.remedy).toMatch(/Check the ID and the environment/);
  const relaxed = await offboard(place, { user: { plaidUserId: freshId('usr') }, notFoundIsFine: true });
  expect(relaxed.status).toBe('completed');
  expect(stepLines(relaxed)).toEqual(stepLines(strict));
});

it('finds on a second run of one user that everything it had removed is already gone', async () => {
  const { user } = seedUser(place);
  await offboard(place, { user, plaid: { removeUser: true } });
  const again = await offboard(place, { user, plaid: { removeUser: true } });
  expect(again.status).toBe('completed');
  expect(stepLines(again)).toEqual([
    'plaid.items alreadyGone',
    'plaid.products alreadyGone',
    'plaid.user alreadyGone',
    'batch.ios accepted',
    'batch.android accepted',
  ]);
  // The list has shown that the user is deleted, so nothing irreversible is asked for.
  const { irreversible, refused } = place.simulators.plaid.state().repeats;
  expect([...irreversible, ...refused].filter(({ user: whose }) => whose === user.plaidUserId)).toEqual([]);
});

it('calls removed Items already gone in a second run, also for a user who stays', async () => {
  const { plaidUserId, items } = seedUser(place);
  await offboard(place, { user: { plaidUserId } });
  const all = await offboard(place, { user: { plaidUserId } });
  expect(stepLines(all)).toEqual(['plaid.items alreadyGone', 'plaid.products removed', 'batch skipped noBatchId']);
  const asked = await offboard(place, { user: { plaidUserId }, itemIds: items });
  expect(asked.status).toBe('completed');
  expect(asked.steps[0]).toMatchObject({ outcome: 'alreadyGone', items: 1 });
});

it('removes the user last when asked, so that its products can still be terminated', async () => {
  const { plaidUserId } = seedUser(place);
  const result = await offboard(place, { user: { plaidUserId }, plaid: { removeUser: true } });
  expect(result.status).toBe('completed');
  expect(stepLines(result)).toEqual([
    'plaid.items removed',
    'plaid.products removed',
    'plaid.user removed',
    'batch skipped noBatchId',
  ]);
  const state = place.simulators.plaid.state();
  expect(state.removedUsers).toContain(plaidUserId);
  expect(state.terminated.map(({ user }) => user)).toContain(plaidUserId);
});

it('passes the reason on', async () => {
  const { plaidUserId } = seedUser(place);
  const result = await offboard(place, { user: { plaidUserId }, reason: { code: 'OTHER', note: 'asked in writing' } });
  expect(result.status).toBe('completed');
  expect(place.simulators.plaid.state().terminated).toContainEqual({
    user: plaidUserId,
    reasonCode: 'OTHER',
    times: 1,
  });
});
