import { WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import type { FaultRuleInput } from '@temporal-http-tasks/testing';
import type { OffboardResult } from 'temporal-http-tasks/workflow';
import type { offboardUser } from 'temporal-http-tasks/internal/workflows/offboard-user';
import { progressQuery } from 'temporal-http-tasks/internal/workflows/progress';
import { startHttpTarget } from '../support/http-target';
import { freshId, openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import {
  callsFor,
  seedBystanders,
  seedUser,
  startOffboarding,
  stepLines,
  touchedBystanders,
  until,
} from '../support/offboarding-runs';
import type { GivenInput, SeededUser } from '../support/offboarding-runs';

let place: Place;

beforeAll(async () => {
  // Long enough for a call to be in flight when the run is cancelled; the stalls below end sooner by themselves.
  place = await openPlace({ plaid: { repeatedRemovals: 'process' }, env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '20000' } });
  seedBystanders(place);
  // A cancellation reaches an activity with its heartbeat; how often that is sent is the operator's choice.
  await place.startWorker({ worker: { maxHeartbeatThrottleInterval: '500ms' } });
});

afterEach(() => {
  expect(touchedBystanders(place)).toEqual([]);
  expect(place.simulators.plaid.state().repeats.irreversible).toEqual([]);
});

afterAll(() => place.close());

type Endpoint = FaultRuleInput['endpoint'];

/** Lets one call of this user take its time, so that the run can be cancelled meanwhile. */
function stall({ plaidUserId, batchUserId }: SeededUser, endpoint: Endpoint, stallMs: number): void {
  const atPlaid = endpoint.startsWith('user');
  const { faults } = atPlaid ? place.simulators.plaid : place.simulators.batch;
  faults.add({ endpoint, kind: 'stall', stallMs, times: 1, user: atPlaid ? plaidUserId : batchUserId });
}

/** Awaits the end as cancelled and returns what the run then reports about itself. */
async function cancelled(handle: WorkflowHandle<typeof offboardUser>): Promise<OffboardResult> {
  const error = await handle.result().then(
    (result) => {
      throw new Error(`it ended well: ${JSON.stringify(result)}`);
    },
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowFailedError)) throw error;
  expect(error.cause).toBeInstanceOf(CancelledFailure);
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  const progress = await handle.query(progressQuery);
  expect(progress.status).toBe('cancelled');
  expect(await place.ledger.readCompensations(handle)).toEqual(progress.compensations);
  return progress as OffboardResult;
}

/** Runs until a call has arrived at its provider, cancels, and returns how the run ended. */
async function cancelDuring(
  seeded: SeededUser,
  endpoint: Endpoint,
  input: Partial<GivenInput> = {},
): Promise<OffboardResult> {
  stall(seeded, endpoint, 4_000);
  const handle = await startOffboarding(place, { user: seeded.user, ...input });
  const arrived = (): boolean =>
    [...callsFor(place, seeded.plaidUserId), ...callsFor(place, seeded.batchUserId)].some((call) =>
      call.startsWith(endpoint),
    );
  await until(`${endpoint} is in flight`, arrived);
  await handle.cancel();
  return cancelled(handle);
}

it('sends nothing when it is cancelled before its first task, and still reports what it did not do', async () => {
  const idle = await openPlace();
  const seeded = seedUser(idle);
  const handle = await startOffboarding(idle, { user: seeded.user });
  await handle.cancel();
  await idle.startWorker();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  const progress = await handle.query(progressQuery);
  expect(progress.status).toBe('cancelled');
  expect(stepLines(progress)).toEqual([
    'plaid.items skipped cancelled',
    'plaid.products skipped cancelled',
    'batch.ios skipped cancelled',
    'batch.android skipped cancelled',
  ]);
  expect(progress.compensations.map(({ remedy }) => remedy)).toEqual(
    Array(4).fill('Not done (cancelled). Run again to do it.'),
  );
  expect(await idle.ledger.readCompensations(handle)).toEqual(progress.compensations);
  expect([...callsFor(idle, seeded.plaidUserId), ...callsFor(idle, seeded.batchUserId)]).toEqual([]);
  await idle.close();
});

it('breaks off a read that is in flight', async () => {
  const seeded = seedUser(place);
  stall(seeded, 'userItemsGet', 15_000);
  const handle = await startOffboarding(place, { user: seeded.user });
  await until('the list is in flight', () => callsFor(place, seeded.plaidUserId).length === 1);
  const cancelledAtMs = Date.now();
  await handle.cancel();
  const end = await cancelled(handle);
  expect(Date.now() - cancelledAtMs).toBeLessThan(10_000);
  expect(stepLines(end)).toEqual([
    'plaid.items skipped cancelled',
    'plaid.products skipped cancelled',
    'batch.ios skipped cancelled',
    'batch.android skipped cancelled',
  ]);
  expect(callsFor(place, seeded.plaidUserId)).toEqual(['userItemsGet']);
});

