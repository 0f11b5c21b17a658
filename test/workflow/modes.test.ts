import { compensationsQuery, receiptsQuery } from 'temporal-http-tasks/internal/workflows/progress';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import {
  callsFor,
  failureOfRun,
  offboard,
  seedBystanders,
  seedUser,
  startOffboarding,
  stepLines,
  touchedBystanders,
  until,
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

describe('batch.mode', () => {
  it('gdpr files one request for each app key and follows it until it is done', async () => {
    const { user, batchUserId } = seedUser(place);
    const result = await offboard(place, { user, batch: { mode: 'gdpr' } });
    expect(result.status).toBe('completed');
    const requests = place.simulators.batch.state().gdprRequests.filter(({ id }) => id.value === batchUserId);
    expect(result.steps.slice(2)).toEqual(
      ['ios', 'android'].map((app) => ({
        step: `batch.${app}`,
        task: 'batch.gdprRequestCreate',
        outcome: 'removed',
        token: requests.find((request) => request.app === app)?.token,
      })),
    );
    expect(requests).toHaveLength(2);
    expect(requests.every(({ status, requestType }) => status === 'done' && requestType === 'remove')).toBe(true);
  });

  it('gdpr reads "user not found" in a finished request as notFound, not as a success', async () => {
    const result = await offboard(place, { user: { batchUserId: freshId('stranger') }, batch: { mode: 'gdpr' } });
    expect(result.status).toBe('partial');
    expect(stepLines(result).slice(2)).toEqual(['batch.ios notFound', 'batch.android notFound']);
    expect(result.compensations.map(({ evidence }) => evidence)).toEqual(
      result.steps.slice(2).map(({ token }) => `token=${token}`),
    );
  });

  it('skip sends nothing to Batch', async () => {
    const { user, batchUserId } = seedUser(place);
    const result = await offboard(place, { user, batch: { mode: 'skip' } });
    expect(result.status).toBe('completed');
    expect(stepLines(result)).toEqual(['plaid.items removed', 'plaid.products removed', 'batch skipped batchMode']);
    expect(callsFor(place, batchUserId)).toEqual([]);
  });
});

describe('exclude', () => {
  it('leaves the products out for an account without access to the route: everything else is done, and the run completes', async () => {
    const { user, plaidUserId } = seedUser(place);
    place.simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      kind: 'unknownErrorCode',
      user: plaidUserId,
    });
    const result = await offboard(place, { user, exclude: ['plaid.products'], plaid: { removeUser: true } });
    expect(result).toMatchObject({ status: 'completed', compensations: [] });
    expect(stepLines(result)).toEqual([
      'plaid.items removed',
      'plaid.products skipped excluded',
      'plaid.user removed',
      'batch.ios accepted',
      'batch.android accepted',
    ]);
    expect(callsFor(place, plaidUserId)).not.toContain('userProductsTerminate');
  });
});

describe('onFailure', () => {
  const refuseTermination = (user: string): void => {
    place.simulators.plaid.faults.add({ endpoint: 'userProductsTerminate', kind: 'unknownErrorCode', user });
  };

  it('continue runs the steps after one that failed', async () => {
    const { user, plaidUserId } = seedUser(place);
    refuseTermination(plaidUserId);
    const result = await offboard(place, { user });
    expect(result.status).toBe('partial');
    expect(stepLines(result)).toEqual([
      'plaid.items removed',
      'plaid.products failed',
      'batch.ios accepted',
      'batch.android accepted',
    ]);
  });

  it('stop leaves the steps after it undone and says so in the log', async () => {
    const { user, plaidUserId, batchUserId } = seedUser(place);
    refuseTermination(plaidUserId);
    const result = await offboard(place, { user, onFailure: 'stop' });
    expect(result.status).toBe('partial');
    expect(stepLines(result)).toEqual([
      'plaid.items removed',
      'plaid.products failed',
      'batch.ios skipped stopped',
      'batch.android skipped stopped',
    ]);
    expect(callsFor(place, batchUserId)).toEqual([]);
    const [items, products, ios] = result.compensations;
    expect(items?.remedy).toMatch(/^Done \(irreversible\)\. Removed Items cannot be restored/);
    expect(items?.evidence).toBe(`request_id=${result.steps[0]?.requestId} items=1`);
    expect(products?.remedy).toMatch(/^Not done\. .*Fix the cause, then run again\.$/);
    expect(ios?.remedy).toBe('Not done (stopped). Run again to do it.');
  });

  it('never removes a user whose products could not be terminated, since they could not be ended later', async () => {
    const { user, plaidUserId } = seedUser(place);
    refuseTermination(plaidUserId);
    const result = await offboard(place, { user, plaid: { removeUser: true } });
    expect(stepLines(result)).toContain('plaid.user skipped productsNotTerminated');
    expect(place.simulators.plaid.state().removedUsers).not.toContain(plaidUserId);
  });
});

