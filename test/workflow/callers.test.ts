import path from 'node:path';
import { ActivityExecutionFailedError, WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { asyncCompletionPending, unapprovedSweep } from './callers/setups';
import { callsFor, failureOfRun, seedUser, startOffboarding, until } from '../support/offboarding-runs';
import { freshId } from '../support/offboarding';
import { openSweepPlace, untilProgress } from '../support/sweep-runs';
import type { SweepHandle, SweepPlace } from '../support/sweep-runs';
import { freshTaskQueue, temporalAddress } from '../support/temporal';

// Every client of the namespace can start any workflow and any activity by its name, and can run a worker of its own.
// Nothing of that makes a worker delete, decrypt or claim anything that its own workflows did not decide.

let place: SweepPlace;
let foreign: { taskQueue: string; stop: () => Promise<void> };
let sweep: { handle: SweepHandle; sweepId: string; users: string[] };

beforeAll(async () => {
  place = await openSweepPlace();
  await place.startWorker();
  foreign = await startForeignWorker();
  sweep = await unapprovedSweep(place);
});

afterAll(async () => {
  await foreign.stop();
  await place.close();
});

/** A foreign worker, on a task queue of its own. */
async function startForeignWorker(): Promise<typeof foreign> {
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  const taskQueue = freshTaskQueue('foreign');
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowsPath: path.join(__dirname, 'foreign-workflows.ts'),
  });
  const run = worker.run();
  return {
    taskQueue,
    stop: async () => {
      worker.shutdown();
      await run;
      await connection.close();
    },
  };
}

type Way = (name: string, args: unknown[], queue: string) => Promise<unknown>;

const alone: Way = (name, args, taskQueue) =>
  place.client.activity.execute(name, {
    id: freshId('alone'),
    taskQueue,
    args,
    startToCloseTimeout: '20s',
    scheduleToCloseTimeout: '20s',
  });

/** From a run on the foreign task queue, under this type. */
const fromRun =
  (type: string): Way =>
  (name, args, taskQueue) =>
    place.client.workflow.execute(type, {
      workflowId: freshId('foreign'),
      taskQueue: foreign.taskQueue,
      args: [{ name, args, taskQueue }],
    });

const WAYS: [string, Way][] = [
  ['a standalone activity', alone],
  ['a run of another workflow', fromRun('callAnything')],
  ['a run that is called offboardUsers on another task queue', fromRun('offboardUsers')],
  ['a run that is called offboardUser on another task queue', fromRun('offboardUser')],
];

function refusalOf(error: unknown): ApplicationFailure {
  let cause = error;
  while (
    cause instanceof WorkflowFailedError ||
    cause instanceof ActivityFailure ||
    cause instanceof ActivityExecutionFailedError
  )
    cause = cause.cause;
  if (!(cause instanceof ApplicationFailure)) throw error;
  return cause;
}

async function expectRefused(run: Promise<unknown>): Promise<void> {
  const refused = refusalOf(
    await run.then(
      (result) => new Error(`it was served: ${JSON.stringify(result)}`),
      (error: unknown) => error,
    ),
  );
  expect(refused).toMatchObject({ type: 'Task.InvalidInput', nonRetryable: true });
}

const PLAN = {
  reason: { code: 'USER_OFFBOARDING' },
  removeUser: true,
  dryRun: false,
  onFailure: 'continue',
  notFoundIsFine: true,
  batchMode: 'skip',
};

