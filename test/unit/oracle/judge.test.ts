import type { Cell } from '@temporal-http-tasks/testing/internal/oracle/cell';
import { expectedOf } from '@temporal-http-tasks/testing/internal/oracle/expect';
import { judgeAlways, judgeCell } from '@temporal-http-tasks/testing/internal/oracle/judge';
import type { Judgement } from '@temporal-http-tasks/testing/internal/oracle/judge';
import type { Observed, Recorded, Truth } from '@temporal-http-tasks/testing/internal/oracle/observed';
import type { CallRecord } from '@temporal-http-tasks/testing';

// The oracle must be able to fail: each of these is a run as it was seen, with one thing forged.

const APPS = ['ios', 'android'];
const CELL: Cell = {
  flow: 'offboardUser',
  call: 'userProductsTerminate',
  fault: 'unknown error code',
  when: 'once',
  policy: 'continue',
};

function call(seq: number, endpoint: string, more: Partial<CallRecord> = {}): CallRecord {
  return { seq, at: '2026-01-01T00:00:00.000Z', endpoint, users: 1, status: 200, processed: true, ...more };
}

const CALLS: readonly CallRecord[] = [
  call(1, 'userItemsGet'),
  call(2, 'userItemsRemove'),
  call(3, 'userItemsGet'),
  call(4, 'userProductsTerminate', { status: 400, processed: false, fault: 'unknownErrorCode' }),
  call(1, 'customDataDelete', { app: 'ios' }),
  call(2, 'customDataDelete', { app: 'android' }),
];

const TRUTH: Truth = {
  itemsLeft: [],
  itemsRemoved: ['item-1', 'item-2'],
  productsTerminated: false,
  userRemoved: false,
  batchGone: { ios: true, android: true },
  calls: CALLS,
  refusals: 0,
  irreversibleRepeats: 0,
  othersTouched: [],
};

function receiptsOf(step: string, task: string, activityId: string, outcome: string, keySlot?: string): Recorded[] {
  const one = { step, task, activityId, attempt: 1, ...(keySlot !== undefined && { keySlot }) };
  return [
    { ...one, phase: 'intent' },
    { ...one, phase: 'outcome', outcome },
  ];
}

const RECEIPTS: readonly Recorded[] = [
  ...receiptsOf('plaid.items', 'plaid.userItemsRemove', '2', 'removed'),
  ...receiptsOf('plaid.products', 'plaid.userProductsTerminate', '4', 'failed'),
  ...receiptsOf('batch.ios', 'batch.customDataDelete', '5', 'accepted', 'ios'),
  ...receiptsOf('batch.android', 'batch.customDataDelete', '6', 'accepted', 'android'),
];

const STEPS = [
  { step: 'plaid.items', outcome: 'removed' },
  { step: 'plaid.products', outcome: 'failed' },
  { step: 'batch.ios', outcome: 'accepted' },
  { step: 'batch.android', outcome: 'accepted' },
];

const SEEN: Observed = {
  report: { status: 'partial', steps: STEPS, compensations: STEPS },
  truth: TRUTH,
  receipts: RECEIPTS,
};

function judged(changes: Partial<Observed> = {}, truth: Partial<Truth> = {}, cell: Cell = CELL): Judgement {
  const seen = { ...SEEN, ...changes };
  return judgeCell(cell, { ...seen, truth: { ...seen.truth, ...truth } }, APPS);
}

function reported(status: string, changes: Record<string, string>, compensations = STEPS): Partial<Observed> {
  const steps = STEPS.map((step) => ({ ...step, outcome: changes[step.step] ?? step.outcome }));
  return { report: { status, steps, compensations } };
}

it('finds nothing where a run ended as it must', () => {
  expect(judged()).toMatchObject({
    ok: true,
    got: 'partial: plaid.items removed; plaid.products failed; batch.ios accepted; batch.android accepted',
  });
});

