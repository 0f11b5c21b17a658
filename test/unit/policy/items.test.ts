import type { BuiltInRun } from 'temporal-http-tasks/internal/providers/built-in';
import { drive, planFor, shortly, START_MS } from './drive';
import { SimulatedProviders } from './simulated-providers';
import type { Fault, ProviderScript } from './simulated-providers';

interface Scenario {
  script: ProviderScript;
  plan?: Partial<BuiltInRun>;
  /** Results of the Items step. */
  items: string[];
  status: string;
  /** How many removals were sent. */
  removals: number;
}

const TWO: ProviderScript = { items: ['a', 'b'] };
const LOOK_THEN = (...faults: Fault[]): Fault[] => ['none', ...faults];

const scenarios: Record<string, Scenario> = {
  'all Items are removed': { script: TWO, items: ['plaid.items removed x2'], status: 'completed', removals: 1 },
  'a user without Items is skipped': {
    script: { items: [] },
    items: ['plaid.items skipped/noItems'],
    status: 'completed',
    removals: 0,
  },
  'a user without Items whom this ledger saw with some is already done': {
    script: { items: [] },
    plan: { known: { steps: ['plaid.items'], hadItems: true, itemIds: [] } },
    items: ['plaid.items alreadyGone'],
    status: 'completed',
    removals: 0,
  },
  'a lost answer of a removal that was done is settled by looking': {
    script: { ...TWO, faults: LOOK_THEN('lostAfterProcessing') },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 1,
  },
  'a lost answer of a removal that was not done is sent again': {
    script: { ...TWO, faults: LOOK_THEN('lostBeforeProcessing') },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 2,
  },
  'a removal that is processed late, after its answer was lost, is not sent again': {
    script: { ...TWO, faults: LOOK_THEN('lostAfterProcessing'), lateMs: 4_000 },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 1,
  },
  'an unreadable answer of a removal is settled like a lost one': {
    script: { ...TWO, faults: LOOK_THEN('unreadableAfterProcessing') },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 1,
  },
  'a list that lags for less than a minute is waited for': {
    script: { ...TWO, lagsMs: [45_000] },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 1,
  },
  'Items that are answered as removed and listed for more than a minute are unknown, and are not sent again': {
    script: { ...TWO, lagsMs: [90_000] },
    items: ['plaid.items unknown/stillListed x2'],
    status: 'partial',
    removals: 1,
  },
  'a lost answer behind a list that lags for more than a minute stays unknown': {
    script: { ...TWO, faults: LOOK_THEN('lostAfterProcessing'), lagsMs: [600_000] },
    items: ['plaid.items unknown x2'],
    status: 'partial',
    removals: 2,
  },
  'a removal that Plaid refuses for good fails after a minute of looking': {
    script: { ...TWO, refusesRemovals: true },
    items: ['plaid.items failed x2'],
    status: 'partial',
    removals: 1,
  },
  'a removal that is refused because somebody else removed one Item is sent for the rest': {
    script: { ...TWO, lagsMs: [5_000], others: [{ atMs: START_MS, removes: { item: 'a' } }] },
    items: ['plaid.items removed x1', 'plaid.items alreadyGone x1'],
    status: 'completed',
    removals: 2,
  },
  'copies of the list that take turns and lag differently do not keep the run polling': {
    script: {
      ...TWO,
      refusesRemovals: true,
      copiesBehindMs: [0, 86_400_000],
      others: [{ atMs: START_MS + 1, removes: { item: 'b' } }],
    },
    plan: { itemIds: ['a'] },
    items: ['plaid.items failed x1'],
    status: 'partial',
    removals: 1,
  },
  'an Item that goes to another user between list and removal is not removed there, and keeps no other': {
    script: { ...TWO, others: [{ atMs: START_MS + 50, removes: { item: 'a' } }] },
    items: ['plaid.items removed x1', 'plaid.items alreadyGone x1'],
    status: 'completed',
    removals: 2,
  },
  'a removal with a good response is not looked at again where that is asked for': {
    script: TWO,
    plan: { verifyRemovals: 'unsure' },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 1,
  },
  'a removal whose response was lost is looked at in any case': {
    script: { ...TWO, faults: LOOK_THEN('lostBeforeProcessing') },
    plan: { verifyRemovals: 'unsure' },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 2,
  },
  'only the asked Items are removed': {
    script: { items: ['a', 'b', 'c'] },
    plan: { itemIds: ['b'] },
    items: ['plaid.items removed x1'],
    status: 'completed',
    removals: 1,
  },
  "an asked Item that is somebody else's is not found and not sent": {
    script: { ...TWO, foreignItems: ['x'] },
    plan: { itemIds: ['a', 'x'] },
    items: ['plaid.items removed x1', 'plaid.items notFound x1'],
    status: 'partial',
    removals: 1,
  },
  'an asked Item that is not found does not count where that is fine': {
    script: TWO,
    plan: { itemIds: ['a', 'x'], notFoundIsFine: true },
    items: ['plaid.items removed x1', 'plaid.items notFound x1'],
    status: 'completed',
    removals: 1,
  },
  'an asked Item that this ledger saw before is already gone': {
    script: TWO,
    plan: { itemIds: ['x'], known: { steps: ['plaid.items'], hadItems: true, itemIds: ['x'] } },
    items: ['plaid.items alreadyGone x1'],
    status: 'completed',
    removals: 0,
  },
  'a user whom Plaid does not know is not found': {
    script: {},
    items: ['plaid.items notFound'],
    status: 'partial',
    removals: 0,
  },
  'a user whom Plaid does not know and this ledger does is already gone': {
    script: {},
    plan: { known: { steps: ['plaid.items'], hadItems: false, itemIds: [] } },
    items: ['plaid.items alreadyGone'],
    status: 'completed',
    removals: 0,
  },
  'a user who vanishes after the first look is already gone': {
    script: { ...TWO, others: [{ atMs: START_MS + 50, removes: 'user' }] },
    items: ['plaid.items alreadyGone x2'],
    status: 'completed',
    removals: 1,
  },
  'a user who vanishes while a lost removal is settled took the Items along': {
    script: { ...TWO, faults: LOOK_THEN('lostBeforeProcessing'), others: [{ atMs: START_MS + 500, removes: 'user' }] },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 1,
  },
  'an asked Item that was never listed stays not found when the user vanishes': {
    script: { ...TWO, others: [{ atMs: START_MS + 150, removes: 'user' }] },
    plan: { itemIds: ['a', 'x'] },
    items: ['plaid.items removed x1', 'plaid.items notFound x1'],
    status: 'partial',
    removals: 1,
  },
  'a hold that is put on mid-way ends every step': {
    script: { ...TWO, faults: LOOK_THEN('held') },
    items: ['plaid.items held x2'],
    status: 'held',
    removals: 1,
  },
  'a hold that comes while a lost removal is settled leaves it unknown': {
    script: { ...TWO, faults: LOOK_THEN('lostBeforeProcessing', 'held') },
    items: ['plaid.items unknown x2'],
    status: 'held',
    removals: 2,
  },
  'a hold that comes after a part is removed keeps that part in the account': {
    script: {
      ...TWO,
      lagsMs: [5_000, 0],
      others: [{ atMs: START_MS, removes: { item: 'a' } }],
      faults: LOOK_THEN('none', 'held'),
    },
    items: ['plaid.items held x1'],
    status: 'held',
    removals: 2,
  },
  'refused keys fail the step, and nothing is removed': {
    script: { ...TWO, faults: ['unauthorized'] },
    items: ['plaid.items failed'],
    status: 'partial',
    removals: 0,
  },
  'keys that are refused after the look leave the listed Items': {
    script: { ...TWO, faults: LOOK_THEN('unauthorized') },
    items: ['plaid.items failed x2'],
    status: 'partial',
    removals: 1,
  },
  'four unreadable looks are got over': {
    script: {
      ...TWO,
      faults: [
        'unreadableAfterProcessing',
        'unreadableAfterProcessing',
        'unreadableAfterProcessing',
        'unreadableAfterProcessing',
      ],
    },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 1,
  },
  'the fifth unreadable look in a row fails the step': {
    script: { ...TWO, faults: Array.from({ length: 5 }, () => 'unreadableAfterProcessing' as const) },
    items: ['plaid.items failed'],
    status: 'partial',
    removals: 0,
  },
  'looks that fail after a removal was answered leave it removed': {
    script: { ...TWO, faults: LOOK_THEN('none', 'unavailable') },
    items: ['plaid.items removed x2'],
    status: 'completed',
    removals: 1,
  },
  'looks that fail after a removal was lost leave it unknown': {
    script: { ...TWO, faults: LOOK_THEN('lostAfterProcessing', 'unavailable') },
    items: ['plaid.items unknown x2'],
    status: 'partial',
    removals: 1,
  },
  'a dry run says how many would be removed': {
    script: TWO,
    plan: { dryRun: true, itemIds: ['a', 'x'] },
    items: ['plaid.items skipped/dryRun x1', 'plaid.items notFound x1'],
    status: 'partial',
    removals: 0,
  },
  'without an id for Plaid there is nothing to do': {
    script: TWO,
    plan: { plaidUser: undefined },
    items: ['plaid.items skipped/noPlaidId'],
    status: 'completed',
    removals: 0,
  },
};

