import { Client, Connection } from '@temporalio/client';
import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import type { RunningTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import type { offboardUsers } from 'temporal-http-tasks/workflow';
import {
  approveUpdate,
  pauseUpdate,
  resumeUpdate,
  setRateUpdate,
  sweepProgressQuery,
} from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import { until } from '../../support/offboarding-runs';
import { amount } from '../../support/amount';
import { BYSTANDERS, callsMade, goneAtPlaid, openSweepPlace } from '../../support/sweep-runs';
import type { SweepHandle, SweepPlace } from '../../support/sweep-runs';

/** A chunk has two thousand. */
const USERS = amount(2_010, { whole: 4_500 });

/** The server suggests a new run after so many events: with a chunk's six, at the border of every chunk or two. */
const SUGGESTED_AFTER = 14;

let server: RunningTemporalServer;
let place: SweepPlace;
let ourServer: string | undefined;

beforeAll(async () => {
  const binary = await findTemporalServer({ report: () => undefined });
  server = await startTemporalServer({
    binary: binary.path,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': SUGGESTED_AFTER },
  });
  ourServer = process.env['HTTP_TASKS_TEST_TEMPORAL_ADDRESS'];
  process.env['HTTP_TASKS_TEST_TEMPORAL_ADDRESS'] = server.address;
  place = await openSweepPlace();
  await place.startWorker();
});

afterAll(async () => {
  await place.close();
  process.env['HTTP_TASKS_TEST_TEMPORAL_ADDRESS'] = ourServer;
  await server.stop();
});

/** What the runs wrote, one after another, so that the sweep is found by its status. */
async function statusesWritten({ workflowId, firstExecutionRunId }: SweepHandle): Promise<string[]> {
  const statuses: string[] = [];
  for (let runId: string | undefined = firstExecutionRunId; runId;) {
    const { events } = await place.client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const { upsertWorkflowSearchAttributesEventAttributes: event } of events ?? []) {
      const status = event?.searchAttributes?.indexedFields?.['OffboardingStatus'];
      if (status) statuses.push(JSON.parse(Buffer.from(status.data ?? []).toString()) as string);
    }
    runId = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return statuses;
}

/** How many runs the workflow took. */
async function runsOf({ workflowId }: SweepHandle): Promise<number> {
  const connection = await Connection.connect({ address: server.address });
  try {
    const runs = new Set<string>();
    for await (const { runId } of new Client({ connection }).workflow.list({ query: `WorkflowId = '${workflowId}'` }))
      runs.add(runId);
    return runs.size;
  } finally {
    await connection.close();
  }
}

it('continues as new between chunks without losing or repeating anybody, and with the result of the whole', async () => {
  const handle = await place.start({ source: { file: await place.users(USERS) }, concurrency: 1 });
  const result = await handle.result();
  expect(result).toMatchObject({
    sweepId: handle.workflowId,
    status: 'completed',
    counts: { total: USERS, accepted: USERS, pending: 0 },
  });
  expect(goneAtPlaid(place)).toEqual({ gone: USERS, left: BYSTANDERS, irreversibleRepeats: 0 });
  expect(await runsOf(handle)).toBeGreaterThan(2);
  // The run that continues for another is not an end: nothing says meanwhile that the sweep has failed.
  const { events } = await place.client.workflow
    .getHandle(handle.workflowId, handle.firstExecutionRunId)
    .fetchHistory();
  const writers = (events ?? []).map(({ activityTaskScheduledEventAttributes: event }) => event?.activityType?.name);
  expect(writers).toContain('httpTasks.runChunk');
  expect(writers).not.toContain('httpTasks.setSweepStatus');
  expect(await statusesWritten(handle)).toEqual(['running', 'completed']);
});

it('loses no update at any of those borders', async () => {
  const handle = await place.start({ source: { file: await place.users(USERS) }, concurrency: 1 });
  const latest = place.client.workflow.getHandle(handle.workflowId);
  let limit = 100_000;
  let ended = false;
  const result = handle.result().finally(() => (ended = true));
  let responded = 0;
  while (!ended) {
    try {
      await latest.executeUpdate(setRateUpdate, { args: [{ callsPerMinute: (limit += 1_000) }] });
      responded += 1;
      if (responded % 4 === 0) {
        await expect(latest.executeUpdate(pauseUpdate)).resolves.toMatchObject({ pausedBecause: 'request' });
        const before = callsMade(place);
        await latest.executeUpdate(resumeUpdate);
        // Pauses that come before a chunk has begun would keep the sweep where it is, as often as they are repeated.
        await until('it has made calls again', () => ended || callsMade(place) > before);
      }
    } catch (error) {
      // Too late: the sweep has ended meanwhile.
      await result;
      const { message, cause } = error as Error;
      expect(`${message} ${String(cause)}`).toMatch(/completed|ended|not found|is sealing its receipts/i);
    }
  }
  await expect(result).resolves.toMatchObject({ status: 'completed', counts: { total: USERS, accepted: USERS } });
  expect(responded).toBeGreaterThan(4);
  const [own] = await place.ledger.rates.readSweepRates(handle.workflowId);
  expect(own?.limitPerMinute).toBe(100_000 + responded * 1_000);
});

it('continues as new between children too', async () => {
  const handle = await place.start({ source: { file: await place.users(12) }, granularity: 'user', concurrency: 2 });
  await expect(handle.result()).resolves.toMatchObject({
    status: 'completed',
    counts: { total: 12, accepted: 12, pending: 0 },
  });
  expect(await runsOf(handle)).toBeGreaterThan(1);
});

it('waits for its approval over several runs, no longer than the first said', async () => {
  const handle = await place.start({
    source: { file: await place.users(20) },
    approval: true,
    approveWithin: '1 hour',
  });
  const latest = place.client.workflow.getHandle<typeof offboardUsers>(handle.workflowId);
  const waiting = () => latest.query(sweepProgressQuery);
  await until('it waits', async () => (await waiting()).status === 'waitingForApproval');
  const { approveUntil } = await waiting();
  expect(approveUntil).toBeDefined();
  for (let sent = 0; sent < 110; sent += 1)
    await latest.executeUpdate(setRateUpdate, { args: [{ callsPerMinute: 600_000 + sent }] });
  await until(
    'another run waits',
    async () => (await runsOf(handle)) > 1 && (await waiting()).status === 'waitingForApproval',
  );
  expect((await waiting()).approveUntil).toBe(approveUntil);
  await latest.executeUpdate(pauseUpdate);
  await latest.executeUpdate(resumeUpdate);
  await latest.executeUpdate(approveUpdate, { args: [{ total: 20, by: 'A. Person' }] });
  await expect(latest.result()).resolves.toMatchObject({ status: 'completed', counts: { total: 20, accepted: 20 } });
});