describe.each(WAYS)('%s', (_name, way) => {
  /** Each internal activity with an input that would do something. */
  const inputs = (): [string, unknown][] => {
    const { sweepId } = sweep;
    const end = {
      subject: 'A'.repeat(24),
      environment: 'sandbox',
      steps: [{ step: 'plaid.items', task: 'plaid.userItemsRemove', outcome: 'removed' }],
      compensations: [],
    };
    return [
      ['httpTasks.openSweep', { snapshot: sweepId, skipDone: false, usesBatch: false }],
      [
        'httpTasks.takeSnapshot',
        { sweepId, scheduledTime: '2030-01-01T00:00:00Z', maxUsers: 9, badRows: { count: 0 } },
      ],
      ['httpTasks.planChunks', { sweepId, chunkSize: 9, limit: 9, fromSeq: 0 }],
      ['httpTasks.runChunk', { sweepId, fromSeq: 0, toSeq: 9, beginForMs: 5_000, plan: PLAN }],
      ['httpTasks.runBulk', { sweepId, app: 'ios', beginForMs: 5_000 }],
      ['httpTasks.closeTargets', { sweepId, reason: 'cancelled' }],
      ['httpTasks.endSweep', { sweepId, cancelled: false, notFoundIsFine: true }],
      ['httpTasks.setSweepStatus', { sweepId, status: 'completed' }],
      ['httpTasks.setRate', { service: 'plaid', keySlot: '', callsPerMinute: 1 }],
      ['httpTasks.recordUpdate', { sweepId, update: 'approve', updateId: 'x', approval: { total: 2, by: 'nobody' } }],
      ['httpTasks.openChildren', { sweepId, limit: 9, wave: 1 }],
      ['httpTasks.recordChildren', { sweepId, fence: 1, users: [] }],
      ['httpTasks.prepareOffboarding', { user: { plaidUserId: 'any' }, usesBatch: false }],
      ['httpTasks.prepareOffboarding', { user: { sweepId, seq: 0 }, usesBatch: false }],
      ['httpTasks.checkTask', { task: 'plaid.userItemsGet', input: {} }],
      ['httpTasks.checkHold', { subjects: [freshId('subject')] }],
      ['httpTasks.recordEnd', end],
    ];
  };

  it.each([
    ['the main task queue', ''],
    ['the internal one', '.internal'],
    ['the one of chunks', '.internal.chunks'],
  ])('is served by no internal activity on %s', async (_queue, suffix) => {
    const served =
      suffix === '' ? () => true : (name: string) => /runChunk|runBulk/.test(name) === (suffix === '.internal.chunks');
    for (const [name, input] of inputs())
      if (served(name)) await expectRefused(way(name, [input], `${place.taskQueue}${suffix}`));
    const row = await place.ledger.sweeps.read(sweep.sweepId);
    expect(row).toMatchObject({ status: 'waitingForApproval', total: 2, needsApproval: true });
    expect(row?.approvedBy).toBeUndefined();
    expect(await place.ledger.sweeps.count(sweep.sweepId)).toMatchObject({ pending: 2 });
    expect(sweep.users.flatMap((id) => callsFor(place, id))).toEqual([]);
    expect(await place.ledger.readReceipts({ subjects: ['A'.repeat(24)] })).toEqual([]);
  });

  it('gets the output of a public task alone, whatever context it gives', async () => {
    const { plaidUserId, items } = seedUser(place);
    const context = { step: 'plaid.items', holdSubjects: [], target: { sweepId: sweep.sweepId, seq: 0 } };
    const output = await way('plaid.userItemsGet', [{ user_id: plaidUserId }, context], place.taskQueue);
    expect(output).toMatchObject({ items: [{ item_id: items[0] }] });
    // Not decrypted: the provider is asked for the placeholder itself.
    const asked = way('plaid.userItemsGet', [{ user_id: '{{target.plaidUserId}}' }, context], place.taskQueue);
    await expect(asked).rejects.toThrow();
    expect(sweep.users.flatMap((id) => callsFor(place, id))).toEqual([]);
  });

  it("cannot put a user's token past the rule for histories by a context", async () => {
    const context = { step: 'x', holdSubjects: [], target: { sweepId: sweep.sweepId, seq: 0 } };
    const refused = refusalOf(
      await way('plaid.userItemsGet', [{ user_token: 'user-sandbox-123' }, context], place.taskQueue).catch(
        (error: unknown) => error,
      ),
    );
    expect(refused).toMatchObject({ type: 'Task.InvalidInput', details: [{ field: 'user_token' }] });
  });
});

it('a run of offboardUser that no sweep started gets no user of a sweep', async () => {
  const handle = await startOffboarding(place, { user: { sweepId: sweep.sweepId, seq: 0 } });
  await expect(failureOfRun(handle.result())).resolves.toMatchObject({
    type: 'Task.InvalidInput',
    detail: { field: 'user.sweepId' },
  });
  expect(sweep.users.flatMap((id) => callsFor(place, id))).toEqual([]);
});

it('another sweep cannot take up a snapshot that has its run', async () => {
  const handle = await place.start({ snapshot: sweep.sweepId });
  await expect(failureOfRun(handle.result())).resolves.toMatchObject({
    type: 'Task.InvalidInput',
    detail: { field: 'snapshot' },
  });
});

describe('an activity that another caller completed by its ID', () => {
  it('is not believed: the step is unknown, in the ledger and in the result, and the run is not completed', async () => {
    const { user, plaidUserId } = seedUser(place);
    const { handle } = await asyncCompletionPending(place, user, {
      activityId: '1-plaid.items',
      result: { status: 200, attempt: 1, output: { items: [], request_id: 'FORGED' }, requestId: 'FORGED' },
    });
    const result = await handle.result();
    expect(result).toMatchObject({
      status: 'partial',
      steps: expect.arrayContaining([
        expect.objectContaining({ step: 'plaid.items', outcome: 'unknown', reason: 'notInLedger' }),
      ]),
    });
    const receipts = await place.ledger.readReceipts({ workflowId: handle.workflowId });
    expect(receipts.filter(({ phase, step }) => phase === 'settled' && step === 'plaid.items')).toMatchObject([
      { outcome: 'unknown' },
    ]);
    expect(JSON.stringify(receipts)).not.toContain('FORGED');
    expect(result.compensations.map(({ step, outcome }) => ({ step, outcome }))).toContainEqual({
      step: 'plaid.items',
      outcome: 'unknown',
    });
    expect(callsFor(place, plaidUserId)).not.toContain('userItemsRemove');
  });
});

