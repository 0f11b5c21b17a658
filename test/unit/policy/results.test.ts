import fc from 'fast-check';
import { remedyInCatalogue } from 'temporal-http-tasks/internal/providers/catalogue';
import { compensationLog } from 'temporal-http-tasks/internal/policy/compensation-log';
import { statusOf } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { OUTCOMES } from 'temporal-http-tasks/internal/policy/outcome';
import type { Outcome, RunStatus } from 'temporal-http-tasks/internal/policy/outcome';
import { drive, planFor } from './drive';
import { SimulatedProviders } from './simulated-providers';
import type { Fault } from './simulated-providers';

function result(outcome: Outcome, more: Partial<StepResult> = {}): StepResult {
  return { step: 'plaid.items', task: 'plaid.userItemsRemove', outcome, ...more };
}

describe('the status of a run', () => {
  it.each<[Outcome[], RunStatus, RunStatus]>([
    // outcomes, status, status where notFound is fine
    [[], 'completed', 'completed'],
    [['skipped'], 'completed', 'completed'],
    [['removed', 'alreadyGone', 'accepted', 'skipped'], 'completed', 'completed'],
    [['removed', 'failed'], 'partial', 'partial'],
    [['removed', 'unknown'], 'partial', 'partial'],
    [['removed', 'notFound'], 'partial', 'completed'],
    [['notFound'], 'partial', 'completed'],
    [['unknown'], 'partial', 'partial'],
    [['failed'], 'failed', 'failed'],
    [['failed', 'skipped'], 'failed', 'failed'],
    [['failed', 'notFound', 'unknown'], 'failed', 'failed'],
    [['failed', 'accepted'], 'partial', 'partial'],
    [['failed', 'alreadyGone'], 'partial', 'partial'],
    [['held', 'held'], 'held', 'held'],
    [['removed', 'failed', 'held'], 'held', 'held'],
  ])('of %j is %s, and %s where notFound is fine', (outcomes, status, whenFine) => {
    const steps = outcomes.map((outcome) => result(outcome));
    expect(statusOf(steps, false)).toBe(status);
    expect(statusOf(steps, true)).toBe(whenFine);
  });
});

describe('the compensation log', () => {
  it.each<[StepResult, string]>([
    [result('removed', { requestId: 'r1', items: 2 }), 'Done (irreversible). Removed Items cannot be restored'],
    [
      result('accepted', { task: 'batch.customDataDelete', token: 't1' }),
      'Done (irreversible). Deleted custom data cannot be restored',
    ],
    [result('alreadyGone'), 'Nothing to do'],
    [result('held'), 'Not done: a legal hold forbids it'],
    [result('notFound'), 'Check the ID and the environment'],
    [result('unknown'), 'Check with the provider, quoting the request ID'],
    [result('failed', { reason: 'deadline' }), 'The deadline passed. Fix the cause, then run again'],
    [
      result('failed', { failure: { type: 'Task.Rejected', service: 'plaid', message: 'Plaid refused it.' } }),
      'Not done. Plaid refused it. Fix the cause, then run again',
    ],
    [result('skipped', { reason: 'stopped' }), 'Not done (stopped). Run again to do it.'],
    [result('skipped', { reason: 'cancelled' }), 'Not done (cancelled). Run again to do it.'],
    [result('skipped', { reason: 'productsNotTerminated' }), 'Not done (productsNotTerminated)'],
  ])('has one line for %j, with what to do', (step, remedy) => {
    const lines = compensationLog([step], remedyInCatalogue);
    expect(lines).toEqual([expect.objectContaining({ step: step.step, outcome: step.outcome })]);
    expect(lines[0]?.remedy).toContain(remedy);
  });

  it.each(['noItems', 'noPlaidId', 'noBatchId', 'batchMode', 'dryRun', 'needsUserId'])(
    'has no line for a step skipped because of %s',
    (reason) => {
      expect(compensationLog([result('skipped', { reason })], remedyInCatalogue)).toEqual([]);
    },
  );

  it('has a line for every outcome but a skip with nothing to do, in the order of the steps', () => {
    const steps = OUTCOMES.map((outcome) => result(outcome));
    expect(compensationLog(steps, remedyInCatalogue).map(({ outcome }) => outcome)).toEqual(OUTCOMES);
  });

  it('gives request id, token, number of Items and the code of the failure as evidence', () => {
    const [line] = compensationLog(
      [
        result('failed', {
          requestId: 'r1',
          token: 't1',
          items: 2,
          failure: { type: 'Task.Rejected', service: 'plaid', code: 'ITEM_NOT_FOUND', message: '' },
        }),
      ],
      remedyInCatalogue,
    );
    expect(line?.evidence).toBe('request_id=r1 token=t1 items=2 failure=ITEM_NOT_FOUND');
    expect(compensationLog([result('held')], remedyInCatalogue)[0]?.evidence).toBe('');
  });

  it('never holds an id of a user or an Item, whatever happened', () => {
    const id = fc.uuid();
    const faults = fc.array(
      fc.constantFrom<Fault>(
        'none',
        'none',
        'lostAfterProcessing',
        'unreadableBeforeProcessing',
        'refused',
        'unauthorized',
        'held',
      ),
      {
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(id, { minLength: 5, maxLength: 5 }),
        faults,
        fc.boolean(),
        ([user = '', custom = '', a = '', b = '', x = ''], script, gdpr) => {
          const providers = new SimulatedProviders({ items: [a, b], faults: script });
          const batchMode = gdpr ? ('gdpr' as const) : ('customData' as const);
          const { steps } = drive(
            planFor({
              plaidUser: { user_id: user },
              batchUserId: custom,
              itemIds: [a, x],
              removeUser: true,
              batchMode,
            }),
            providers,
          );
          const log = JSON.stringify(compensationLog(steps, remedyInCatalogue));
          for (const secret of [user, custom, a, b, x]) expect(log).not.toContain(secret);
        },
      ),
      { numRuns: 500 },
    );
  });
});
