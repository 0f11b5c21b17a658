import { notBorneOut, withOwnEvidence } from 'temporal-http-tasks/internal/policy/settled-by-ledger';
import type { CallRow } from 'temporal-http-tasks/internal/policy/settled-by-ledger';
import type { StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';

const ALL = { wholeLists: 'any' } as const;

function step(outcome: StepResult['outcome'], changes: Partial<StepResult> = {}): StepResult {
  return { step: 'plaid.items', task: 'plaid.userItemsRemove', outcome, ...changes };
}

function intent(attempt = 1, activityId = '2'): CallRow {
  return { step: 'plaid.items', activityId, attempt, phase: 'intent' };
}

function outcome(what: CallRow['outcome'], changes: Partial<CallRow> = {}): CallRow {
  return { step: 'plaid.items', activityId: '2', attempt: 1, phase: 'outcome', outcome: what, ...changes };
}

const listed = (...items: string[]): CallRow => outcome('read', { activityId: 'look', items });
const removed = (...items: string[]): CallRow => outcome('removed', { items, requestId: 'req-1' });
const lost = outcome('unknown');
const refused = (attempt: number): CallRow => outcome('failed', { attempt, status: 400 });

describe('a step counts only as what the calls in the ledger bear out', () => {
  it.each<[string, StepResult, CallRow[]]>([
    ['removed by a call that was answered so', step('removed'), [intent(), removed('a'), listed()]],
    ['removed by a lost call, then looked at', step('removed'), [intent(), lost, listed()]],
    ['removed by a lost call without any outcome, then looked at', step('removed'), [intent(), listed()]],
    ['removed by a lost call, then refused as gone', step('removed'), [intent(), lost, intent(2), refused(2)]],
    ['removed while the list still lags', step('removed'), [listed('a'), intent(), removed('a'), listed('a')]],
    ['already gone by a read', step('alreadyGone'), [listed()]],
    [
      'already gone by what another step at the provider was told',
      step('alreadyGone', { step: 'plaid.user' }),
      [outcome('failed', { status: 404 })],
    ],
    ['skipped without items by a list', step('skipped', { reason: 'noItems' }), [listed()]],
    ['skipped by choice', step('skipped', { reason: 'dryRun' }), []],
    ['failed', step('failed'), []],
    ['unknown', step('unknown'), []],
    ['held', step('held'), []],
  ])('%s', (_name, claimed, rows) => {
    expect(notBorneOut([claimed], rows, ALL)).toEqual([]);
  });

  it.each<[string, StepResult, CallRow[]]>([
    ['removed without any call', step('removed'), []],
    ['removed by a read alone', step('removed'), [listed()]],
    ['removed by a call that was refused', step('removed'), [intent(), refused(1)]],
    ['removed by a lost call that nothing looked at', step('removed'), [intent(), lost]],
    ['removed by a lost call before which a list was read', step('removed'), [listed(), intent(), lost]],
    ['removed by a call of another step', step('removed', { step: 'plaid.user' }), [intent(), removed('a')]],
    ['accepted without any call', step('accepted', { step: 'batch.ios' }), []],
    ['accepted by an intent', step('accepted'), [intent()]],
    ['already gone without any call', step('alreadyGone'), []],
    ['already gone by a call to another provider', step('alreadyGone', { step: 'batch.ios' }), [listed()]],
    ['already gone by a response that says nothing', step('alreadyGone'), [outcome('failed', { status: 503 })]],
    ['not found without any call', step('notFound'), []],
    ['without items, and never listed', step('skipped', { reason: 'noItems' }), []],
    ['without items, and some were listed', step('skipped', { reason: 'noItems' }), [listed('a')]],
    [
      'removed, and another item was listed last',
      step('removed'),
      [listed('a', 'b'), intent(), removed('a'), listed('b')],
    ],
    ['removed, and only some of what was listed', step('removed'), [listed('a', 'b'), intent(), removed('a')]],
  ])('and not as %s', (_name, claimed, rows) => {
    expect(notBorneOut([claimed], rows, ALL)).toEqual([0]);
  });

  it('lets other items remain where only some were asked for, or where the step also ended otherwise', () => {
    const rows = [listed('a', 'b'), intent(), removed('a'), listed('b')];
    expect(notBorneOut([step('removed')], rows, { wholeLists: [] })).toEqual([]);
    expect(notBorneOut([step('removed'), step('failed')], rows, ALL)).toEqual([]);
  });

  it('names the steps by their positions', () => {
    expect(notBorneOut([step('failed'), step('removed'), step('skipped'), step('accepted')], [], ALL)).toEqual([1, 3]);
  });
});

it('keeps a request ID and a token only if a call of the step returned it', () => {
  const rows = [outcome('accepted', { requestId: 'req-1', token: 'token-1' })];
  const genuine = step('accepted', { requestId: 'req-1', token: 'token-1' });
  expect(withOwnEvidence(genuine, rows)).toEqual(genuine);
  expect(withOwnEvidence(step('accepted', { requestId: 'forged', token: 'forged' }), rows)).toEqual(step('accepted'));
  expect(withOwnEvidence({ ...genuine, step: 'plaid.user' }, rows)).toEqual(step('accepted', { step: 'plaid.user' }));
});

describe('what a run reported must be in the ledger', () => {
  const claims = (responses: number) => ({ wholeLists: [], answers: { 'plaid.items': responses } });
  const done = [listed('a'), intent(), removed('a'), outcome('read', { activityId: 'look-2', items: [] })];

  it('counts the calls that succeeded, so that one from elsewhere shows', () => {
    expect(notBorneOut([step('removed')], done, claims(3))).toEqual([]);
    expect(notBorneOut([step('removed')], done, claims(4))).toEqual([0]);
    expect(notBorneOut([step('failed')], [], claims(4))).toEqual([]);
  });

  it('counts a successful response that reported no change', () => {
    const refusedWell = outcome('failed', { activityId: '3', status: 200 });
    expect(notBorneOut([step('removed')], [...done, refusedWell], claims(4))).toEqual([]);
    expect(notBorneOut([step('notFound')], [outcome('notFound', { status: 200 })], claims(1))).toEqual([]);
  });

  it('trusts the person for what people do', () => {
    const archived = step('removed', { step: 'courier.archive', task: 'manual', token: 'ticket 7' });
    expect(notBorneOut([archived], [], claims(0))).toEqual([]);
    expect(withOwnEvidence(archived, [])).toEqual(archived);
  });

  it('judges what a list left only for the lists of which everything was to be removed', () => {
    const left = [intent(), removed('a'), outcome('read', { activityId: 'look', items: ['a', 'b'] })];
    expect(notBorneOut([step('removed')], left, { wholeLists: ['plaid.items'] })).toEqual([0]);
    expect(notBorneOut([step('removed')], left, { wholeLists: ['courier.topics'] })).toEqual([]);
  });
});
