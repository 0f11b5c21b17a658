import { defineSearchAttributeKey } from '@temporalio/common';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import {
  approveUpdate,
  pauseUpdate,
  resumeUpdate,
  setRateUpdate,
} from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import {
  BYSTANDERS,
  callsMade,
  cancelledSweep,
  goneAtPlaid,
  openSweepPlace,
  untilProgress,
} from '../../support/sweep-runs';
import type { SweepPlace } from '../../support/sweep-runs';
import { findTemporalServer, startTemporalServer } from '@temporal-http-tasks/testing/internal/temporal-server/index';
import { amount } from '../../support/amount';
import { until } from '../../support/offboarding-runs';

/** What the issue promises; a quiet machine needs two seconds or three. */
const ACTS_WITHIN_MS = 10_000;

/** The server suggests a new run after so many events, of which an update makes six: by default after 4,096. */
const SUGGESTED_AFTER = amount(1_000, { whole: 4_096 });

/** More updates than one run takes before it makes room. */
const BURST = amount(300, { whole: 1_000 });

/** They take longer than all updates. */
const SLOW_USERS = amount(1_200, { whole: 3_000 });

/** Latency that leaves the sweep half a minute of work, so that an update always finds it in progress. */
const SLOW_MS = 1_000;

let place: SweepPlace;

beforeEach(async () => {
  place = await openSweepPlace({ env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '20000' } });
  await place.startWorker();
});

afterEach(() => place.close());

async function noCallsFor(ms: number): Promise<void> {
  const before = callsMade(place);
  await new Promise((resolve) => setTimeout(resolve, ms));
  expect(callsMade(place)).toBe(before);
}

it('pauses within seconds, holds still, and continues where it was', async () => {
  place.simulators.plaid.configure({ latencyMs: 200 });
  const handle = await place.start({ source: { file: await place.users(600) } });
  await until('it is running', () => callsMade(place) > 200);
  place.simulators.plaid.configure({ latencyMs: SLOW_MS });
  const askedAt = performance.now();
  await expect(handle.executeUpdate(pauseUpdate)).resolves.toMatchObject({
    status: 'paused',
    pausedBecause: 'request',
  });
  const paused = await untilProgress(
    handle,
    'nothing is in progress',
    ({ underWay }) => underWay === 0,
    ACTS_WITHIN_MS,
  );
  expect(performance.now() - askedAt).toBeLessThan(ACTS_WITHIN_MS);
  expect(paused).toMatchObject({ status: 'paused', phase: 'paused' });
  expect(paused.counts.pending).toBeGreaterThan(0);
  await noCallsFor(1_500);
  await until(
    'the ledger says so',
    async () => (await place.ledger.sweeps.read(handle.workflowId))?.status === 'paused',
  );
  place.simulators.plaid.configure({ latencyMs: 0 });
  await expect(handle.executeUpdate(resumeUpdate)).resolves.toMatchObject({ status: 'running' });
  await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { total: 600, accepted: 600 } });
  expect(goneAtPlaid(place)).toEqual({ gone: 600, left: BYSTANDERS, irreversibleRepeats: 0 });
});

it('pauses within seconds while it waits for its rate, when its chunks send fewer heartbeats', async () => {
  const handle = await place.start({ source: { file: await place.users(600) }, rate: 300 });
  // Five calls a second: by then its chunk has waited for some seconds.
  await until('its rate is the bottleneck', () => callsMade(place) > 40);
  const askedAt = performance.now();
  await handle.executeUpdate(pauseUpdate);
  await untilProgress(handle, 'nothing is in progress', ({ underWay }) => underWay === 0, ACTS_WITHIN_MS);
  expect(performance.now() - askedAt).toBeLessThan(ACTS_WITHIN_MS);
  await noCallsFor(1_500);
  await handle.cancel();
  await cancelledSweep(handle);
});

