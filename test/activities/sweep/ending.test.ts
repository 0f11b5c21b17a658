import { CancelledFailure } from '@temporalio/common';
import type { EndSweep } from '../../../src/activities/sweep/contract';
import { SweepFencedError, SweepReleasedError } from '../../../src/ledger/sweeps/sweep-errors';
import type {
  ChunkFence,
  DeferredUser,
  SettledUser,
  StepReceipt,
  TargetRow,
} from '../../../src/ledger/sweeps/sweep-types';
import type { Outcome } from '../../../src/policy/outcome';
import { startSimulators } from '../../../src/testing';
import type { Simulators } from '../../../src/testing';
import { DATABASES, cleanUp, runRaw } from '../../ledger/databases';
import { receiptOf, settled, sweepOf } from '../../ledger/sweeps/users';
import { OWN_RUN, CANARY, canaries, canary, failureOf, openActivityPlace, targetRow } from './activity-place';
import type { ActivityPlace } from './activity-place';

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
    expect(place.told.join('\n')).not.toContain(CANARY);
    expect(simulators.plaid.figures().calls.total + simulators.batch.figures().calls.total).toBe(0);
  });
  afterAll(async () => {
    await place.close();
    await simulators.close();
    await cleanUp();
  });

  async function fenceOf(sweepId: string, chunkId: string): Promise<ChunkFence> {
    return { sweepId, chunkId, fence: await place.ledger.sweeps.takeFence({ sweepId, chunkId }) };
  }

  const close = (sweepId: string, reason: 'deadline' | 'cancelled', signal?: AbortSignal) =>
    place.run('httpTasks.closeTargets', { sweepId, reason }, signal ? { signal } : {});

  const end = (sweepId: string, changes: Partial<EndSweep> = {}) =>
    place.run('httpTasks.endSweep', { sweepId, cancelled: false, notFoundIsFine: false, ...changes });

  const receiptsOf = (sweepId: string) => place.ledger.sweeps.readReceipts({ sweepId, afterSeq: -1, limit: 1_000_000 });

  /** A sweep whose users have come to these outcomes. */
  async function done(
    sweepId: string,
    outcomes: readonly Outcome[],
    rows: readonly TargetRow[] = canaries(sweepId, outcomes.length),
  ): Promise<void> {
    const { sweeps } = place.ledger;
    await sweepOf(sweeps, sweepId, rows);
    const chunk = await fenceOf(sweepId, 'c');
    const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 999 }, wave: 1, limit: 250 });
    await sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user, outcomes[user.seq])) });
  }

  describe('closing', () => {
    /** One user of each state in which a sweep can leave somebody. */
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
      'for the %s gives everybody a last word: %s, failed when something was done, or unknown when a call may have gone out',
      async (reason, outcome) => {
        const sweepId = `closed for ${reason}`;
        await mixed(sweepId);
        await close(sweepId, reason);
        const lastWords = (await receiptsOf(sweepId)).filter(
          ({ step }) => step === 'offboarding' || step.startsWith('batch.'),
        );
        const told = lastWords.map(({ seq, step, outcome: word }) => `${seq} ${step} ${word}`).sort();
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
        expect(new Set(lastWords.map((receipt) => `${receipt.phase} ${receipt.reason}`))).toEqual(
          new Set([`settled ${reason}`]),
        );
        expect(lastWords.find(({ step }) => step === 'offboarding')).toMatchObject({
          task: 'offboardUsers',
          service: 'http-tasks',
          subject: canaries(sweepId, 2)[1]?.subjects[0],
        });
        expect(lastWords.find(({ step }) => step === 'batch.ios')).toMatchObject({
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

    it('for a cancellation leaves those who are done in part to a redrive, and nobody else', async () => {
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

    it('takes the sweep away from whoever still works on it', async () => {
      const dead = await mixed('taken away');
      await close('taken away', 'cancelled');
      const { sweeps } = place.ledger;
      await expect(sweeps.confirmFence(dead)).rejects.toThrow(SweepFencedError);
      await expect(
        sweeps.openWave({ ...dead, range: { from: 0, to: 9 }, wave: 9, limit: 9, claimedBy: OWN_RUN.firstRunId }),
      ).rejects.toThrow(SweepFencedError);
    });

    it('reaches everybody of a large sweep, also behind waves of users on hold', async () => {
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

    it('closes users on hold among those who wait for Batch, and whoever stands behind them', async () => {
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

    it('is refused for good when the ids were released, since nobody can be opened', async () => {
      await sweepOf(place.ledger.sweeps, 'unreadable', canaries('unreadable', 2));
      await place.ledger.sweeps.release('unreadable');
      expect(await failureOf(close('unreadable', 'cancelled'))).toMatchObject({
        type: 'Task.InvalidInput',
        field: 'sweepId',
        retryable: false,
      });
    });
  });

  describe('ending', () => {
    it.each<[string, Outcome[], Partial<EndSweep>, string]>([
      ['everybody is done with', ['removed', 'accepted', 'held', 'skipped'], {}, 'completed'],
      ['somebody failed', ['removed', 'failed'], {}, 'partial'],
      ['nobody came to a good end', ['failed', 'unknown'], {}, 'failed'],
      ['somebody was not found', ['notFound', 'removed'], {}, 'partial'],
      ['not found is fine', ['notFound', 'removed'], { notFoundIsFine: true }, 'completed'],
      ['it was cancelled', ['removed', 'skipped'], { cancelled: true }, 'cancelled'],
    ])(
      'when %s says so in the ledger and in its answer, under a root that proves the receipts',
      async (name, outcomes, changes, status) => {
        await done(name, outcomes);
        const ended = await end(name, changes);
        expect(ended).toMatchObject({ status, counts: { total: outcomes.length, pending: 0 } });
        const { sweeps } = place.ledger;
        expect(await sweeps.read(name)).toMatchObject({
          status,
          merkleRoot: ended.merkleRoot,
          endedAt: expect.any(String) as string,
        });
        expect(await sweeps.verify({ sweepId: name, expectedRoot: ended.merkleRoot })).toMatchObject({
          ok: true,
          receipts: outcomes.length,
        });
        expect(await end(name, changes)).toEqual(ended);
      },
    );

    it('keeps the ids of failed and unknown users only, and of a sweep without any destroys the key', async () => {
      const { sweeps } = place.ledger;
      await done('kept', ['removed', 'failed', 'unknown', 'held', 'skipped']);
      await end('kept');
      const readable = await Promise.all([0, 1, 2, 3, 4].map((seq) => sweeps.readUser({ sweepId: 'kept', seq })));
      expect(readable.map((user) => user !== undefined)).toEqual([false, true, true, false, false]);
      await done('none left', ['removed', 'skipped']);
      await end('none left');
      expect(await sweeps.read('none left')).toMatchObject({ readable: false });
      const left = await runRaw(
        url,
        `select seq from target_ids where sweep = (select number from sweeps where sweep_id = 'none left')`,
      );
      expect(left).toEqual([]);
    });

    it('of an empty or half-read sweep that was cancelled works too', async () => {
      const { sweeps } = place.ledger;
      await sweeps.create({ sweepId: 'empty' });
      await close('empty', 'cancelled');
      expect(await end('empty', { cancelled: true })).toMatchObject({ status: 'cancelled', counts: { total: 0 } });
      await sweeps.create({ sweepId: 'half read' });
      await sweeps.appendTargets({ sweepId: 'half read', version: 0, rows: canaries('half read', 3), position: '3' });
      await close('half read', 'cancelled');
      expect(await end('half read', { cancelled: true })).toMatchObject({
        status: 'cancelled',
        counts: { total: 3, skipped: 3 },
      });
    });

    it('is refused while anybody has no outcome, and nothing is sealed', async () => {
      await sweepOf(place.ledger.sweeps, 'too early', canaries('too early', 2));
      const failure = await failureOf(end('too early'));
      expect(failure).toMatchObject({ type: 'Task.Rejected', retryable: false });
      expect(failure.message).toContain('2 users of the sweep too early have no outcome yet');
      expect(await place.ledger.sweeps.read('too early')).toMatchObject({ status: 'running' });
    });

    it('of a redrive releases the ids of the first sweep, unless it was cancelled', async () => {
      const { sweeps } = place.ledger;
      for (const cancelled of [true, false]) {
        const first = `first of ${cancelled ? 'cancelled' : 'ended'}`;
        const redrive = `redrive of ${first}`;
        await done(first, ['failed', 'removed']);
        await end(first);
        await sweeps.create({ sweepId: redrive, redriveOf: first });
        await sweeps.appendRedriven({ sweepId: redrive, limit: 10 });
        const chunk = await fenceOf(redrive, 'c');
        const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 9 }, wave: 1, limit: 9 });
        await sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user, 'failed')) });
        await end(redrive, { cancelled });
        const readFirst = sweeps.readUser({ sweepId: first, seq: 0 });
        if (cancelled) expect(await readFirst).toMatchObject({ user: canary(`${first}-0`) });
        else await expect(readFirst).rejects.toThrow(SweepReleasedError);
        expect(await sweeps.readUser({ sweepId: redrive, seq: 0 })).toMatchObject({ user: canary(`${first}-0`) });
      }
    });

    it('releases what any sweep has kept for thirty days, and nothing younger', async () => {
      const { sweeps } = place.ledger;
      const dayMs = 24 * 3_600_000;
      for (const [name, days] of [
        ['old', 31],
        ['young', 29],
      ] as const) {
        await done(name, ['failed']);
        await end(name);
        const at = new Date(Date.now() - days * dayMs).toISOString();
        await runRaw(url, `update sweeps set created_at = '${at}', ended_at = '${at}' where sweep_id = '${name}'`);
        await runRaw(
          url,
          `update targets set intent_at = '${at}' where sweep = (select number from sweeps where sweep_id = '${name}')`,
        );
      }
      await done('today', ['removed']);
      await end('today');
      expect(await sweeps.read('old')).toMatchObject({ readable: false });
      expect(await sweeps.read('young')).toMatchObject({ readable: true });
    });

    it.each(['seal', 'setStatus', 'purge', 'release', 'releaseUntouchedSince', 'listEndedUnderFirstKey'] as const)(
      'comes to the same when its worker dies before "%s"',
      async (step) => {
        const sweepId = `dies before ${step}`;
        const rows = [targetRow(canary(`${sweepId}-a`)), targetRow(canary(`${sweepId}-b`))];
        await done(sweepId, ['removed', 'accepted'], rows);
        const dying = jest.spyOn(place.ledger.sweeps, step).mockRejectedValueOnce(new Error('The worker died.'));
        await expect(end(sweepId)).rejects.toThrow('The worker died.');
        dying.mockRestore();
        const ended = await end(sweepId);
        expect(ended).toMatchObject({ status: 'completed', counts: { total: 2, removed: 1, accepted: 1 } });
        expect(await place.ledger.sweeps.read(sweepId)).toMatchObject({
          status: 'completed',
          readable: false,
          merkleRoot: ended.merkleRoot,
        });
      },
    );
  });

  describe('ending with a user who failed', () => {
    async function keyOf(sweepId: string): Promise<Record<string, unknown>> {
      const [row = {}] = await runRaw(url, `select wrapped_key, rekeyed_at from sweeps where sweep_id = '${sweepId}'`);
      return row;
    }

    it('destroys the key under which the IDs of all users were, and keeps that user readable', async () => {
      await done('rekeyed', ['removed', 'failed']);
      const before = await keyOf('rekeyed');
      await end('rekeyed');
      const after = await keyOf('rekeyed');
      expect(after['wrapped_key']).not.toBe(before['wrapped_key']);
      expect(await place.ledger.sweeps.readUser({ sweepId: 'rekeyed', seq: 1 })).toMatchObject({
        user: canary('rekeyed-1'),
      });
      await end('rekeyed');
      expect(await keyOf('rekeyed')).toEqual(after);
    });

    it.each(['purge', 'rekey', 'releaseUntouchedSince'] as const)(
      'comes to the same when its worker dies before "%s"',
      async (step) => {
        const sweepId = `failed, dies before ${step}`;
        await done(sweepId, ['removed', 'failed']);
        const dying = jest.spyOn(place.ledger.sweeps, step).mockRejectedValueOnce(new Error('The worker died.'));
        await expect(end(sweepId)).rejects.toThrow('The worker died.');
        dying.mockRestore();
        await end(sweepId);
        expect((await keyOf(sweepId))['rekeyed_at']).not.toBeNull();
        expect(await place.ledger.sweeps.readUser({ sweepId, seq: 1 })).toMatchObject({ user: canary(`${sweepId}-1`) });
      },
    );

    it('comes to its end when the sweep is released meanwhile', async () => {
      await done('released meanwhile', ['removed', 'failed']);
      const purge = place.ledger.sweeps.purge.bind(place.ledger.sweeps);
      const releasing = jest.spyOn(place.ledger.sweeps, 'purge').mockImplementationOnce(async (given) => {
        const purged = await purge(given);
        await place.ledger.sweeps.release(given.sweepId);
        return purged;
      });
      expect(await end('released meanwhile')).toMatchObject({ status: 'partial' });
      releasing.mockRestore();
    });

    it('finishes the end of a sweep that an earlier version left under its first key', async () => {
      await done('left', ['removed', 'failed']);
      await place.ledger.sweeps.seal({ sweepId: 'left' });
      await place.ledger.sweeps.setStatus({ sweepId: 'left', status: 'partial' });
      const longAgo = new Date(Date.now() - 2 * 24 * 3_600_000).toISOString();
      await runRaw(url, `update sweeps set ended_at = '${longAgo}' where sweep_id = 'left'`);
      await done('next', ['removed']);
      await end('next');
      expect((await keyOf('left'))['rekeyed_at']).not.toBeNull();
      const left = await Promise.all([0, 1].map((seq) => place.ledger.sweeps.readUser({ sweepId: 'left', seq })));
      expect(left.map((user) => user !== undefined)).toEqual([false, true]);
    });
  });

  describe('the status', () => {
    it('is written as it is told, with the reason of a pause', async () => {
      await place.ledger.sweeps.create({ sweepId: 'status' });
      await place.run('httpTasks.setSweepStatus', {
        sweepId: 'status',
        status: 'paused',
        pausedBecause: 'Task.Unauthorized batch.ios',
      });
      expect(await place.ledger.sweeps.read('status')).toMatchObject({
        status: 'paused',
        pausedBecause: 'Task.Unauthorized batch.ios',
      });
      const failure = await failureOf(place.run('httpTasks.setSweepStatus', { sweepId: 'never', status: 'running' }));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'sweepId', retryable: false });
    });
  });
});
