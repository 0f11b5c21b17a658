import type { PlanChunks } from 'temporal-http-tasks/internal/activities/sweep/contract';
import type { StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { childWorkflowId } from 'temporal-http-tasks/internal/policy/target-reference';
import { startSimulators } from '@temporal-http-tasks/testing';
import type { Simulators } from '@temporal-http-tasks/testing';
import { DATABASES, cleanUp } from '../../ledger/databases';
import { settled, sweepOf } from '../../ledger/sweeps/users';
import { CANARY, canaries, canary, failureOf, openActivityPlace, targetRow } from './activity-place';
import type { ActivityPlace } from './activity-place';

const STEPS: StepResult[] = [
  { step: 'plaid.items', task: 'plaid.userItemsRemove', outcome: 'removed', requestId: 'req-1' },
  {
    step: 'plaid.products',
    task: 'plaid.userProductsTerminate',
    outcome: 'failed',
    failure: { type: 'Task.Rejected', service: 'plaid', status: 400, code: 'X', message: 'refused' },
  },
  { step: 'batch.ios', task: 'batch.customDataDelete', outcome: 'accepted', token: 'token-1' },
];

describe.each(DATABASES)('users and children of a sweep over a ledger in $name', ({ freshUrl }) => {
  let simulators: Simulators;
  let place: ActivityPlace;

  beforeAll(async () => {
    simulators = await startSimulators();
    place = await openActivityPlace(simulators, await freshUrl());
  });
  afterEach(() => {
    expect(place.reported.join('\n')).not.toContain(CANARY);
  });
  afterAll(async () => {
    await place.close();
    await simulators.close();
    await cleanUp();
  });

  const open = (sweepId: string, wave: number, limit: number, fence?: number) =>
    place.run('httpTasks.openChildren', { sweepId, wave, limit, ...(fence !== undefined && { fence }) });

  describe('the plan', () => {
    const plan = (sweepId: string, changes: Partial<PlanChunks> = {}) =>
      place.run('httpTasks.planChunks', { sweepId, chunkSize: 10, limit: 2, fromSeq: 0, ...changes });

    it('reports page by page where users are left, and counts each user once', async () => {
      const { sweeps } = place.ledger;
      await sweepOf(sweeps, 'plan', canaries('plan', 60));
      const chunk = { sweepId: 'plan', chunkId: 'c' };
      const fence = await sweeps.takeFence(chunk);
      const users = await sweeps.openWave({ ...chunk, fence, range: { from: 0, to: 24 }, wave: 1, limit: 25 });
      const notBefore = '2999-01-01T00:00:00.000Z';
      await sweeps.flushWave({
        ...chunk,
        fence,
        users: users.slice(0, 24).map((user) => {
          if (user.seq < 12) return settled(user, user.seq === 0 ? 'failed' : 'removed');
          if (user.seq < 20)
            return settled(user, user.seq === 12 ? 'failed' : 'removed', {
              bulkApps: user.seq === 13 ? ['ios', 'android'] : ['ios'],
            });
          return { kind: 'deferred', seq: user.seq, round: user.round, notBefore, unsettled: false, receipts: [] };
        }),
      });
      const counts = {
        total: 60,
        failed: 1,
        removed: 11,
        pending: 48,
        unknown: 0,
        notFound: 0,
        held: 0,
        accepted: 0,
        alreadyGone: 0,
        skipped: 0,
      };
      expect(await plan('plan')).toEqual({
        chunks: [
          { fromSeq: 20, toSeq: 29, users: 10 },
          { fromSeq: 30, toSeq: 39, users: 10 },
        ],
        nextSeq: 40,
        counts,
        waitingForBulk: 8,
        failed: 2,
        readyForBulk: { ios: 8, android: 1 },
      });
      expect(await plan('plan', { fromSeq: 40 })).toMatchObject({
        chunks: [{ fromSeq: 40 }, { fromSeq: 50, toSeq: 59 }],
      });
      expect(await plan('plan', { fromSeq: 40 })).not.toHaveProperty('nextSeq');
      expect(await plan('plan', { chunkSize: 1, limit: 1, fromSeq: 20 })).toMatchObject({
        chunks: [{ fromSeq: 20, toSeq: 20, users: 1, notBefore }],
        nextSeq: 21,
      });
    });

    it('of no chunks is the counts alone', async () => {
      await sweepOf(place.ledger.sweeps, 'counts', canaries('counts', 3));
      const asked = jest.spyOn(place.ledger.sweeps, 'readUnfinished');
      expect(await plan('counts', { chunkSize: 1, limit: 0 })).toMatchObject({
        chunks: [],
        counts: { total: 3, pending: 3 },
      });
      expect(asked).not.toHaveBeenCalled();
      asked.mockRestore();
    });

    it('of a sweep that is not there fails for good', async () => {
      expect(await failureOf(plan('never'))).toMatchObject({
        type: 'Task.InvalidInput',
        field: 'sweepId',
        retryable: false,
      });
    });
  });

  describe('children', () => {
    it('get users by number and round, and nothing else of them', async () => {
      await sweepOf(place.ledger.sweeps, 'children', canaries('children', 5));
      const first = await open('children', 1, 2);
      expect(first.users).toEqual([
        { seq: 0, round: 0 },
        { seq: 1, round: 0 },
      ]);
      expect(await open('children', 1, 2, first.fence)).toEqual(first);
      expect((await open('children', 2, 9, first.fence)).users.map(({ seq }) => seq)).toEqual([2, 3, 4]);
      expect((await open('children', 3, 9, first.fence)).users).toEqual([]);
      const takenOver = await open('children', 1, 9);
      expect(takenOver.users).toHaveLength(5);
      const failure = await failureOf(open('children', 4, 9, first.fence));
      expect(failure).toMatchObject({ type: 'Task.Rejected', retryable: false });
      expect(failure.message).toContain('Another attempt has taken over');
    });

    it('leave out who is held', async () => {
      await sweepOf(place.ledger.sweeps, 'held', canaries('held', 2));
      await place.ledger.addHold({ holdId: 'case', subjects: targetRow(canary('held-0')).subjects });
      expect((await open('held', 1, 9)).users).toEqual([{ seq: 1, round: 0 }]);
      expect(await place.ledger.sweeps.count('held')).toMatchObject({ held: 1, open: 1 });
    });

    it('have every step written once, under the hash of the id that its provider knows', async () => {
      const { sweeps } = place.ledger;
      await sweepOf(sweeps, 'recorded', [
        ...canaries('recorded', 1),
        targetRow({ batchUserId: `${CANARY}-only-batch` }),
      ]);
      const { fence, users } = await open('recorded', 1, 9);
      const unknown: StepResult = {
        step: 'offboarding',
        task: 'offboardUser',
        outcome: 'unknown',
        reason: 'cancelled',
      };
      // What the child's own calls came to: a step that none of them bears out would be unknown.
      const call = {
        workflowId: childWorkflowId('recorded', { seq: 0, round: 0 }, fence),
        runId: 'child',
        attempt: 1,
        service: 'plaid',
        environment: 'sandbox',
      };
      for (const { step, task, outcome, requestId, token } of STEPS) {
        const subjects = [targetRow(canary('recorded-0')).subjects[0] ?? ''];
        await place.ledger.recordOutcome({
          ...call,
          activityId: step,
          step,
          task,
          outcome,
          subjects,
          ...(requestId !== undefined && { requestId }),
          ...(token !== undefined && { token }),
        });
      }
      const record = {
        sweepId: 'recorded',
        fence,
        users: users.map((user) => ({ ...user, steps: user.seq === 0 ? STEPS : [unknown] })),
      };
      await place.run('httpTasks.recordChildren', record);
      const receipts = await sweeps.readReceipts({ sweepId: 'recorded', afterSeq: -1, limit: 99 });
      const [atPlaid, atBatch] = targetRow(canary('recorded-0')).subjects;
      expect(receipts).toMatchObject([
        {
          seq: 0,
          phase: 'settled',
          step: 'plaid.items',
          subject: atPlaid,
          service: 'plaid',
          environment: 'sandbox',
          outcome: 'removed',
          requestId: 'req-1',
        },
        {
          seq: 0,
          step: 'plaid.products',
          subject: atPlaid,
          outcome: 'failed',
          failureType: 'Task.Rejected',
          status: 400,
          code: 'X',
        },
        {
          seq: 0,
          step: 'batch.ios',
          subject: atBatch,
          service: 'batch',
          environment: 'default',
          keySlot: 'ios',
          token: 'token-1',
        },
        {
          seq: 1,
          step: 'offboarding',
          subject: targetRow({ batchUserId: `${CANARY}-only-batch` }).subjects[0],
          service: 'http-tasks',
          outcome: 'unknown',
          reason: 'cancelled',
        },
      ]);
      await place.run('httpTasks.recordChildren', {
        ...record,
        users: record.users.map((user) => ({ ...user, steps: [unknown] })),
      });
      expect(await sweeps.readReceipts({ sweepId: 'recorded', afterSeq: -1, limit: 99 })).toEqual(receipts);
      expect(await sweeps.count('recorded')).toMatchObject({ failed: 1, unknown: 1, pending: 0, open: 0 });
    });

    it('are not borne out by a run that was started under the same ID for another user', async () => {
      const { sweeps } = place.ledger;
      await sweepOf(sweeps, 'foreign', canaries('foreign', 1));
      const { fence, users } = await open('foreign', 1, 9);
      const call = {
        workflowId: childWorkflowId('foreign', { seq: 0, round: 0 }, fence),
        runId: 'foreign',
        attempt: 1,
        service: 'plaid',
        environment: 'sandbox',
      };
      const [step] = STEPS;
      const subjects = targetRow(canary('somebody-else')).subjects.slice(0, 1);
      await place.ledger.recordOutcome({
        ...call,
        activityId: '1',
        step: step!.step,
        task: step!.task,
        outcome: 'removed',
        subjects,
      });
      await place.run('httpTasks.recordChildren', {
        sweepId: 'foreign',
        fence,
        users: users.map((user) => ({ ...user, steps: [step!] })),
      });
      const receipts = await sweeps.readReceipts({ sweepId: 'foreign', afterSeq: -1, limit: 99 });
      expect(receipts).toMatchObject([{ step: 'plaid.items', outcome: 'unknown', reason: 'notInLedger' }]);
    });
  });
});
