import { CancelledFailure } from '@temporalio/common';
import { SweepFencedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type {
  ChunkFence,
  DeferredUser,
  SettledUser,
  StepReceipt,
} from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp } from '../../ledger/databases';
import { receiptOf, settled, sweepOf } from '../../ledger/sweeps/users';
import { OWN_RUN, CANARY, canaries, canary, failureOf, openActivityPlace } from './activity-place';
import type { ActivityPlace } from './activity-place';
import { endingAt } from './ending-place';

describe.each(DATABASES)('the end of a sweep over a ledger in $name', ({ freshUrl }) => {
  let url: string;
  let simulators: Simulators;
  let place: ActivityPlace;

  beforeAll(async () => {
    url = await freshUrl();
    simulators = await startSimulators();
    place = await openActivityPlace(simulators, url);
  });
  afterEach(() => {
    expect(place.reported.join('\n')).not.toContain(CANARY);
    expect(simulators.plaid.figures().calls.total + simulators.batch.figures().calls.total).toBe(0);
  });
  afterAll(async () => {
    await place.close();
    await simulators.close();
    await cleanUp();
  });

  const { fenceOf, close, end, receiptsOf, done } = endingAt(() => place);

  describe('closing', () => {
    /** One user of each state in which a sweep can leave users. */
    async function mixed(sweepId: string): Promise<ChunkFence> {
      const { sweeps } = place.ledger;
      await sweepOf(sweeps, sweepId, canaries(sweepId, 10));
      const dead = await fenceOf(sweepId, 'chunk-0');
      const users = await sweeps.openWave({ ...dead, range: { from: 0, to: 8 }, wave: 1, limit: 9 });
      const later = { kind: 'deferred', notBefore: '2999-01-01T00:00:00.000Z', receipts: [] as StepReceipt[] } as const;
      await sweeps.flushWave({
        ...dead,
        users: users.flatMap((user): (SettledUser | DeferredUser)[] => {
          const { seq, round } = user;
          if (seq === 0) return [settled(user)];
          if (seq === 1) return [{ ...later, seq, round, unsettled: false }];
          if (seq === 2) return [{ ...later, seq, round, unsettled: true }];
          if (seq === 3 || seq === 4) return [settled(user, 'removed', { bulkApps: ['ios', 'android'] })];
          if (seq === 7)
            return [
              {
                ...later,
                seq,
                round,
                unsettled: false,
                receipts: [receiptOf(user), receiptOf(user, { step: 'plaid.products', outcome: 'failed' })],
              },
            ];
          if (seq === 8) return [settled(user, 'skipped', { bulkApps: ['ios', 'android'] })];
          // Users 5 and 6 stay open, as a worker that was killed leaves them; user 9 was never begun.
          return [];
        }),
      });
      const bulk = await fenceOf(sweepId, 'bulk-ios');
      await sweeps.openBulk({ ...bulk, app: 'ios', step: 'batch.ios', wave: 1, limit: 1 });
      return dead;
    }

    it.each<['deadline' | 'cancelled', Outcome]>([
      ['deadline', 'failed'],
      ['cancelled', 'skipped'],
    ])(
      'for the %s gives every user a final outcome: %s, failed when something was done, or unknown when a call may have gone out',
      async (reason, outcome) => {
        const sweepId = `closed for ${reason}`;
        await mixed(sweepId);
        await close(sweepId, reason);
        const finalOutcomes = (await receiptsOf(sweepId)).filter(
          ({ step }) => step === 'offboarding' || step.startsWith('batch.'),
        );
        const told = finalOutcomes.map(({ seq, step, outcome: word }) => `${seq} ${step} ${word}`).sort();
        expect(told).toEqual(
          [
            `1 offboarding ${outcome}`,
            '2 offboarding unknown',
            '3 batch.ios unknown',
            '3 batch.android failed',
            '4 batch.ios failed',
            '4 batch.android failed',
            '5 offboarding unknown',
            '6 offboarding unknown',
            '7 offboarding failed',
            `8 batch.ios ${outcome}`,
            `8 batch.android ${outcome}`,
            `9 offboarding ${outcome}`,
          ].sort(),
        );
        expect(new Set(finalOutcomes.map((receipt) => `${receipt.phase} ${receipt.reason}`))).toEqual(
          new Set([`settled ${reason}`]),
        );
        expect(finalOutcomes.find(({ step }) => step === 'offboarding')).toMatchObject({
          task: 'offboardUsers',
          service: 'http-tasks',
          subject: canaries(sweepId, 2)[1]?.subjects[0],
        });
        expect(finalOutcomes.find(({ step }) => step === 'batch.ios')).toMatchObject({
          task: 'batch.customDataBulkDelete',
          keySlot: 'ios',
          subject: canaries(sweepId, 4)[3]?.subjects[1],
        });
        const failed = reason === 'deadline' ? 6 : 3;
        const counts = {
          total: 10,
          removed: 1,
          failed,
          unknown: 3,
          skipped: 6 - failed,
          pending: 0,
          open: 0,
          waitingForBulk: 0,
        };
        expect(await place.ledger.sweeps.count(sweepId)).toMatchObject(counts);
        const before = await receiptsOf(sweepId);
        await close(sweepId, reason);
        expect(await receiptsOf(sweepId)).toEqual(before);
      },
    );

    it('for a cancellation leaves only those who are done in part to a redrive', async () => {
      await mixed('cancelled amidst');
      await close('cancelled amidst', 'cancelled');
      await end('cancelled amidst', { cancelled: true });
      const { sweeps } = place.ledger;
      await sweeps.create({ sweepId: 'the rest', redriveOf: 'cancelled amidst' });
      expect(await sweeps.appendRedriven({ sweepId: 'the rest', limit: 100 })).toMatchObject({
        total: 6,
        complete: true,
      });
      const taken = await Promise.all([0, 1, 2, 3, 4, 5].map((seq) => sweeps.readUser({ sweepId: 'the rest', seq })));
      expect(taken.map((row) => row?.user)).toEqual([2, 3, 4, 5, 6, 7].map((seq) => canary(`cancelled amidst-${seq}`)));
    });

    it('takes the sweep away from the run that still works on it', async () => {
      const dead = await mixed('taken away');
      await close('taken away', 'cancelled');
      const { sweeps } = place.ledger;
      await expect(sweeps.confirmFence(dead)).rejects.toThrow(SweepFencedError);
      await expect(
        sweeps.openWave({ ...dead, range: { from: 0, to: 9 }, wave: 9, limit: 9, claimedBy: OWN_RUN.firstRunId }),
      ).rejects.toThrow(SweepFencedError);
    });

    it('reaches all users of a large sweep, also behind waves of users on hold', async () => {
      const { sweeps } = place.ledger;
      const rows = canaries('large', 2_700);
      await sweepOf(sweeps, 'large', rows);
      await place.ledger.addHold({
        holdId: 'large',
        subjects: rows.slice(0, 600).map(({ subjects }) => subjects[0] ?? ''),
      });
      await close('large', 'deadline');
      expect(await sweeps.count('large')).toMatchObject({ held: 600, failed: 2_100, pending: 0, open: 0 });
    });

    it('closes users on hold among those who wait for Batch, and those behind them', async () => {
      const { sweeps } = place.ledger;
      const rows = canaries('held bulk', 4);
      await sweepOf(sweeps, 'held bulk', rows);
      const chunk = await fenceOf('held bulk', 'c');
      const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 9 }, wave: 1, limit: 9 });
      await sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user, 'removed', { bulkApps: ['ios'] })) });
      await place.ledger.addHold({
        holdId: 'held bulk',
        subjects: rows.slice(0, 2).map(({ subjects }) => subjects[0] ?? ''),
      });
      await close('held bulk', 'deadline');
      expect(await sweeps.count('held bulk')).toMatchObject({ held: 2, failed: 2, waitingForBulk: 0 });
    });

    it('stops when it is cancelled itself, and another attempt does the rest with its own reason', async () => {
      await sweepOf(place.ledger.sweeps, 'stopped', canaries('stopped', 600));
      const cancel = new AbortController();
      const opened = jest.spyOn(place.ledger.sweeps, 'openWave').mockImplementationOnce(async (wave) => {
        cancel.abort();
        opened.mockRestore();
        return place.ledger.sweeps.openWave(wave);
      });
      await expect(close('stopped', 'deadline', cancel.signal)).rejects.toThrow(CancelledFailure);
      await close('stopped', 'cancelled');
      expect(await place.ledger.sweeps.count('stopped')).toMatchObject({ failed: 250, skipped: 350 });
    });

    it('of a sealed sweep has nothing to do', async () => {
      await done('sealed', ['removed']);
      await end('sealed');
      await expect(close('sealed', 'cancelled')).resolves.toBeUndefined();
    });

    it('is refused for good when the ids were released, since no user can be opened', async () => {
      await sweepOf(place.ledger.sweeps, 'unreadable', canaries('unreadable', 2));
      await place.ledger.sweeps.release('unreadable');
      expect(await failureOf(close('unreadable', 'cancelled'))).toMatchObject({
        type: 'Task.InvalidInput',
        field: 'sweepId',
        retryable: false,
      });
    });
  });
});