it('the approval is what lets a sweep begin, and it is in its row', async () => {
  const { handle, sweepId, users } = await unapprovedSweep(place);
  await expect(handle.executeUpdate('approve', { args: [{ total: 3, by: 'ann' }] })).rejects.toThrow();
  await handle.executeUpdate('approve', { args: [{ total: 2, by: 'ann' }] });
  await expect(handle.result()).resolves.toMatchObject({ status: 'completed', approvedBy: 'ann' });
  expect(await place.ledger.sweeps.read(sweepId)).toMatchObject({
    approvedBy: 'ann',
    needsApproval: true,
    maxUsers: 100_000,
  });
  expect(users.every((id) => callsFor(place, id).includes('userItemsRemove'))).toBe(true);
});

describe('while everything is stopped', () => {
  afterEach(() => place.ledger.start({ by: 'test' }));

  it('a single run waits and changes nothing, and continues when it is started again', async () => {
    const { user, plaidUserId } = seedUser(place);
    await place.ledger.stop({ reason: 'test', by: 'test' });
    const handle = await startOffboarding(place, { user });
    await until('it has tried', async () => {
      const { raw } = await handle.describe();
      return (raw.pendingActivities ?? []).some(
        ({ attempt, lastFailure }) => (attempt ?? 0) > 1 && lastFailure?.message?.includes('stopped'),
      );
    });
    expect(callsFor(place, plaidUserId)).not.toContain('userItemsRemove');
    await place.ledger.start({ by: 'test' });
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed' });
  });

  it.each(['chunk', 'user'] as const)(
    'a sweep by %s pauses because of it, refuses to resume, and continues afterwards',
    async (granularity) => {
      await place.ledger.stop({ reason: 'test', by: 'test' });
      const handle = await place.start({ source: { file: await place.users(5) }, granularity });
      await untilProgress(handle, 'it is paused', ({ pausedBecause }) => pausedBecause === 'stopped');
      expect(await place.ledger.sweeps.count(handle.workflowId)).toMatchObject({ pending: 5 });
      await expect(handle.executeUpdate('resume', { args: [{ by: 'ann' }] })).rejects.toMatchObject({
        cause: { message: expect.stringContaining('http-tasks start') },
      });
      await place.ledger.start({ by: 'test' });
      await handle.executeUpdate('resume', { args: [{ by: 'ann' }] });
      await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { accepted: 5 } });
    },
  );

  it('a sweep that is not resumed finds out by itself that it may continue', async () => {
    await place.ledger.stop({ reason: 'test', by: 'test' });
    const handle = await place.start({ source: { file: await place.users(5) }, granularity: 'chunk' });
    await untilProgress(handle, 'it is paused', ({ pausedBecause }) => pausedBecause === 'stopped');
    await expect(handle.executeUpdate('resume', { args: [{ because: 'tolerance' }] })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('because of stopped') },
    });
    await place.ledger.start({ by: 'test' });
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { accepted: 5 } });
  });

  it('sends nothing five seconds later, in the middle of a sweep', async () => {
    place.simulators.plaid.configure({ latencyMs: 300 });
    const handle = await place.start({ source: { file: await place.users(600) }, granularity: 'chunk' });
    await until('it is at work', () => place.simulators.plaid.state().counts.touched > 100);
    // Longer calls, so that the stop finds the sweep in progress on a busy machine too.
    place.simulators.plaid.configure({ latencyMs: 1_000 });
    const touched = () => place.simulators.plaid.state().counts.touched;
    await place.ledger.stop({ reason: 'test', by: 'test' });
    await untilProgress(
      handle,
      'it is paused',
      ({ pausedBecause, underWay }) => pausedBecause === 'stopped' && underWay === 0,
    );
    const then = touched();
    expect(then).toBeLessThan(600);
    const row = await place.ledger.sweeps.count(handle.workflowId);
    expect(row.failed + row.unknown + row.held).toBe(0);
    await place.ledger.start({ by: 'test' });
    place.simulators.plaid.configure({ latencyMs: 0 });
    expect(touched()).toBe(then);
    await handle.executeUpdate('resume', { args: [{ by: 'ann' }] });
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { accepted: 600 } });
    expect(place.simulators.plaid.state().repeats.irreversible).toEqual([]);
  });
});
