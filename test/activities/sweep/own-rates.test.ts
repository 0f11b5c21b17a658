import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp } from '../../ledger/databases';
import { failureOf, openActivityPlace } from './activity-place';
import type { ActivityPlace } from './activity-place';
import { chunkPlan } from './simulated-sweep';

describe.each(DATABASES)('over a ledger in $name', ({ freshUrl }) => {
  let simulators: Simulators;
  let place: ActivityPlace;

  beforeAll(async () => {
    const url = await freshUrl();
    simulators = await startSimulators();
    place = await openActivityPlace(simulators, url);
  });
  afterAll(async () => {
    await place.close();
    await simulators.close();
    await cleanUp();
  });

  describe("a sweep's own rate", () => {
    const key = { service: 'plaid', keySlot: '' };
    const plan = chunkPlan();
    const openSweep = { skipDone: false, usesBatch: false, terms: { plan, needsApproval: false, maxUsers: 10 } };
    const ownRates = (sweepId: string) => place.ledger.rates.readSweepRates(sweepId);
    const countingNow = async () =>
      (await place.ledger.rates.readRates()).flatMap(({ sweeps }) => sweeps.map(({ sweepId }) => sweepId));

    it('of the input is stored with the sweep, changed and taken back by its run, and ends with it', async () => {
      const run = { workflowId: 'rated', runId: 'rated-run', firstRunId: 'rated-run' };
      await place.run('httpTasks.openSweep', { ...openSweep, rate: 600 }, { run });
      expect(await ownRates('rated')).toEqual([{ ...key, sweepId: 'rated', limitPerMinute: 600 }]);
      await place.run('httpTasks.setRate', { ...key, callsPerMinute: 300 }, { run });
      expect(await ownRates('rated')).toEqual([{ ...key, sweepId: 'rated', limitPerMinute: 300 }]);
      await place.run('httpTasks.setRate', { service: 'batch', keySlot: 'ios', callsPerMinute: 90 }, { run });
      await place.run('httpTasks.setRate', { service: 'batch', keySlot: 'ios', callsPerMinute: null }, { run });
      expect(await ownRates('rated')).toEqual([{ ...key, sweepId: 'rated', limitPerMinute: 300 }]);
      await place.ledger.rates.leaseTokens({ ...key, want: 1, caller: 'live' });
      expect(await countingNow()).toEqual(['rated']);
      await place.run('httpTasks.endSweep', { sweepId: 'rated', cancelled: false, notFoundIsFine: false }, { run });
      expect(await countingNow()).toEqual([]);
      expect(await ownRates('rated')).toHaveLength(1);
    });

    it('ends too when its sweep is given up', async () => {
      const run = { workflowId: 'given-up', runId: 'given-up-run', firstRunId: 'given-up-run' };
      await place.run('httpTasks.openSweep', { ...openSweep, rate: 600 }, { run });
      await place.run('httpTasks.setSweepStatus', { sweepId: 'given-up', status: 'failed' }, { run });
      expect(await countingNow()).toEqual([]);
    });

    it('is not stored for a dry run, by whatever activity', async () => {
      const run = { workflowId: 'dry', runId: 'dry-run', firstRunId: 'dry-run' };
      await place.run(
        'httpTasks.openSweep',
        { ...openSweep, terms: { ...openSweep.terms, plan: { ...plan, dryRun: true } }, rate: 600 },
        { run },
      );
      await place.run('httpTasks.setRate', { ...key, callsPerMinute: 300 }, { run });
      expect(await ownRates('dry')).toEqual([]);
    });

    it('is refused for a service or key that the worker does not have, also as an update', async () => {
      const run = { workflowId: 'typo', runId: 'typo-run', firstRunId: 'typo-run' };
      await place.run('httpTasks.openSweep', openSweep, { run });
      const wrong = [
        [{ service: 'plad', keySlot: '' }, 'service', 'plaid, batch'],
        [{ service: 'constructor', keySlot: '' }, 'service', 'plaid, batch'],
        [{ service: 'plaid', keySlot: 'ios' }, 'keySlot', 'left out'],
        [{ service: 'batch', keySlot: '' }, 'keySlot', 'ios'],
        [{ service: 'batch', keySlot: 'web' }, 'keySlot', 'ios'],
      ] as const;
      for (const [unknown, field, words] of wrong) {
        const rate = { ...unknown, callsPerMinute: 60 };
        const failures = [
          await failureOf(place.run('httpTasks.setRate', rate, { run })),
          await failureOf(
            place.run('httpTasks.recordUpdate', { sweepId: 'typo', update: 'setRate', updateId: 'u', rate }, { run }),
          ),
        ];
        for (const failure of failures)
          expect(failure).toMatchObject({
            type: 'Task.InvalidInput',
            field,
            retryable: false,
            message: expect.stringContaining(words) as string,
          });
      }
      expect(await ownRates('typo')).toEqual([]);
    });

    it('waits for the sweep of its run to be opened', async () => {
      const run = { workflowId: 'early', runId: 'early-run', firstRunId: 'early-run' };
      expect(await failureOf(place.run('httpTasks.setRate', { ...key, callsPerMinute: 60 }, { run }))).toMatchObject({
        type: 'Task.Unavailable',
        retryable: true,
      });
    });
  });
});
