import { WorkflowFailedError } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { openPlace } from '../support/offboarding';
import type { Place } from '../support/offboarding';
import { callsFor, seedUser, startOffboarding, stepLines, until } from '../support/offboarding-runs';
import { temporalAddress } from '../support/temporal';
import { startWorkerProcess } from '../support/worker-process';
import { workflowBundle } from '../support/workflow-bundle';
import { progressQuery } from 'temporal-http-tasks/internal/workflows/progress';

// A user kills the worker to stop it and then cancels the run, so that no attempt after the lost one ever begins.

let place: Place;

beforeAll(async () => {
  place = await openPlace({ plaid: { repeatedRemovals: 'process' }, env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '60000' } });
});

afterAll(() => place.close());

type Handle = Awaited<ReturnType<typeof startOffboarding>>;

/** Lets a worker without activities handle the cancellation, while the lost activity waits for its next attempt. */
async function handleCancellation(handle: Handle): Promise<void> {
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  const worker = await Worker.create({
    connection,
    taskQueue: place.taskQueue,
    workflowBundle: await workflowBundle(),
  });
  const run = worker.run();
  await until('the activity is cancelled', async () => {
    const { events } = await handle.fetchHistory();
    return (events ?? []).some(({ activityTaskCanceledEventAttributes: attributes }) => attributes);
  });
  worker.shutdown();
  await run;
  await connection.close();
}

it('says that a removal is unknown that was in flight when its worker was killed, everywhere it speaks of it', async () => {
  const seeded = seedUser(place);
  place.simulators.plaid.faults.add({
    endpoint: 'userItemsRemove',
    kind: 'stall',
    processed: true,
    user: seeded.plaidUserId,
    times: 1,
  });
  const killed = await startWorkerProcess(place);
  const handle = await startOffboarding(place, { user: seeded.user });
  await until('the removal is in flight', () => callsFor(place, seeded.plaidUserId).includes('userItemsRemove'));
  await killed.kill();
  await until(
    'the attempt is given up',
    async () => (await handle.describe()).raw.pendingActivities?.[0]?.attempt === 2,
  );
  await handle.cancel();
  await handleCancellation(handle);
  await place.startWorker();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);

  const progress = await handle.query(progressQuery);
  expect(stepLines(progress)).toEqual([
    'plaid.items unknown cancelled',
    'plaid.products skipped cancelled',
    'batch.ios skipped cancelled',
    'batch.android skipped cancelled',
  ]);
  expect(progress.compensations[0]?.remedy).toMatch(/^It was sent and its result is unknown/);
  expect(await place.ledger.readCompensations(handle)).toEqual(progress.compensations);
  const settled = (await place.ledger.readReceipts(handle)).filter(({ phase }) => phase === 'settled');
  expect(settled.map(({ step, outcome }) => `${step} ${outcome}`)[0]).toBe('plaid.items unknown');
  expect(callsFor(place, seeded.plaidUserId).filter((call) => call === 'userItemsRemove')).toHaveLength(1);
});
