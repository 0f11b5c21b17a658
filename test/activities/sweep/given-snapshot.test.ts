import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp } from '../../ledger/databases';
import { settled, sweepOf } from '../../ledger/sweeps/users';
import { CANARY, canaries, canary, failureOf, openActivityPlace, targetRow } from './activity-place';
import type { ActivityPlace } from './activity-place';
import { inputOf, snapshotsIn } from './snapshot-place';

describe.each(DATABASES)('the snapshot of a sweep over a ledger in $name', ({ freshUrl }) => {
  let url: string;
  let simulators: Simulators;
  let place: ActivityPlace;

  beforeAll(async () => {
    url = await freshUrl();
    simulators = await startSimulators();
    place = await openActivityPlace(simulators, url);
  });
  afterAll(async () => {
    await place.close();
    await simulators.close();
    await cleanUp();
  });
  afterEach(() => {
    expect(place.reported.join('\n')).not.toContain(CANARY);
  });

  const { usersOf, expectGivenUp } = snapshotsIn(() => ({ place, url }));

  describe('of another run', () => {
    it('is taken as it is', async () => {
      await sweepOf(place.ledger.sweeps, 'given', canaries('given', 3));
      expect(await place.run('httpTasks.takeSnapshot', inputOf('given'))).toEqual({
        total: 3,
        duplicates: 0,
        rejected: 0,
      });
      const failure = await failureOf(place.run('httpTasks.takeSnapshot', inputOf('given', { maxUsers: 2 })));
      expect(failure).toMatchObject({ field: 'maxUsers', retryable: false });
      await expectGivenUp('given');
    });

    it('is refused when it was taken for another environment of Plaid: no hold would be recognised', async () => {
      const atBatch = Array.from({ length: 30 }, (_, index) => targetRow({ batchUserId: `canary-b-${index}` }));
      await sweepOf(place.ledger.sweeps, 'elsewhere', [...atBatch, targetRow(canary(1), 'production')], 'production');
      const failure = await failureOf(place.run('httpTasks.takeSnapshot', inputOf('elsewhere')));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'snapshot', retryable: false });
      expect(failure.message).toContain("another environment of Plaid than this worker's, which is sandbox");
    });

    it('may be read for another environment of Plaid when none of its users has an id there', async () => {
      await sweepOf(place.ledger.sweeps, 'only Batch', [targetRow({ batchUserId: 'canary-b' })], 'production');
      expect(await place.run('httpTasks.takeSnapshot', inputOf('only Batch'))).toMatchObject({ total: 1 });
    });
  });

  describe('of a redrive', () => {
    async function first(sweepId: string, count: number, plaidEnvironment?: string): Promise<void> {
      const { sweeps } = place.ledger;
      await sweepOf(sweeps, sweepId, canaries(sweepId, count), plaidEnvironment);
      const chunk = { sweepId, chunkId: 'c' };
      const fence = await sweeps.takeFence(chunk);
      for (let wave = 1; wave * 250 <= count + 249; wave++) {
        const users = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: count }, wave, limit: 250 });
        await sweeps.flushWave({
          ...chunk,
          fence,
          users: users.map((user) => settled(user, (['failed', 'removed', 'unknown'] as const)[user.seq % 3])),
        });
      }
      await sweeps.setStatus({ sweepId, status: 'partial' });
    }

    it('holds the failed and unknown users of the first sweep, also when it was broken off', async () => {
      await first('first', 4_000);
      const { sweeps } = place.ledger;
      await sweeps.create({ sweepId: 'redrive', redriveOf: 'first' });
      await sweeps.appendRedriven({ sweepId: 'redrive', limit: 100 });
      expect(await place.run('httpTasks.takeSnapshot', inputOf('redrive'))).toEqual({
        total: 2_667,
        duplicates: 0,
        rejected: 0,
      });
      const expected = canaries('first', 4_000).filter((_, seq) => seq % 3 !== 1);
      expect(await usersOf('redrive')).toEqual(expected.map(({ user }) => user));
    });

    it('is refused when the first sweep was read for another environment of Plaid', async () => {
      await first('first elsewhere', 2, 'production');
      await place.ledger.sweeps.create({ sweepId: 'redrive here', redriveOf: 'first elsewhere' });
      expect(await failureOf(place.run('httpTasks.takeSnapshot', inputOf('redrive here')))).toMatchObject({
        field: 'redriveOf',
        retryable: false,
      });
    });

    it('is refused when the ids of the first sweep are gone meanwhile', async () => {
      await first('gone', 2);
      await place.ledger.sweeps.create({ sweepId: 'redrive of gone', redriveOf: 'gone' });
      await place.ledger.sweeps.release('gone');
      const failure = await failureOf(place.run('httpTasks.takeSnapshot', inputOf('redrive of gone')));
      expect(failure).toMatchObject({ type: 'Task.InvalidInput', field: 'redriveOf', retryable: false });
      await expectGivenUp('redrive of gone');
    });
  });
});
