import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { OffboardingActivities, TaskEnvelope } from 'temporal-http-tasks/internal/activities/contract';
import { internalQueue } from 'temporal-http-tasks/internal/policy/internal-queue';
import type { offboardUser } from 'temporal-http-tasks/internal/workflows/offboard-user';
import { freshId } from '../support/offboarding';
import { REASON } from '../support/offboarding-runs';
import { silenceTemporal } from '../support/quiet-runtime';
import { freshTaskQueue, temporalAddress } from '../support/temporal';
import { workflowBundle } from '../support/workflow-bundle';

// Activities of the test's own replace a ledger that is away for longer than the day that its end is worth.

/** Longer than the deadline of a run whose call takes too long. */
const BEYOND_DEADLINE_MS = 6_500;

let client: Client;
let compensated = 0;
let held = true;
let close: () => Promise<void>;
const taskQueue = freshTaskQueue('unrecorded');

beforeAll(async () => {
  silenceTemporal();
  const address = temporalAddress();
  const [connection, clientConnection] = await Promise.all([
    NativeConnection.connect({ address }),
    Connection.connect({ address }),
  ]);
  client = new Client({ connection: clientConnection });
  const isAway = () => Promise.reject(ApplicationFailure.nonRetryable('The day is over.', 'Task.LedgerUnavailable'));
  const activities: Pick<
    OffboardingActivities,
    'httpTasks.prepareOffboarding' | 'httpTasks.recordEnd' | 'httpTasks.checkHold'
  > &
    Record<string, unknown> = {
    'httpTasks.prepareOffboarding': async () =>
      Promise.resolve({
        subject: 'a-hash',
        subjects: ['a-hash'],
        held,
        environment: 'sandbox',
        batchApps: [],
        knownSteps: [],
        hadItems: false,
        knownItems: [],
      }),
    'httpTasks.recordEnd': isAway,
    'httpTasks.checkHold': isAway,
    'plaid.userItemsGet': () => delay(BEYOND_DEADLINE_MS),
    'http.request': async (): Promise<TaskEnvelope> => {
      compensated += 1;
      return Promise.resolve({ status: 200, attempt: 1, output: {} });
    },
  };
  const worker = await Worker.create({ connection, taskQueue, workflowBundle: await workflowBundle(), activities });
  const internal = await Worker.create({ connection, taskQueue: internalQueue(taskQueue, 'short'), activities });
  const running = Promise.all([worker.run(), internal.run()]);
  close = async () => {
    worker.shutdown();
    internal.shutdown();
    await running;
    await Promise.all([connection.close(), clientConnection.close()]);
  };
});

afterAll(() => close());

it('a run whose end cannot be recorded still returns its result and runs the compensation task', async () => {
  const result = await client.workflow.execute<typeof offboardUser>('offboardUser', {
    taskQueue,
    workflowId: freshId('offboard'),
    args: [
      {
        user: { plaidUserId: freshId('usr') },
        reason: REASON,
        compensation: { task: 'http.request', input: { uri: 'https://tickets.example/', method: 'POST' } },
      },
    ],
  });
  expect(result.status).toBe('held');
  expect(result.steps.map(({ step, outcome }) => `${step} ${outcome}`)).toContain('plaid.items held');
  expect(result.compensationTask).toMatchObject({ task: 'http.request', ok: true });
  expect(compensated).toBe(1);
});

it('a run at its deadline fails as one that had no time left, although the ledger cannot say whether the user is on hold', async () => {
  held = false;
  const ended = client.workflow.execute<typeof offboardUser>('offboardUser', {
    taskQueue,
    workflowId: freshId('offboard'),
    args: [{ user: { plaidUserId: freshId('usr') }, reason: REASON, deadline: '6s' }],
  });
  const failure = await ended.then(
    () => undefined,
    (error: unknown) => (error instanceof WorkflowFailedError ? error.cause : error),
  );
  expect(failure).toMatchObject({ type: 'Offboarding.Failed' });
  expect(String(failure)).toContain('plaid.products (deadline)');
});