describe('a dry run', () => {
  it('sends reads only, ends completed and reports what it would have removed', async () => {
    const { user, plaidUserId, batchUserId } = seedUser(place, [freshId('item'), freshId('item')]);
    const result = await offboard(place, { user, dryRun: true, plaid: { removeUser: true } });
    expect(result.status).toBe('completed');
    expect(stepLines(result)).toEqual([
      'plaid.items skipped dryRun',
      'plaid.products skipped dryRun',
      'plaid.user skipped dryRun',
      'batch.ios skipped dryRun',
      'batch.android skipped dryRun',
    ]);
    expect(result.steps[0]?.items).toBe(2);
    expect(callsFor(place, plaidUserId)).toEqual(['userItemsGet']);
    expect(callsFor(place, batchUserId)).toEqual([]);
  });

  it('of a GDPR removal files nothing, and of a stranger ends partial', async () => {
    const stranger = { plaidUserId: freshId('usr'), batchUserId: freshId('customer') };
    const result = await offboard(place, { user: stranger, dryRun: true, batch: { mode: 'gdpr' } });
    expect(result.status).toBe('partial');
    expect(stepLines(result)[0]).toBe('plaid.items notFound');
    expect(callsFor(place, stranger.batchUserId)).toEqual([]);
  });
});

describe('a legal hold', () => {
  const holdOn = (service: string, environment: string, id: string): Promise<void> =>
    place.ledger.addHold({ holdId: freshId('hold'), subjects: [place.hasher.subject(service, environment, id)] });

  it.each(['plaid', 'batch'])('on the id at %s stops the whole run before its first call', async (service) => {
    const { user, plaidUserId, batchUserId } = seedUser(place);
    await (service === 'plaid' ? holdOn('plaid', 'sandbox', plaidUserId) : holdOn('batch', 'default', batchUserId));
    const handle = await startOffboarding(place, { user });
    const result = await handle.result();
    expect(result.status).toBe('held');
    expect(stepLines(result)).toEqual([
      'plaid.items held',
      'plaid.products held',
      'batch.ios held',
      'batch.android held',
    ]);
    expect([...callsFor(place, plaidUserId), ...callsFor(place, batchUserId)]).toEqual([]);
    expect(result.compensations).toHaveLength(4);
    expect(result.compensations[0]?.remedy).toContain('legal hold');
    expect(await place.ledger.readCompensations(handle)).toEqual(result.compensations);
  });

  it('that is set while the run is in progress stops it at the next call that would change something', async () => {
    const { user, plaidUserId, batchUserId } = seedUser(place);
    place.simulators.plaid.faults.add({
      endpoint: 'userProductsTerminate',
      kind: 'maintenance',
      user: plaidUserId,
      times: 1,
    });
    const handle = await startOffboarding(place, { user });
    await until('the refused termination', () => callsFor(place, plaidUserId).includes('userProductsTerminate'));
    await holdOn('batch', 'default', batchUserId);
    const result = await handle.result();
    expect(result.status).toBe('held');
    expect(stepLines(result)).toEqual([
      'plaid.items removed',
      'plaid.products held',
      'batch.ios held',
      'batch.android held',
    ]);
    expect(callsFor(place, plaidUserId).filter((endpoint) => endpoint === 'userProductsTerminate')).toHaveLength(1);
    expect(callsFor(place, batchUserId)).toEqual([]);
  });
});

it('gives up at its deadline, sends nothing after it, and fails what is not done with that reason', async () => {
  // The call that is in flight at the deadline is the first one.
  const patient = await openPlace({ env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '30000' } });
  try {
    await patient.startWorker();
    const { user, plaidUserId, batchUserId } = seedUser(patient);
    patient.simulators.plaid.faults.add({ endpoint: 'userItemsGet', kind: 'stall', user: plaidUserId });
    const handle = await startOffboarding(patient, { user, deadline: '6s' });
    expect(await failureOfRun(handle.result())).toMatchObject({ type: 'Offboarding.Failed', retryable: false });
    const steps = await handle.query(receiptsQuery);
    expect(stepLines({ steps })).toEqual([
      'plaid.items failed',
      'plaid.products failed deadline',
      'batch.ios failed deadline',
      'batch.android failed deadline',
    ]);
    expect(callsFor(patient, plaidUserId)).toEqual(['userItemsGet']);
    expect(callsFor(patient, batchUserId)).toEqual([]);
  } finally {
    await patient.close();
  }
});