it.each(Object.entries(scenarios))('%s', (_title, { script, plan, items, status, removals }) => {
  const providers = new SimulatedProviders(script);
  const run = drive(planFor(plan), providers);
  expect(shortly(run.steps.filter(({ step }) => step === 'plaid.items'))).toEqual(items);
  expect(run.status).toBe(status);
  expect(providers.calls.filter(({ task }) => task === 'plaid.userItemsRemove')).toHaveLength(removals);
});

it("names an asked Item that is not the user's in the result, and none that is", () => {
  const run = drive(planFor({ itemIds: ['a', 'x'] }), new SimulatedProviders(TWO));
  expect(run.steps.flatMap(({ itemIds }) => itemIds ?? [])).toEqual(['x']);
});

it('waits ever longer between looks, and never more than ten seconds', () => {
  const providers = new SimulatedProviders({ ...TWO, lagsMs: [59_000], callMs: 0 });
  drive(planFor(), providers);
  const looks = providers.calls.filter(({ task }) => task === 'plaid.userItemsGet').map(({ atMs }) => atMs);
  const pauses = looks.slice(1).map((atMs, index) => atMs - looks[index]!);
  expect(pauses.slice(0, 6)).toEqual([0, 1_000, 2_000, 4_000, 8_000, 10_000]);
  expect(Math.max(...pauses)).toBe(10_000);
});