it('awaits an irreversible call that is in flight and records it as removed', async () => {
  const seeded = seedUser(place, [freshId('item'), freshId('item')]);
  const end = await cancelDuring(seeded, 'userItemsRemove');
  expect(stepLines(end)).toEqual([
    'plaid.items removed',
    'plaid.products skipped cancelled',
    'batch.ios skipped cancelled',
    'batch.android skipped cancelled',
  ]);
  expect(end.steps[0]).toMatchObject({ items: 2, requestId: expect.any(String) as string });
  expect(end.compensations[0]).toMatchObject({
    outcome: 'removed',
    evidence: `request_id=${end.steps[0]?.requestId} items=2`,
  });
  const receipts = await place.ledger.readReceipts(end);
  expect(
    receipts
      .filter(({ task }) => task === 'plaid.userItemsRemove')
      .map(({ phase, outcome }) => `${phase} ${outcome ?? ''}`.trim()),
  ).toEqual(['intent', 'outcome removed', 'settled removed']);
  expect(place.simulators.plaid.state().items.left.filter(({ user }) => user === seeded.plaidUserId)).toEqual([]);
});

it('says that a removal is unknown when it is cancelled between the lost response and the check that would settle it', async () => {
  const seeded = seedUser(place);
  place.simulators.plaid.faults.add({ endpoint: 'userItemsRemove', kind: 'dropAfter', user: seeded.plaidUserId });
  // Its first look is the second one to arrive.
  place.simulators.plaid.faults.add({ endpoint: 'userItemsGet', kind: 'stall', user: seeded.plaidUserId, nth: 2 });
  const handle = await startOffboarding(place, { user: seeded.user });
  await until('the look after the lost answer', () => callsFor(place, seeded.plaidUserId).length === 3);
  await handle.cancel();
  const end = await cancelled(handle);
  expect(stepLines(end)[0]).toBe('plaid.items unknown cancelled');
  expect(end.compensations[0]?.remedy).toMatch(/^It was sent and its result is unknown/);
});

it('ends a wait immediately', async () => {
  const seeded = seedUser(place);
  place.simulators.plaid.configure({ readLag: { ms: 30_000 } });
  const handle = await startOffboarding(place, { user: seeded.user });
  await until('three looks', () => callsFor(place, seeded.plaidUserId).length >= 4);
  await handle.cancel();
  const end = await cancelled(handle);
  place.simulators.plaid.configure({ readLag: {} });
  expect(stepLines(end)[0]).toBe('plaid.items removed');
});

describe('a later call in flight is awaited and the rest left out', () => {
  const rows: [endpoint: Endpoint, input: Partial<GivenInput>, lines: string[]][] = [
    [
      'userProductsTerminate',
      {},
      [
        'plaid.items removed',
        'plaid.products removed',
        'batch.ios skipped cancelled',
        'batch.android skipped cancelled',
      ],
    ],
    [
      'userRemove',
      { plaid: { removeUser: true } },
      [
        'plaid.items removed',
        'plaid.products removed',
        'plaid.user removed',
        'batch.ios skipped cancelled',
        'batch.android skipped cancelled',
      ],
    ],
    [
      'customDataDelete',
      {},
      ['plaid.items removed', 'plaid.products removed', 'batch.ios accepted', 'batch.android skipped cancelled'],
    ],
    [
      'gdprRequestCreate',
      { batch: { mode: 'gdpr' } },
      [
        'plaid.items removed',
        'plaid.products removed',
        'batch.ios accepted cancelled',
        'batch.android skipped cancelled',
      ],
    ],
    [
      'gdprRequestGet',
      { batch: { mode: 'gdpr' } },
      [
        'plaid.items removed',
        'plaid.products removed',
        'batch.ios accepted cancelled',
        'batch.android skipped cancelled',
      ],
    ],
  ];

  it.each(rows)('%s', async (endpoint, input, lines) => {
    const end = await cancelDuring(seedUser(place), endpoint, input);
    expect(stepLines(end)).toEqual(lines);
  });
});

it('stops the retries of a call that the provider cannot take at the moment', async () => {
  const seeded = seedUser(place);
  place.simulators.plaid.faults.add({
    endpoint: 'userProductsTerminate',
    kind: 'maintenance',
    user: seeded.plaidUserId,
    retryAfter: { form: 'seconds', seconds: 60 },
  });
  const handle = await startOffboarding(place, { user: seeded.user });
  await until('the refused call waits for its next attempt', async () => {
    const { raw } = await handle.describe();
    return raw.pendingActivities?.[0]?.lastFailure?.message !== undefined;
  });
  expect(callsFor(place, seeded.plaidUserId)).toContain('userProductsTerminate');
  await handle.cancel();
  const end = await cancelled(handle);
  expect(stepLines(end)[1]).toBe('plaid.products skipped cancelled');
});

it('runs the compensation task of a cancelled run, which cannot be cancelled any more', async () => {
  const tickets = await startHttpTarget();
  const open = await openPlace({ env: { HTTP_TASKS_HTTP_ALLOW: tickets.origin } });
  await open.startWorker();
  const seeded = seedUser(open);
  open.simulators.plaid.configure({ readLag: { ms: 30_000 } });
  const compensation = { task: 'http.request', input: { uri: `${tickets.origin}/ticket`, method: 'POST', body: {} } };
  const handle = await startOffboarding(open, { user: seeded.user, compensation });
  await until('a look after the removal', () => callsFor(open, seeded.plaidUserId).length >= 3);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  expect(tickets.received).toMatchObject([{ path: '/ticket', body: { offboarding: { status: 'cancelled' } } }]);
  expect((await handle.query(progressQuery)).compensationTask).toEqual({ task: 'http.request', ok: true });
  await open.close();
  await tickets.close();
});