it.each<[string, Partial<Observed>, Partial<Truth>, string]>([
  [
    'an outcome was forged',
    reported('completed', { 'plaid.products': 'removed' }, []),
    {},
    'plaid.products is reported as removed, but it still exists',
  ],
  [
    'a failure was forged',
    reported('partial', { 'batch.ios': 'failed' }),
    {},
    'batch.ios is reported as failed, but 1 calls for it were executed',
  ],
  [
    'an unknown was made of an answer',
    reported('partial', { 'batch.ios': 'unknown' }),
    { calls: CALLS.map(({ fault: _fault, ...rest }) => rest) },
    'batch.ios is reported as unknown, but every call got a response',
  ],
  [
    'nothing is said of a step',
    { report: { status: 'partial', steps: STEPS.slice(1), compensations: STEPS.slice(1) } },
    {},
    'no outcome is reported for plaid.items',
  ],
  ['there is no report', { report: undefined, problem: 'it had not ended' }, {}, 'it had not ended'],
  ['an Item was left', {}, { itemsLeft: ['item-2'] }, 'plaid.items was not done'],
  ['what had to stay was done', {}, { productsTerminated: true }, 'plaid.products was done and should not have been'],
  ['an effect was carried out twice', {}, { irreversibleRepeats: 1 }, '1 irreversible effects executed twice'],
  ['somebody else was touched', {}, { othersTouched: ['bystander-3'] }, 'bystander-3 was touched'],
  [
    'a call went out without an intent',
    { receipts: RECEIPTS.slice(2) },
    {},
    '1 calls of userItemsRemove were sent, and the ledger has 0 intents',
  ],
  [
    'an outcome was never written',
    { receipts: RECEIPTS.slice(0, -1) },
    {},
    'attempt 1 of batch.android has an intent and no outcome',
  ],
  [
    'the compensation log leaves a step out',
    { report: { status: 'partial', steps: STEPS, compensations: STEPS.slice(1) } },
    {},
    'the compensation log has no line for plaid.items removed',
  ],
  [
    'the compensation log lies',
    {
      report: {
        status: 'partial',
        steps: STEPS,
        compensations: STEPS.map((line) => ({ ...line, outcome: 'removed' })),
      },
    },
    {},
    'the compensation log: plaid.products is reported as removed, but it still exists',
  ],
  [
    'the status was forged',
    { report: { status: 'completed', steps: STEPS, compensations: [] } },
    {},
    'the run is completed',
  ],
  [
    'a step that nobody asked for was done',
    {
      report: {
        status: 'partial',
        steps: [...STEPS, { step: 'plaid.user', outcome: 'skipped' }],
        compensations: STEPS,
      },
    },
    {},
    'plaid.user was not requested',
  ],
])('finds it when %s', (_what, changes, truth, finding) => {
  const judgement = judged(changes, truth);
  expect(judgement.ok).toBe(false);
  expect(judgement.got).toContain(finding);
});

it('finds a removal that was sent again after a lost response without a read in between, and not one that was refused', () => {
  const lost = [
    call(1, 'userItemsGet'),
    call(2, 'userItemsRemove', { status: null, processed: false, fault: 'dropBefore' }),
    call(3, 'userItemsRemove'),
    ...CALLS.slice(3),
  ];
  expect(judged({}, { calls: lost }).got).toContain(
    'userItemsRemove was sent again after a lost response without a read in between',
  );
  const looked = [...lost.slice(0, 2), call(3, 'userItemsGet'), call(4, 'userItemsRemove')];
  const refused = [
    ...CALLS.slice(0, 1),
    call(2, 'userItemsRemove', { status: 429, processed: false, fault: 'rateLimit' }),
    call(3, 'userItemsRemove'),
  ];
  for (const calls of [looked, refused]) expect(judged({}, { calls }).got).not.toContain('without a read in between');
});

it('finds steps that were done although the input says to stop', () => {
  const stopped = { ...CELL, policy: 'stop' as const };
  expect(judged({}, {}, stopped).got).toContain('batch.ios was done and should not have been');
});

it('judges a combination of faults by what must always hold', () => {
  const steps = STEPS.map(({ step }) => step);
  expect(judgeAlways(steps, SEEN, APPS, ['partial'])).toMatchObject({ ok: true, completed: false });
  expect(judgeAlways(steps, SEEN, APPS, ['completed'])).toMatchObject({ ok: false });
});

it('a sweep has a final outcome for what is left, and needs a receipt of each step that was called for', () => {
  const cell: Cell = { ...CELL, flow: 'sweep', fault: 'maintenance', when: 'always' };
  const settled = (step: string, outcome: string): Recorded => ({
    phase: 'settled',
    step,
    task: 'x.y',
    activityId: '',
    attempt: 0,
    outcome,
  });
  const receipts = [settled('plaid.items', 'removed'), settled('offboarding', 'failed')];
  const report = {
    status: 'partial',
    steps: [
      { step: 'plaid.items', outcome: 'removed' },
      { step: 'offboarding', outcome: 'failed' },
    ],
  };
  const truth = {
    batchGone: { ios: false, android: false },
    calls: CALLS.slice(0, 4).map((one) => ({ ...one, processed: one.seq < 4 })),
  };
  expect(judged({ report, receipts }, truth, cell)).toMatchObject({ ok: true });
  expect(judged({ report, receipts: [] }, truth, cell).got).toContain('the ledger has no receipt');
});

it('expects a fault that passes to leave nothing behind, and one that stays to be reported', () => {
  const statuses = (changes: Partial<Cell>): readonly string[] => expectedOf({ ...CELL, ...changes }, APPS).statuses;
  expect(statuses({ fault: 'reset after it was done', when: 'twice' })).toEqual(['completed']);
  expect(statuses({ fault: 'reset after it was done', when: 'always' })).toEqual(['partial', 'failed']);
  expect(() => statuses({ fault: 'no such fault' })).toThrow(RangeError);
});
