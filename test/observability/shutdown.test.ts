import { defaultPayloadConverter } from '@temporalio/common';
import { freePort } from '../support/observing';
import { callsFor, seedUser, startOffboarding, until } from '../support/offboarding-runs';
import { goneAtPlaid, openSweepPlace } from '../support/sweep-runs';
import type { SweepHandle, SweepPlace } from '../support/sweep-runs';
import { startWorkerProcess } from '../support/worker-process';
import type { WorkerProcess } from '../support/worker-process';

// Workers as an orchestrator runs and ends them: processes of their own, asked for their health, and stopped.

// Enough that a chunk of them is in progress for many heartbeats, also on a busy machine.
const USERS = 1_200;

let place: SweepPlace;
let worker: WorkerProcess;
let port: number;

beforeAll(async () => {
  place = await openSweepPlace();
  place.simulators.plaid.configure({ latencyMs: 400 });
  port = await freePort();
  worker = await startWorkerProcess(place, { HTTP_TASKS_HEALTH_ADDRESS: String(port) });
});

afterAll(async () => {
  await worker.stop();
  await place.close();
});

/** What the running chunk last reported with a heartbeat; undefined while none runs. */
async function heartbeatOf(handle: SweepHandle): Promise<Record<string, unknown> | undefined> {
  const { raw } = await handle.describe();
  const chunk = (raw.pendingActivities ?? []).find(({ activityType }) => activityType?.name === 'httpTasks.runChunk');
  const [payload] = chunk?.heartbeatDetails?.payloads ?? [];
  return payload && defaultPayloadConverter.fromPayload(payload);
}

/** What chunks that have ended returned. */
async function chunkResults(handle: SweepHandle): Promise<Record<string, unknown>[]> {
  const { events } = await handle.fetchHistory();
  const scheduled = new Map(
    (events ?? []).map((event) => [
      String(event.eventId),
      event.activityTaskScheduledEventAttributes?.activityType?.name,
    ]),
  );
  return (events ?? []).flatMap(({ activityTaskCompletedEventAttributes: ended }) => {
    const [payload] = ended?.result?.payloads ?? [];
    return payload && scheduled.get(String(ended?.scheduledEventId)) === 'httpTasks.runChunk'
      ? [defaultPayloadConverter.fromPayload<Record<string, unknown>>(payload)]
      : [];
  });
}

it('starts no worker when an address is taken, and says which', async () => {
  await expect(startWorkerProcess(place, { HTTP_TASKS_HEALTH_ADDRESS: String(port) })).rejects.toThrow(
    /ended with code 2[\s\S]*HTTP_TASKS_HEALTH_ADDRESS: cannot be listened on \(EADDRINUSE\)/,
  );
});

it('returns a chunk when it is stopped: calls in flight are finished, and another worker continues', async () => {
  const readiness = async (): Promise<number> => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
  await until('the worker is ready', async () => (await readiness()) === 200);

  const sweep = await place.start({ source: { file: await place.users(USERS) }, granularity: 'chunk' });
  let heartbeat: Record<string, unknown> | undefined;
  await until(
    'the heartbeat tells of users who came to their end',
    async () => {
      heartbeat = await heartbeatOf(sweep);
      return Number(heartbeat?.['waitingForBulk'] ?? 0) > 0;
    },
    90_000,
  );
  // Numbers only, in the server's keeping; and out of how many.
  expect(heartbeat).toEqual({
    opened: expect.any(Number),
    settled: 0,
    waitingForBulk: expect.any(Number),
    deferred: 0,
    outcomes: {},
    users: USERS,
  });

  const ended = worker.stop();
  const whileStopping: number[] = [];
  await until('nobody listens any more', async () =>
    readiness().then(
      (status) => whileStopping.push(status) < 0,
      () => true,
    ),
  );
  expect(await ended).toBe(0);
  expect(whileStopping.filter((status) => status === 503).length).toBeGreaterThan(0);
  expect(worker.log()).toContain('"msg":"stopping"');

  const [returned] = await chunkResults(sweep);
  expect(returned).toMatchObject({ end: 'cancelled' });
  expect(Number(returned?.['waitingForBulk'])).toBeLessThan(USERS);

  place.simulators.plaid.configure({ latencyMs: 0 });
  await place.startWorker();
  expect(await sweep.result()).toMatchObject({ status: 'completed', counts: { total: USERS, accepted: USERS } });
  expect(goneAtPlaid(place)).toMatchObject({ gone: USERS, irreversibleRepeats: 0 });
});

it('ends in time when a provider does not respond, and leaves the call to a later check', async () => {
  const other = await openSweepPlace({ env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '60000' } });
  try {
    const hurried = await startWorkerProcess(other, { HTTP_TASKS_SHUTDOWN_MS: '1000' });
    const seeded = seedUser(other);
    other.simulators.plaid.faults.add({
      kind: 'stall',
      endpoint: 'userItemsRemove',
      user: seeded.plaidUserId,
      times: 1,
      processed: true,
    });
    const run = await startOffboarding(other, { user: seeded.user });
    await until('the removal was sent', () => callsFor(other, seeded.plaidUserId).includes('userItemsRemove'));

    const beganAtMs = performance.now();
    expect(await hurried.stop()).toBe(1);
    expect(performance.now() - beganAtMs).toBeLessThan(20_000);
    expect(hurried.log()).toContain('ended before all work was finished');

    await other.startWorker();
    await until(
      'the run is completed by another worker',
      async () => (await run.describe()).status.name === 'COMPLETED',
      60_000,
    );
    expect(callsFor(other, seeded.plaidUserId).filter((call) => call === 'userItemsRemove')).toHaveLength(1);
  } finally {
    await other.close();
  }
});
