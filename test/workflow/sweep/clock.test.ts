import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { approveUpdate, pauseUpdate, resumeUpdate } from 'temporal-http-tasks/internal/workflows/sweep/sweep-control';
import { seedUser, startOffboarding, until } from '../../support/offboarding-runs';
import { cancelledSweep, goneAtPlaid, openSweepPlace, untilProgress } from '../../support/sweep-runs';
import type { SweepPlace } from '../../support/sweep-runs';
import { together } from '../../support/together';

/** More than these few users need, and less than a test may take. */
const RATE = 600_000;

let place: SweepPlace;

beforeAll(async () => {
  place = await openSweepPlace();
  await place.startWorker();
});

afterAll(() => place.close());

const passed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function refusalOf(update: Promise<unknown>): Promise<string | undefined> {
  const error: unknown = await update.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof WorkflowUpdateFailedError ? error.cause?.message : undefined;
}

describe('the time of a sweep', () => {
  together({
    'begins with the approval: what passed before it does not count': async () => {
      const handle = await place.start({
        source: { file: await place.users(20) },
        approval: true,
        deadline: '12s',
        rate: RATE,
        granularity: 'chunk',
      });
      const waiting = await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
      expect(waiting.deadline).toBeUndefined();
      await passed(13_000);
      await handle.executeUpdate(approveUpdate, { args: [{ total: 20, by: 'A. Person' }] });
      await expect(handle.result()).resolves.toMatchObject({
        status: 'completed',
        counts: { total: 20, accepted: 20, failed: 0 },
      });
    },

    'stops while it is paused, also before the first call': async () => {
      const handle = await place.start({
        source: { file: await place.users(20) },
        approval: true,
        deadline: '12s',
        rate: RATE,
        granularity: 'chunk',
      });
      await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
      await handle.executeUpdate(pauseUpdate);
      await handle.executeUpdate(approveUpdate, { args: [{ total: 20, by: 'A. Person' }] });
      const paused = await untilProgress(handle, 'it is paused', ({ phase }) => phase === 'paused');
      expect(paused.deadline).toBeUndefined();
      await passed(13_000);
      const resumed = await handle.executeUpdate(resumeUpdate);
      expect(Date.parse(resumed.deadline ?? '')).toBeGreaterThan(Date.now() + 6_000);
      await expect(handle.result()).resolves.toMatchObject({
        status: 'completed',
        counts: { total: 20, accepted: 20, failed: 0 },
      });
    },

    'goes on after a moment that has passed neither by an approval nor by a resumption: both are refused, and say what to do':
      async () => {
        const moment = new Date(Date.now() + 20_000).toISOString();
        const handle = await place.start({
          source: { file: await place.users(20) },
          approval: true,
          deadline: moment,
          rate: RATE,
          granularity: 'chunk',
        });
        await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
        await handle.executeUpdate(pauseUpdate);
        await handle.executeUpdate(approveUpdate, { args: [{ total: 20, by: 'A. Person' }] });
        await passed(Math.max(0, Date.parse(moment) - Date.now()) + 500);
        expect(await refusalOf(handle.executeUpdate(resumeUpdate))).toBe(
          `The deadline of this sweep, ${moment}, has passed: resuming would close every user who is left as failed. Cancel it, and start another.`,
        );
        await handle.cancel();
        await expect(cancelledSweep(handle)).resolves.toMatchObject({
          status: 'cancelled',
          counts: { skipped: 20, failed: 0 },
        });
      },
  });
});

