/** The sweeps of which a history is recorded; see record-histories.ts. */
import type { WorkflowHandle } from '@temporalio/client';
import {
  approveUpdate,
  pauseUpdate,
  resumeUpdate,
  setRateUpdate,
} from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import { freshId } from '../support/offboarding';
import { until } from '../support/offboarding-runs';
import { untilProgress } from '../support/sweep-runs';
import type { SweepHandle, SweepPlace } from '../support/sweep-runs';

/** By the name of the file; each starts one sweep, lets happen to it what its name says, and returns it. */
export const SWEEPS: Record<string, (place: SweepPlace) => Promise<WorkflowHandle>> = {
  'offboard-users-approved-in-time': async (place) => {
    const handle = await place.start({
      source: { file: await place.users(105) },
      approval: true,
      deadline: '1 hour',
      rate: 600_000,
    });
    await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
    await handle.executeUpdate(pauseUpdate);
    await handle.executeUpdate(approveUpdate, { args: [{ total: 105, by: 'A. Person' }] });
    await untilProgress(handle, 'it is paused', ({ phase }) => phase === 'paused');
    await handle.executeUpdate(resumeUpdate);
    return handle;
  },

  'offboard-users-with-an-update-at-its-start': async (place) => {
    const input = { source: { file: await place.users(105) }, rate: 30_000 };
    const { update, handle } = place.startWithRate(input, 600_000);
    await update;
    return handle;
  },

  'offboard-users-paused-with-a-clock': async (place) => {
    const handle = await slowSweep(place);
    await handle.executeUpdate(pauseUpdate);
    await untilProgress(handle, 'it holds still', ({ underWay }) => underWay === 0);
    place.simulators.plaid.configure({ latencyMs: 0 });
    await handle.executeUpdate(resumeUpdate);
    return handle;
  },

  'offboard-users-in-chunks': async (place) => place.start({ source: { file: await place.users(120) } }),

  'offboard-users-with-children': async (place) =>
    place.start({ source: { file: await place.users(5) }, concurrency: 2 }),

  'offboard-users-in-rounds': async (place) => {
    const prefix = freshId('later');
    const file = await place.users(110, { prefix });
    place.simulators.plaid.faults.add({
      endpoint: 'userItemsGet',
      user: `${prefix}-7`,
      kind: 'rateLimit',
      times: 1,
      retryAfter: { form: 'seconds', seconds: 6 },
    });
    return place.start({ source: { file } });
  },

  'offboard-users-approved-with-a-rate': async (place) => {
    const handle = await place.start({ source: { file: await place.users(105) }, approval: true, rate: 600_000 });
    await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
    await handle.executeUpdate(approveUpdate, { args: [{ total: 105, by: 'A. Person' }] });
    return handle;
  },

  'offboard-users-paused-while-waiting': async (place) => {
    const handle = await place.start({ source: { file: await place.users(105) }, approval: true });
    await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
    await handle.executeUpdate(pauseUpdate);
    await handle.executeUpdate(resumeUpdate);
    await handle.executeUpdate(approveUpdate, { args: [{ total: 105, by: 'A. Person' }] });
    return handle;
  },

  'offboard-users-paused-and-resumed': async (place) => {
    const handle = await slowSweep(place);
    await handle.executeUpdate(pauseUpdate);
    await untilProgress(handle, 'it holds still', ({ underWay }) => underWay === 0);
    await handle.executeUpdate(setRateUpdate, { args: [{ callsPerMinute: 600_000 }] });
    place.simulators.plaid.configure({ latencyMs: 0 });
    await handle.executeUpdate(resumeUpdate);
    return handle;
  },

  'offboard-users-cancelled': async (place) => {
    const handle = await slowSweep(place);
    await handle.cancel();
    await handle.result().catch(() => undefined);
    place.simulators.plaid.configure({ latencyMs: 0 });
    return handle;
  },

  'offboard-users-beyond-its-tolerance': async (place) => {
    const prefix = freshId('no');
    const file = await place.users(110, { prefix });
    const ids = Array.from({ length: 4 }, (_, index) => `${prefix}-${index}`);
    place.simulators.plaid.faults.add(
      ids.map((user) => ({ endpoint: 'userProductsTerminate' as const, kind: 'unknownErrorCode' as const, user })),
    );
    const handle = await place.start({ source: { file }, tolerance: 2 });
    await untilProgress(handle, 'it is paused', ({ status, underWay }) => status === 'paused' && underWay === 0);
    await handle.executeUpdate(resumeUpdate);
    return handle;
  },

  'offboard-users-at-its-deadline': async (place) => {
    const prefix = freshId('slow');
    const file = await place.users(102, { prefix });
    place.simulators.plaid.faults.add({ endpoint: 'userItemsGet', user: `${prefix}-5`, kind: 'maintenance' });
    return place.start({ source: { file }, deadline: '12s' });
  },

  'offboard-users-failed': async (place) => {
    const prefix = freshId('none');
    const file = await place.users(101, { prefix });
    place.simulators.plaid.faults.add({ endpoint: 'userItemsGet', kind: 'unknownErrorCode', times: 101 });
    return place.start({ source: { file }, batch: { mode: 'skip' }, onFailure: 'stop' });
  },

  'offboard-users-stopped-and-started': async (place) => {
    await place.ledger.stop({ reason: 'a recording', by: 'A. Person' });
    const handle = await place.start({ source: { file: await place.users(105) } });
    await untilProgress(handle, 'it is paused', ({ pausedBecause }) => pausedBecause === 'stopped');
    await place.ledger.start({ by: 'A. Person' });
    await handle.executeUpdate('resume', { args: [{ by: 'A. Person' }] });
    return handle;
  },

  'offboard-users-not-approved': async (place) => {
    const handle = await place.start({
      source: { file: await place.users(5) },
      approval: true,
      approveWithin: '1s',
      rate: 600_000,
    });
    await handle.result();
    return handle;
  },

  'offboard-users-with-a-burst-of-limits': async (place) => {
    const handle = await slowSweep(place);
    const limits = Array.from({ length: 40 }, (_, index) => ({ callsPerMinute: 600_000 + index }));
    for (let from = 0; from < limits.length; from += 8) {
      await Promise.all(
        limits.slice(from, from + 8).map((limit) => handle.executeUpdate(setRateUpdate, { args: [limit] })),
      );
    }
    place.simulators.plaid.configure({ latencyMs: 0 });
    return handle;
  },

  'offboard-users-without-products': async (place) =>
    place.start({
      source: { file: await place.users(12) },
      exclude: ['plaid.products'],
      granularity: 'chunk',
      rate: 600_000,
    }),

  'offboard-users-refused': async (place) => place.start({ source: { file: 'not-there.csv' } }),
};

async function slowSweep(place: SweepPlace): Promise<SweepHandle> {
  place.simulators.plaid.configure({ latencyMs: 100 });
  const handle = await place.start({ source: { file: await place.users(1_500) } });
  const before = place.simulators.plaid.figures().calls.total;
  await until('it is under way', () => place.simulators.plaid.figures().calls.total > before + 100);
  return handle;
}