describe('Items that earlier rounds of a sweep removed', () => {
  const removedBefore = (...ids: string[]): BuiltInRun['known'] => {
    const removed = new Set(ids);
    return { steps: ['plaid.items'], hadItems: true, itemIds: [], removedBefore: removed };
  };
  const run = (script: ProviderScript, plan: Partial<BuiltInRun>) => {
    const providers = new SimulatedProviders(script);
    const { steps } = drive(planFor(plan), providers);
    const sent = providers.calls
      .filter(({ task }) => task === 'plaid.userItemsRemove')
      .map(({ input }) => input.item_ids);
    return { items: shortly(steps.filter(({ step }) => step === 'plaid.items')), sent };
  };

  it('are not sent again while the list lags, and are polled on as any other', () => {
    const stillListed = { ...TWO, copiesBehindMs: [0] };
    expect(run(stillListed, { known: removedBefore('a', 'b') })).toEqual({
      items: ['plaid.items unknown/stillListed x2'],
      sent: [],
    });
  });

  it('are counted as removed when they are no longer listed, with those that this round removes', () => {
    expect(run({ items: [] }, { known: removedBefore('a', 'b') })).toEqual({
      items: ['plaid.items removed x2'],
      sent: [],
    });
    expect(run({ items: ['c'] }, { known: removedBefore('a', 'b') })).toEqual({
      items: ['plaid.items removed x3'],
      sent: [['c']],
    });
  });

  it('are counted as removed when Plaid does not know the user any more', () => {
    expect(run({}, { known: removedBefore('a', 'b') }).items).toEqual(['plaid.items removed x2']);
  });

  it('are not looked for again when they were asked for by name', () => {
    expect(run({ items: ['b'] }, { itemIds: ['a', 'b'], known: removedBefore('a') })).toEqual({
      items: ['plaid.items removed x2'],
      sent: [['b']],
    });
  });

  it('do not hide that a look of this round fails', () => {
    expect(run({ ...TWO, faults: ['refused'] }, { known: removedBefore('a') }).items).toEqual([
      'plaid.items removed x1',
      'plaid.items failed',
    ]);
  });
});