it('stops within seconds when it is cancelled; who was left out is counted as skipped, and everything is sealed', async () => {
  place.simulators.plaid.configure({ latencyMs: 200 });
  const handle = await place.start({ source: { file: await place.users(600) } });
  await until('it is running', () => callsMade(place) > 200);
  place.simulators.plaid.configure({ latencyMs: SLOW_MS });
  await handle.cancel();
  const end = await cancelledSweep(handle);
  expect(end).toMatchObject({ status: 'cancelled', phase: 'ended', counts: { total: 600, pending: 0 } });
  const { total, pending, ...outcomes } = end.counts;
  expect(Object.values(outcomes).reduce((sum, users) => sum + users, 0)).toBe(total - pending);
  expect(end.counts.skipped).toBeGreaterThan(0);
  await noCallsFor(1_000);
  expect(goneAtPlaid(place).irreversibleRepeats).toBe(0);
  await expect(
    place.ledger.sweeps.verify({ sweepId: handle.workflowId, expectedRoot: end.merkleRoot }),
  ).resolves.toMatchObject({ ok: true });
});

it('pauses when more users failed than is tolerated, and continues until as many more have', async () => {
  const file = await place.users(1_000);
  place.simulators.plaid.configure({ latencyMs: 40 });
  place.simulators.plaid.faults.add({ endpoint: 'userProductsTerminate', kind: 'unknownErrorCode', probability: 0.2 });
  const handle = await place.start({ source: { file }, tolerance: 20, batch: { mode: 'skip' } });
  const paused = await untilProgress(
    handle,
    'it is paused',
    ({ status, underWay }) => status === 'paused' && underWay === 0,
  );
  expect(paused.pausedBecause).toBe('tolerance');
  expect(paused.counts.failed).toBeGreaterThan(20);
  expect(paused.counts.pending).toBeGreaterThan(0);
  await handle.executeUpdate(resumeUpdate);
  const again = await untilProgress(
    handle,
    'it is paused again',
    ({ status, counts }) => status === 'paused' && counts.failed > paused.counts.failed,
  );
  expect(again.counts.failed).toBeGreaterThan(paused.counts.failed + 20);
  await handle.cancel();
  await cancelledSweep(handle);
});

it('pauses at a refused key, names it, and continues once the key is good', async () => {
  const file = await place.users(400);
  place.simulators.plaid.faults.add({ endpoint: '*', kind: 'unauthorized' });
  const handle = await place.start({ source: { file } });
  const paused = await untilProgress(
    handle,
    'it is paused',
    ({ status, underWay }) => status === 'paused' && underWay === 0,
  );
  expect(paused).toMatchObject({ pausedBecause: 'Task.Unauthorized plaid', counts: { pending: 400 } });
  expect(callsMade(place)).toBeLessThanOrEqual(64);
  place.simulators.plaid.faults.remove();
  await handle.executeUpdate(resumeUpdate);
  await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { accepted: 400 } });
});

it('pauses at a refused key of one app at Batch, and sends nothing for it twice', async () => {
  place.simulators.batch.faults.add({ endpoint: 'customDataBulkDelete', kind: 'unauthorized', times: 1 });
  const handle = await place.start({ source: { file: await place.users(130) } });
  const paused = await untilProgress(
    handle,
    'it is paused',
    ({ status, underWay }) => status === 'paused' && underWay === 0,
  );
  expect(paused.pausedBecause).toMatch(/^Task\.Unauthorized batch\.(ios|android)$/);
  await handle.executeUpdate(resumeUpdate);
  await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { accepted: 130 } });
});

it('waits for approval, and refuses one for another number of users', async () => {
  const handle = await place.start({ source: { file: await place.users(120) }, approval: true });
  await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
  expect(callsMade(place)).toBe(0);
  const { typedSearchAttributes } = await handle.describe();
  expect(typedSearchAttributes.get(defineSearchAttributeKey('OffboardingStatus', 'KEYWORD'))).toBe(
    'waitingForApproval',
  );
  const wrong: unknown = await handle
    .executeUpdate(approveUpdate, { args: [{ total: 119, by: 'me' }] })
    .catch((error: unknown) => error);
  expect(wrong).toBeInstanceOf(WorkflowUpdateFailedError);
  expect((wrong as WorkflowUpdateFailedError).cause?.message).toBe(
    'total is 119, and this sweep has 120 users. Check the users again, then approve that number.',
  );
  await expect(handle.executeUpdate(approveUpdate, { args: [{ total: 120, by: 'A. Person' }] })).resolves.toMatchObject(
    { approvedBy: 'A. Person', status: 'running', phase: 'users' },
  );
  await expect(handle.result()).resolves.toMatchObject({ status: 'completed' });
});