describe('a sweep that is not approved', () => {
  it('is cancelled after approveWithin: no call was made, and every user is counted', async () => {
    const before = goneAtPlaid(place);
    const handle = await place.start({
      source: { file: await place.users(20) },
      approval: true,
      approveWithin: '6s',
      rate: RATE,
    });
    const { approveUntil } = await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
    expect(Date.parse(approveUntil ?? '')).toBeGreaterThan(Date.now() - 2_000);
    const result = await handle.result();
    expect(result).toMatchObject({
      status: 'cancelled',
      cancelledBecause: 'notApproved',
      counts: { total: 20, skipped: 20, pending: 0 },
    });
    expect(goneAtPlaid(place).gone).toBe(before.gone);
    await expect(place.ledger.sweeps.read(handle.workflowId)).resolves.toMatchObject({ status: 'cancelled' });
    expect(await refusalOf(handle.executeUpdate(approveUpdate, { args: [{ total: 20, by: 'me' }] }))).toBeUndefined();
  });

  it('waits no longer than its deadline, where that is a moment', async () => {
    const deadline = new Date(Date.now() + 8_000).toISOString();
    const handle = await place.start({ source: { file: await place.users(5) }, approval: true, deadline, rate: RATE });
    await expect(handle.result()).resolves.toMatchObject({ status: 'cancelled', cancelledBecause: 'notApproved' });
  });

  it('waits for 30 days unless its input says otherwise', async () => {
    const handle = await place.start({ source: { file: await place.users(5) }, approval: true, rate: RATE });
    const { approveUntil } = await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
    const days = (Date.parse(approveUntil ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);
    await handle.cancel();
    await cancelledSweep(handle);
  });

  it('takes approveWithin only together with approval', async () => {
    const handle = await place.start({ source: { inline: [{ plaidUserId: 'usr_1' }] }, approveWithin: '2 days' });
    await expect(fieldRefused(handle.result())).resolves.toBe('approveWithin');
  });
});

describe('a deadline that is more than ten years away', () => {
  it.each(['100000000 days', '999999999d', '3654 days', '9999-12-31T23:59:59Z'])(
    'is refused by field: %s',
    async (deadline) => {
      const sweep = await place.start({ source: { inline: [{ plaidUserId: 'usr_1' }] }, deadline });
      await expect(fieldRefused(sweep.result())).resolves.toBe('deadline');
      const single = await startOffboarding(place, { user: seedUser(place).user, deadline });
      await expect(fieldRefused(single.result())).resolves.toBe('deadline');
    },
  );

  it('may be exactly that far', async () => {
    const { user } = seedUser(place);
    const single = await startOffboarding(place, { user, deadline: '3653 days' });
    await expect(single.result()).resolves.toMatchObject({ status: 'completed' });
  });
});

it('shows in the Temporal UI what it is at in every phase', async () => {
  // Each phase lasts long enough to be seen on a busy machine.
  place.simulators.plaid.configure({ latencyMs: 1_000 });
  const handle = await place.start({ source: { file: await place.users(400) }, rate: RATE });
  const details = async (): Promise<string> =>
    (await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata')).currentDetails;
  let told = '';
  await until('chunks are in progress', async () => {
    told = await details();
    return /Round 1: \d+ chunks? or child(ren)? in progress/.test(told);
  });
  expect(told).toContain('- **0 of 400** users done');
  expect(told).toContain('- **400** not started, in progress or waiting for another try');
  place.simulators.batch.configure({ latencyMs: 4_000 });
  place.simulators.plaid.configure({ latencyMs: 0 });
  await until('Batch is called', async () => {
    told = await details();
    return told.includes('bulk calls at Batch for 400 users');
  });
  expect(told).toContain('- **400** done at Plaid, waiting for the bulk calls at Batch');
  place.simulators.batch.configure({ latencyMs: 0 });
  await handle.result();
  expect(await details()).toContain('### Sweep completed');
  expect(await details()).toContain(
    '- removed, with deletions that a provider accepted but has not confirmed: **400**',
  );
});

/** The field of the refusal with which a run failed. */
async function fieldRefused(result: Promise<unknown>): Promise<unknown> {
  const error: unknown = await result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowFailedError)) throw error;
  return ((error.cause as ApplicationFailure).details?.[0] as { type: string; field: string }).field;
}