it('ends a wait at the deadline too, and says that the removal it had sent is unknown', async () => {
  const { plaidUserId } = seedUser(place);
  place.simulators.plaid.faults.add({ endpoint: 'userItemsRemove', kind: 'dropBefore', user: plaidUserId });
  const handle = await startOffboarding(place, { user: { plaidUserId }, deadline: '8 seconds' });
  await failureOfRun(handle.result());
  expect(stepLines({ steps: await handle.query(receiptsQuery) })).toEqual([
    'plaid.items unknown deadline',
    'plaid.products failed deadline',
    'batch skipped noBatchId',
  ]);
  const [items] = await handle.query(compensationsQuery);
  expect(items?.remedy).toMatch(/^It was sent and its result is unknown\./);
  expect(callsFor(place, plaidUserId).filter((endpoint) => endpoint === 'userItemsRemove')).toHaveLength(1);
});

it('does not call a deletion undone whose responses were lost until the deadline', async () => {
  const { user, batchUserId } = seedUser(place);
  place.simulators.batch.faults.add({ endpoint: 'customDataDelete', kind: 'dropAfter', user: batchUserId });
  const result = await offboard(place, { user, deadline: '10 seconds' });
  expect(stepLines(result).slice(2)).toEqual(['batch.ios unknown', 'batch.android unknown']);
  expect(result.status).toBe('partial');
  expect(place.simulators.batch.state().apps.ios?.gone).toContain(batchUserId);
  const receipts = await place.ledger.readReceipts({ workflowId: result.workflowId });
  expect(
    receipts.filter(({ step, phase }) => step === 'batch.ios' && phase !== 'intent').map(({ outcome }) => outcome),
  ).not.toContain('failed');
});

it('accepts a moment as its deadline, and one that has passed sends nothing', async () => {
  const { user, plaidUserId } = seedUser(place);
  const failure = await failureOfRun(offboard(place, { user, deadline: '2020-01-31T12:00:00+01:00' }));
  expect(failure).toMatchObject({ type: 'Offboarding.Failed', detail: { status: 'failed' } });
  expect(failure.message).toContain('plaid.items (deadline)');
  expect(callsFor(place, plaidUserId)).toEqual([]);
});

it('waits out a list that still shows removed Items and never sends their removal again', async () => {
  const { plaidUserId } = seedUser(place, [freshId('item'), freshId('item')]);
  place.simulators.plaid.configure({ readLag: { reads: 2 } });
  const result = await offboard(place, { user: { plaidUserId } });
  place.simulators.plaid.configure({ readLag: {} });
  expect(result.status).toBe('completed');
  expect(result.steps[0]).toMatchObject({ outcome: 'removed', items: 2 });
  expect(callsFor(place, plaidUserId)).toEqual([
    'userItemsGet',
    'userItemsRemove',
    'userItemsGet',
    'userItemsGet',
    'userItemsGet',
    'userProductsTerminate',
  ]);
});

it('runs twice concurrently for one user: Plaid refuses the later removal, and both runs find the user gone', async () => {
  place.simulators.plaid.configure({ repeatedRemovals: 'refuse' });
  const users = Array.from({ length: 6 }, () => seedUser(place, [freshId('item'), freshId('item')]));
  const pairs = await Promise.all(
    users.map(({ user }) => Promise.all([offboard(place, { user }), offboard(place, { user })])),
  );
  place.simulators.plaid.configure({ repeatedRemovals: 'process' });
  for (const pair of pairs) {
    expect(pair.map(({ status }) => status)).toEqual(['completed', 'completed']);
    const items = pair.map(({ steps: [first] }) => `${first?.outcome ?? ''} ${first?.reason ?? ''}`.trim());
    expect(items).toContain('removed');
    // One that asked the ledger before the other had looked, and Plaid after the other was done, meets a user without Items.
    for (const outcome of items) expect(['removed', 'alreadyGone', 'skipped noItems']).toContain(outcome);
  }
  const { gone, items } = place.simulators.plaid.state();
  expect(gone).toEqual(expect.arrayContaining(users.map(({ plaidUserId }) => plaidUserId)));
  expect(items.removed.map(({ itemId }) => itemId)).toEqual(
    expect.arrayContaining(users.flatMap((user) => user.items)),
  );
});