it('refuses updates that make no sense with one sentence', async () => {
  place.simulators.plaid.configure({ latencyMs: 200 });
  const handle = await place.start({ source: { file: await place.users(500) } });
  await until('it is running', () => callsMade(place) > 10);
  const refusal = async (update: Promise<unknown>): Promise<string | undefined> =>
    update.then(
      () => undefined,
      (error: unknown) => (error as WorkflowUpdateFailedError).cause?.message,
    );
  expect(await refusal(handle.executeUpdate(resumeUpdate))).toBe('This sweep is not paused; it is running.');
  expect(await refusal(handle.executeUpdate(approveUpdate, { args: [{ total: 500, by: 'me' }] }))).toBe(
    'This sweep does not wait for approval; it is running.',
  );
  expect(await refusal(handle.executeUpdate(setRateUpdate, { args: [{ callsPerMinute: 0 }] }))).toContain(
    'callsPerMinute: must be at least 1 call a minute',
  );
  place.simulators.plaid.configure({ latencyMs: 0 });
  await handle.result();
});

it('writes a limit that is given at the start or set later where all processes read it', async () => {
  place.simulators.plaid.configure({ latencyMs: 50 });
  const handle = await place.start({ source: { file: await place.users(600) }, rate: 30_000 });
  const limits = async () => (await place.ledger.rates.readRates()).find(({ service }) => service === 'plaid')?.sweeps;
  const limit = async () => (await limits())?.[0]?.limitPerMinute;
  await until('the first limit is written', async () => (await limit()) === 30_000);
  await handle.executeUpdate(setRateUpdate, { args: [{ callsPerMinute: 60_000 }] });
  await until('the second limit is written', async () => (await limit()) === 60_000);
  place.simulators.plaid.configure({ latencyMs: 0 });
  await expect(handle.result()).resolves.toMatchObject({ status: 'completed' });
  expect(await limits()).toEqual([]);
});

it('takes an update that comes with its start, when the ledger has the sweep', async () => {
  place.simulators.plaid.configure({ latencyMs: 200 });
  const input = { source: { file: await place.users(150) }, rate: 30_000 };
  const { update, handle } = place.startWithRate(input, 60_000);
  await expect(update).resolves.toMatchObject({ status: 'running' });
  const limits = async () => (await place.ledger.rates.readRates()).find(({ service }) => service === 'plaid')?.sweeps;
  await until('the later limit counts', async () => (await limits())?.[0]?.limitPerMinute === 60_000);
  place.simulators.plaid.configure({ latencyMs: 0 });
  await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { accepted: 150 } });
  const { events } = await handle.fetchHistory();
  const scheduled = (events ?? []).flatMap(
    ({ activityTaskScheduledEventAttributes: event }) => event?.activityType?.name ?? [],
  );
  expect(scheduled[0]).toBe('httpTasks.openSweep');
  const opened = events?.findIndex(({ activityTaskCompletedEventAttributes: event }) => event) ?? -1;
  const recorded = events?.findIndex(
    ({ activityTaskScheduledEventAttributes: event }) => event?.activityType?.name === 'httpTasks.recordUpdate',
  );
  expect(opened).toBeGreaterThan(0);
  expect(recorded).toBeGreaterThan(opened);
});

it('ends although an update came with its start, when it cannot be opened', async () => {
  const { update, handle } = place.startWithRate({ snapshot: 'sweep-1' }, 60_000);
  await expect(update).rejects.toThrow();
  await expect(handle.result()).rejects.toThrow();
});

