import { ActivityExecutionFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { FaultRuleInput } from '@temporal-http-tasks/testing';
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
import type { SeededUser } from '../support/offboarding-runs';
import { startWorkerProcess } from '../support/worker-process';

// One worker is killed while several calls are in flight, each for a user of its own; another one takes over.

let place: Place;
let runs: {
  done: Awaited<ReturnType<typeof startOffboarding>>;
  undone: Awaited<ReturnType<typeof startOffboarding>>;
  repeatSafe: Awaited<ReturnType<typeof startOffboarding>>;
  userGone: Awaited<ReturnType<typeof startOffboarding>>;
  lone: ReturnType<typeof startLoneRemoval>;
};
let users: Record<'done' | 'undone' | 'repeatSafe' | 'userGone' | 'lone', SeededUser>;

beforeAll(async () => {
  place = await openPlace({ plaid: { repeatedRemovals: 'process' }, env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '60000' } });
  seedBystanders(place);
  const [done, undone, repeatSafe, userGone, lone] = [
    seedUser(place),
    seedUser(place),
    seedUser(place),
    seedUser(place),
    seedUser(place),
  ];
  users = { done, undone, repeatSafe, userGone, lone };
  const stall = (user: string, endpoint: FaultRuleInput['endpoint'], processed: boolean): unknown =>
    (endpoint.startsWith('user') ? place.simulators.plaid : place.simulators.batch).faults.add({
      endpoint,
      kind: 'stall',
      processed,
      user,
      times: 1,
    });
  stall(users.done.plaidUserId, 'userItemsRemove', true);
  stall(users.undone.plaidUserId, 'userItemsRemove', false);
  stall(users.lone.plaidUserId, 'userItemsRemove', true);
  stall(users.repeatSafe.batchUserId, 'customDataDelete', true);
  stall(users.userGone.plaidUserId, 'userRemove', true);

  const first = await startWorkerProcess(place);
  runs = {
    done: await startOffboarding(place, { user: done.user }),
    undone: await startOffboarding(place, { user: undone.user }),
    repeatSafe: await startOffboarding(place, { user: repeatSafe.user }),
    userGone: await startOffboarding(place, { user: userGone.user, plaid: { removeUser: true } }),
    lone: startLoneRemoval(lone),
  };
  const inFlight = (): boolean =>
    [done, undone, lone].every(({ plaidUserId }) => callsFor(place, plaidUserId).includes('userItemsRemove')) &&
    callsFor(place, userGone.plaidUserId).includes('userRemove') &&
    callsFor(place, repeatSafe.batchUserId).length === 1;
  await until('all five calls are in flight', inFlight);
  await first.kill();
});

afterAll(async () => {
  await place.close();
});

/** One task as an activity without any workflow. */
async function startLoneRemoval({ plaidUserId, items }: SeededUser): Promise<unknown> {
  return place.client.activity
    .execute('plaid.userItemsRemove', {
      id: freshId('lone'),
      taskQueue: place.taskQueue,
      args: [{ user_id: plaidUserId, item_ids: items }],
      startToCloseTimeout: '2 minutes',
      heartbeatTimeout: '5 seconds',
      retry: { initialInterval: '1 second', maximumAttempts: 5 },
    })
    .then(
      (result: unknown) => result,
      (error: unknown) => error,
    );
}

const removals = async (workflowId: string): Promise<string[]> =>
  (await place.ledger.readReceipts({ workflowId }))
    .filter(({ task, phase }) => task === 'plaid.userItemsRemove' && phase !== 'settled')
    .map(({ activityId, attempt, phase, outcome }) => [activityId, attempt, phase, outcome].filter(Boolean).join(' '));

it('leaves an intent without an outcome behind when a worker is killed', async () => {
  expect(await removals(runs.done.workflowId)).toEqual(['2-plaid.items 1 intent']);
  expect(await removals(runs.undone.workflowId)).toEqual(['2-plaid.items 1 intent']);
});

describe('the next worker', () => {
  beforeAll(async () => {
    await place.startWorker();
  });

  it('finds out by looking that a removal was carried out, and does not send it again', async () => {
    const result = await runs.done.result();
    expect(result.status).toBe('completed');
    expect(stepLines(result)).toEqual([
      'plaid.items removed',
      'plaid.products removed',
      'batch.ios accepted',
      'batch.android accepted',
    ]);
    expect(callsFor(place, users.done.plaidUserId).filter((call) => call === 'userItemsRemove')).toHaveLength(1);
    expect(await removals(runs.done.workflowId)).toEqual(['2-plaid.items 1 intent']);
  });

  it('finds out by looking that a removal was not carried out, and sends it as a call of its own', async () => {
    const result = await runs.undone.result();
    expect(result.status).toBe('completed');
    expect(result.steps[0]).toMatchObject({ outcome: 'removed', items: 1 });
    expect(callsFor(place, users.undone.plaidUserId).filter((call) => call === 'userItemsRemove')).toHaveLength(2);
    const [lost, ...later] = await removals(runs.undone.workflowId);
    expect(lost).toBe('2-plaid.items 1 intent');
    expect(later.map((line) => line.replace(/^\d+/, 'n'))).toEqual([
      'n-plaid.items 1 intent',
      'n-plaid.items 1 outcome removed',
    ]);
  });

  it('finds out by looking that a user was removed, and does not send that again', async () => {
    const result = await runs.userGone.result();
    expect(result.status).toBe('completed');
    expect(stepLines(result)[2]).toBe('plaid.user removed');
    expect(callsFor(place, users.userGone.plaidUserId).filter((call) => call === 'userRemove')).toHaveLength(1);
  });

  it('sends a call again that may be repeated', async () => {
    const result = await runs.repeatSafe.result();
    expect(result.status).toBe('completed');
    expect(callsFor(place, users.repeatSafe.batchUserId)).toEqual([
      'customDataDelete ios',
      'customDataDelete ios',
      'customDataDelete android',
    ]);
    const receipts = await place.ledger.readReceipts(runs.repeatSafe);
    const lines = receipts
      .filter(({ step, phase }) => step === 'batch.ios' && phase !== 'settled')
      .map(({ attempt, phase }) => `${attempt} ${phase}`);
    expect(lines).toEqual(['1 intent', '2 intent', '2 outcome']);
  });

  it('fails a repeated attempt of a lone irreversible activity as unknown, and sends nothing', async () => {
    const error = await runs.lone;
    if (!(error instanceof ActivityExecutionFailedError)) throw error;
    expect(error.cause).toBeInstanceOf(ApplicationFailure);
    expect(error.cause).toMatchObject({ type: 'Task.OutcomeUnknown', nonRetryable: true });
    expect(callsFor(place, users.lone.plaidUserId)).toEqual(['userItemsRemove']);
  });

  it('had no irreversible call carried out twice and touched no other user', () => {
    expect(place.simulators.plaid.state().repeats.irreversible).toEqual([]);
    expect(touchedBystanders(place)).toEqual([]);
  });
});
