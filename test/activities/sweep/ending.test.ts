import type { EndSweep } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { SweepReleasedError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp, runRaw } from '../../ledger/databases';
import { settled, sweepOf } from '../../ledger/sweeps/users';
import { CANARY, canaries, canary, failureOf, openActivityPlace, targetRow } from './activity-place';
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

  const { fenceOf, close, end, done } = endingAt(() => place);

  describe('ending', () => {
    it.each<[string, Outcome[], Partial<EndSweep>, string]>([
      ['everybody is done with', ['removed', 'accepted', 'held', 'skipped'], {}, 'completed'],
      ['somebody failed', ['removed', 'failed'], {}, 'partial'],
      ['nobody came to a good end', ['failed', 'unknown'], {}, 'failed'],
      ['somebody was not found', ['notFound', 'removed'], {}, 'partial'],
      ['not found is fine', ['notFound', 'removed'], { notFoundIsFine: true }, 'completed'],
      ['it was cancelled', ['removed', 'skipped'], { cancelled: true }, 'cancelled'],
    ])(
      'when %s says so in the ledger and in its result, under a root that proves the receipts',
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

    it('completes when the sweep is released meanwhile', async () => {
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
    it('is recorded as given, with the reason of a pause', async () => {
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