it('ends when its time is over: who was not done has failed', async () => {
  const file = await place.users(150, { prefix: 'slow' });
  place.simulators.plaid.faults.add({ endpoint: 'userItemsGet', user: 'slow-5', kind: 'maintenance' });
  const handle = await place.start({ source: { file }, deadline: '20s' });
  await expect(handle.result()).resolves.toMatchObject({
    status: 'partial',
    counts: { total: 150, failed: 1, accepted: 149, pending: 0 },
  });
});

it('writes only the newest of many limits, and takes a pause and a resumption whatever came before', async () => {
  const binary = await findTemporalServer({ report: () => undefined });
  const server = await startTemporalServer({
    binary: binary.path,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': SUGGESTED_AFTER },
  });
  const suggesting = await openSweepPlace({ temporal: server.address, env: { HTTP_TASKS_TOTAL_TIMEOUT_MS: '20000' } });
  try {
    await suggesting.startWorker();
    // So slow that the sweep does not end before the last update, however slow the machine is.
    suggesting.simulators.plaid.configure({ latencyMs: 2_000 });
    const handle = await suggesting.start({ source: { file: await suggesting.users(SLOW_USERS) }, rate: 600_000 });
    await until('it is in progress', () => suggesting.simulators.plaid.figures().calls.total > 50);
    let sent = 0;
    let refused = 0;
    const send = async (): Promise<void> => {
      while (sent < BURST) {
        const callsPerMinute = 600_000 + ++sent;
        await handle.executeUpdate(setRateUpdate, { args: [{ callsPerMinute }] }).catch(() => (refused += 1));
      }
    };
    await Promise.all(Array.from({ length: 8 }, send));
    const askedAt = performance.now();
    await expect(handle.executeUpdate(pauseUpdate)).resolves.toMatchObject({ status: 'paused' });
    await untilProgress(handle, 'nothing is in progress', ({ underWay }) => underWay === 0, ACTS_WITHIN_MS);
    expect(performance.now() - askedAt).toBeLessThan(ACTS_WITHIN_MS);
    suggesting.simulators.plaid.configure({ latencyMs: 0 });
    // A run that makes room for more updates accepts this one too; its next run carries it out.
    await handle.executeUpdate(resumeUpdate);
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { accepted: SLOW_USERS } });
    const { events } = await suggesting.client.workflow
      .getHandle(handle.workflowId, handle.firstExecutionRunId)
      .fetchHistory();
    const written =
      events?.filter(
        ({ activityTaskScheduledEventAttributes: activity }) => activity?.activityType?.name === 'httpTasks.setRate',
      ) ?? [];
    expect(written.length).toBeLessThan(60);
    expect(events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes).toBeTruthy();
    expect(refused).toBeLessThan(BURST / 2);
  } finally {
    await suggesting.close();
    await server.stop();
  }
});

it('pauses and continues while a bulk call waits for a free place in a worker', async () => {
  const appKeys = { ios: 'KEY-IOS', android: 'KEY-ANDROID', web: 'KEY-WEB', desktop: 'KEY-DESKTOP' };
  const many = await openSweepPlace({ batch: { appKeys, latencyMs: 1_500 } });
  try {
    await many.startWorker();
    const handle = await many.start({ source: { file: await many.users(20) }, granularity: 'chunk' });
    await untilProgress(
      handle,
      'bulk calls are in progress',
      ({ phase, underWay }) => phase === 'bulk' && underWay === 4,
    );
    await expect(handle.executeUpdate(pauseUpdate)).resolves.toMatchObject({ status: 'paused' });
    await untilProgress(handle, 'nothing is in progress', ({ underWay }) => underWay === 0, ACTS_WITHIN_MS);
    await handle.executeUpdate(resumeUpdate);
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { accepted: 20 } });
    for (const app of Object.values(many.simulators.batch.state().apps)) expect(app.touched).toHaveLength(20);
  } finally {
    await many.close();
  }
});
