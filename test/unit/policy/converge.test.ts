import { allHeld, responded, beginConverging, endEarly, next } from 'temporal-http-tasks/internal/policy/converge';
import type { CallMove } from 'temporal-http-tasks/internal/policy/converge';
import { builtInRun } from 'temporal-http-tasks/internal/providers/built-in';
import type { BuiltInRun } from 'temporal-http-tasks/internal/providers/built-in';
import { SETTLE_MS } from 'temporal-http-tasks/internal/policy/steps/step';
import { drive, planFor, shortly, START_MS, statesOf } from './drive';
import { SimulatedProviders } from './simulated-providers';
import type { Fault, ProviderScript } from './simulated-providers';

const ITEM: ProviderScript = { items: ['a'] };

/** The calls before the first one of the named task, with good responses. */
function well(count: number, ...then: Fault[]): Fault[] {
  return [...Array.from({ length: count }, () => 'none' as const), ...then];
}

function stepsOf(
  script: ProviderScript,
  plan: Partial<BuiltInRun> = {},
): { status: string; steps: string[]; calls: string[] } {
  const providers = new SimulatedProviders(script);
  const run = drive(planFor(plan), providers);
  return { status: run.status, steps: shortly(run.steps), calls: providers.calls.map(({ task }) => task) };
}

describe('the order of the steps', () => {
  it('is Items, products, user, and Batch once for each app key', () => {
    const { steps, calls, status } = stepsOf(ITEM, { removeUser: true, batchApps: ['ios', 'android'] });
    expect(steps).toEqual([
      'plaid.items removed x1',
      'plaid.products removed',
      'plaid.user removed',
      'batch.ios accepted',
      'batch.android accepted',
    ]);
    expect(calls).toEqual([
      'plaid.userItemsGet',
      'plaid.userItemsRemove',
      'plaid.userItemsGet',
      'plaid.userProductsTerminate',
      'plaid.userRemove',
      'batch.customDataDelete',
      'batch.customDataDelete',
    ]);
    expect(status).toBe('completed');
  });

  it('continues after a failed step, or stops there if asked', () => {
    const failing = { ...ITEM, refusesRemovals: true };
    expect(stepsOf(failing).steps).toEqual(['plaid.items failed x1', 'plaid.products removed', 'batch.ios accepted']);
    expect(stepsOf(failing, { onFailure: 'stop' })).toMatchObject({
      steps: ['plaid.items failed x1', 'plaid.products skipped/stopped', 'batch.ios skipped/stopped'],
      status: 'failed',
    });
  });

  it('asks for no removal of a user whom the list has shown to be absent', () => {
    const unknown = stepsOf({}, { removeUser: true });
    expect(unknown.steps).toContain('plaid.user notFound');
    expect(unknown.calls).not.toContain('plaid.userRemove');

    const known = { steps: ['plaid.user'], hadItems: true, itemIds: [] };
    const again = stepsOf({}, { removeUser: true, known });
    expect(again.steps).toContain('plaid.user alreadyGone');
    expect(again.calls).not.toContain('plaid.userRemove');
  });

  it('does not stop at something not found where that is fine', () => {
    const plan = { onFailure: 'stop' as const, notFoundIsFine: true };
    expect(stepsOf({}, plan).steps).toEqual(['plaid.items notFound', 'plaid.products notFound', 'batch.ios accepted']);
    expect(stepsOf({}, { ...plan, notFoundIsFine: false }).steps).toEqual([
      'plaid.items notFound',
      'plaid.products skipped/stopped',
      'batch.ios skipped/stopped',
    ]);
  });

  it('ends with all steps held at the first call that a hold forbids', () => {
    expect(stepsOf({ ...ITEM, faults: well(3, 'held') }, { removeUser: true }).steps).toEqual([
      'plaid.items removed x1',
      'plaid.products held',
      'plaid.user held',
      'batch.ios held',
    ]);
  });
});

describe('products and user', () => {
  it('terminates the products with the reason and note', () => {
    const providers = new SimulatedProviders(ITEM);
    drive(planFor({ reason: { code: 'OTHER', note: 'asked in person' } }), providers);
    const { input } = providers.calls.find(({ task }) => task === 'plaid.userProductsTerminate')!;
    expect(input).toEqual({ user_id: 'usr_1', reason_code: 'OTHER', reason_note: 'asked in person' });
  });

  it('leaves the products out when they are excluded, and says so', () => {
    const { steps, calls, status } = stepsOf(ITEM, { exclude: ['plaid.products'], removeUser: true });
    expect(steps).toEqual([
      'plaid.items removed x1',
      'plaid.products skipped/excluded',
      'plaid.user removed',
      'batch.ios accepted',
    ]);
    expect(calls).not.toContain('plaid.userProductsTerminate');
    expect(status).toBe('completed');
  });

  it('cannot terminate products with only a token', () => {
    const { steps, status } = stepsOf(ITEM, { plaidUser: { user_token: 'user-sandbox-1' } });
    expect(steps).toEqual(['plaid.items removed x1', 'plaid.products skipped/needsUserId', 'batch.ios accepted']);
    expect(status).toBe('completed');
  });

  it.each<[string, Fault]>([
    ['failed', 'refused'],
    ['failed', 'unauthorized'],
  ])('does not remove a user whose products were not terminated: %s because %s', (outcome, fault) => {
    const { steps, calls, status } = stepsOf({ ...ITEM, faults: well(3, fault) }, { removeUser: true });
    expect(steps).toEqual([
      'plaid.items removed x1',
      `plaid.products ${outcome}`,
      'plaid.user skipped/productsNotTerminated',
      'batch.ios accepted',
    ]);
    expect(calls).not.toContain('plaid.userRemove');
    expect(status).toBe('partial');
  });

  it('does not remove a user whose products may not be terminated', () => {
    const faults = well(3, ...Array.from({ length: 5 }, () => 'unreadableBeforeProcessing' as const));
    const { steps, calls } = stepsOf({ ...ITEM, faults }, { removeUser: true });
    expect(steps).toContain('plaid.products unknown');
    expect(calls).not.toContain('plaid.userRemove');
  });

  it('looks before a lost removal of a user is sent again, once the time to settle has passed, and finds it done', () => {
    const { steps, calls, gapMs } = lostRemoval(['lostAfterProcessing']);
    expect(steps).toContain('plaid.user removed');
    expect(calls).toEqual(['plaid.userRemove', 'plaid.userItemsGet']);
    expect(gapMs).toBeGreaterThanOrEqual(SETTLE_MS);
  });

  it('sends a lost removal of a user again that a look shows undone', () => {
    const { steps, calls } = lostRemoval(['lostBeforeProcessing']);
    expect(steps).toContain('plaid.user removed');
    expect(calls).toEqual(['plaid.userRemove', 'plaid.userItemsGet', 'plaid.userRemove']);
  });

  it('gives up on a removal of a user that is lost five times', () => {
    const { steps, calls } = lostRemoval(
      Array.from({ length: 9 }, (_, index) => (index % 2 === 0 ? 'lostBeforeProcessing' : 'none')),
    );
    expect(steps).toContain('plaid.user unknown');
    expect(calls.filter((task) => task === 'plaid.userRemove')).toHaveLength(5);
  });

  it.each<[string, Fault]>([
    ['refused', 'refused'],
    ['not possible', 'unavailable'],
  ])('sends nothing more when the look after a lost removal is %s', (_how, fault) => {
    const { steps, calls } = lostRemoval(['lostBeforeProcessing', fault]);
    expect(steps).toContain('plaid.user unknown');
    expect(calls.filter((task) => task === 'plaid.userRemove')).toHaveLength(1);
  });

  /** What follows the termination of the products when the removal of the user, and what comes after, meets these faults. */
  function lostRemoval(faults: Fault[]): { steps: string[]; calls: string[]; gapMs: number } {
    const providers = new SimulatedProviders({ ...ITEM, faults: well(4, ...faults) });
    const { steps } = drive(planFor({ removeUser: true, batchMode: 'skip' }), providers);
    const calls = providers.calls.slice(4);
    const gapMs = calls[1]!.atMs - calls[0]!.atMs - providers.callMs;
    return { steps: shortly(steps), calls: calls.map(({ task }) => task), gapMs };
  }

  it('does not report a refusal after a lost response as failed: the lost call may have been carried out', () => {
    const { steps } = stepsOf(
      { ...ITEM, faults: well(4, 'lostBeforeProcessing', 'none', 'refused') },
      { removeUser: true },
    );
    expect(steps).toContain('plaid.user unknown');
  });
});

it('a step that an earlier round of a sweep has done is reported unchanged and not done again, whatever ends this round', () => {
  const products = {
    step: 'plaid.products',
    task: 'plaid.userProductsTerminate',
    outcome: 'removed',
    requestId: 'earlier',
  } as const;
  const known = { steps: [], hadItems: false, itemIds: [], doneBefore: [products] };
  for (const faults of [[], ['held']] as const) {
    const providers = new SimulatedProviders({ items: ['a'], faults: ['none', ...faults] });
    const { steps } = drive(planFor({ known, batchMode: 'skip' }), providers);
    expect(steps).toContainEqual(products);
    expect(providers.calls.map(({ task }) => task)).not.toContain('plaid.userProductsTerminate');
  }
});

describe('Batch', () => {
  it('is left out when asked, and when there is no id for it', () => {
    expect(stepsOf(ITEM, { batchMode: 'skip' }).steps).toContain('batch skipped/batchMode');
    expect(stepsOf(ITEM, { batchUserId: undefined }).steps).toContain('batch skipped/noBatchId');
  });

  it.each(['.', '..'])('takes the id "%s", which no URL can carry, in the body of a bulk call', (batchUserId) => {
    const providers = new SimulatedProviders(ITEM);
    drive(planFor({ batchUserId }), providers);
    expect(providers.calls.at(-1)).toMatchObject({
      task: 'batch.customDataBulkDelete',
      input: { ids: [batchUserId], app: 'ios' },
    });
  });

  it.each<[string, ProviderScript, Partial<BuiltInRun>, string]>([
    ['is removed once Batch says so', { gdprMs: 7_200_000 }, {}, 'batch.ios removed'],
    ['failed when Batch says so', { gdprError: 'Something broke' }, {}, 'batch.ios failed/requestFailed'],
    ['did not find the user', { gdprError: 'User not found' }, {}, 'batch.ios notFound'],
    ['did not find the user, in the documented words', { gdprError: 'user not found.' }, {}, 'batch.ios notFound'],
    ['did not find something else', { gdprError: 'Endpoint not found' }, {}, 'batch.ios failed/requestFailed'],
    [
      'did not find the user somewhere',
      { gdprError: 'User not found in the cache, try again' },
      {},
      'batch.ios failed/requestFailed',
    ],
    [
      'found a user gone whom this ledger knows',
      { gdprError: 'User not found' },
      { known: { steps: ['batch.ios'], hadItems: false, itemIds: [] } },
      'batch.ios alreadyGone',
    ],
    [
      'did not find the user, perhaps because it was filed twice',
      { gdprError: 'User not found', faults: ['unreadableAfterProcessing'] },
      {},
      'batch.ios notFound/filedMoreThanOnce',
    ],
    ['cannot be followed', { faults: ['none', 'refused'] }, {}, 'batch.ios unknown/cannotFollow'],
    [
      'is followed past unreadable looks',
      { faults: ['none', 'unreadableAfterProcessing', 'unreadableAfterProcessing'] },
      {},
      'batch.ios removed',
    ],
    ['was refused', { faults: ['refused'] }, {}, 'batch.ios failed'],
    [
      'was refused after a filing that brought nothing readable',
      { faults: ['unreadableAfterProcessing', 'refused'] },
      {},
      'batch.ios unknown',
    ],
    [
      'was filed five times without a readable answer',
      { faults: Array.from({ length: 5 }, () => 'unreadableAfterProcessing' as const) },
      {},
      'batch.ios unknown',
    ],
    ['is still at work when the deadline passes', { gdprMs: 30 * 86_400_000 }, {}, 'batch.ios accepted/deadline'],
  ])('a GDPR request %s', (_what, script, plan, expected) => {
    const { steps } = stepsOf(script, { plaidUser: undefined, batchMode: 'gdpr', ...plan });
    expect(steps).toContain(expected);
  });

  it('checks a GDPR request at most once an hour in the end', () => {
    const providers = new SimulatedProviders({ gdprMs: 3 * 86_400_000 });
    drive(planFor({ plaidUser: undefined, batchMode: 'gdpr' }), providers);
    const looks = providers.calls.filter(({ task }) => task === 'batch.gdprRequestGet');
    expect(looks.length).toBeGreaterThan(70);
    expect(looks.length).toBeLessThan(90);
  });
});

describe('a dry run', () => {
  it('completes with every destructive step skipped, also in GDPR mode', () => {
    for (const batchMode of ['customData', 'gdpr'] as const) {
      const { steps, calls, status } = stepsOf(ITEM, { dryRun: true, removeUser: true, batchMode });
      expect(steps).toEqual([
        'plaid.items skipped/dryRun x1',
        'plaid.products skipped/dryRun',
        'plaid.user skipped/dryRun',
        'batch.ios skipped/dryRun',
      ]);
      expect(calls).toEqual(['plaid.userItemsGet']);
      expect(status).toBe('completed');
    }
  });
});

describe('an end before the work is done', () => {
  const plan = planFor({ removeUser: true });
  const states = (faults: Fault[] = []): ReturnType<typeof statesOf> =>
    statesOf(plan, new SimulatedProviders({ ...ITEM, faults }));

  it('accounts for every step at every point, and claims nothing that no response said', () => {
    const after = states().map((state) =>
      shortly(endEarly(state, 'cancelled')).map((line) => line.replace(/^plaid\.|^batch\./, '')),
    );
    expect(after).toEqual([
      ['items skipped/cancelled', 'products skipped/cancelled', 'user skipped/cancelled', 'ios skipped/cancelled'],
      ['items skipped/cancelled x1', 'products skipped/cancelled', 'user skipped/cancelled', 'ios skipped/cancelled'],
      ['items removed x1', 'products skipped/cancelled', 'user skipped/cancelled', 'ios skipped/cancelled'],
      ['items removed x1', 'products skipped/cancelled', 'user skipped/cancelled', 'ios skipped/cancelled'],
      ['items removed x1', 'products removed', 'user skipped/cancelled', 'ios skipped/cancelled'],
      ['items removed x1', 'products removed', 'user removed', 'ios skipped/cancelled'],
      ['items removed x1', 'products removed', 'user removed', 'ios accepted'],
    ]);
  });

  it('is failed, not skipped, when the deadline passed', () => {
    const [first] = states();
    expect(shortly(endEarly(first!, 'deadline'))).toEqual([
      'plaid.items failed/deadline',
      'plaid.products failed/deadline',
      'plaid.user failed/deadline',
      'batch.ios failed/deadline',
    ]);
  });

  it.each(['cancelled', 'deadline'] as const)('is unknown where a response was lost: %s', (reason) => {
    const [, , lostItems] = states(well(1, 'lostAfterProcessing'));
    expect(shortly(endEarly(lostItems!, reason))).toContain(`plaid.items unknown/${reason} x1`);
    const lostUser = states(well(4, 'lostAfterProcessing'))[5];
    expect(shortly(endEarly(lostUser!, reason))).toContain(`plaid.user unknown/${reason}`);
  });

  it('leaves steps that had nothing to do as such', () => {
    const begun = beginConverging(
      builtInRun(planFor({ plaidUser: { user_token: 'user-sandbox-1' }, batchMode: 'skip' })),
    );
    expect(shortly(endEarly(begun, 'cancelled'))).toEqual([
      'plaid.items skipped/cancelled',
      'plaid.products skipped/needsUserId',
      'batch skipped/batchMode',
    ]);
  });

  it('at a deadline of the run ends it there', () => {
    const providers = new SimulatedProviders({ ...ITEM, lagsMs: [600_000] });
    const run = drive(planFor(), providers, 10_000);
    expect(run.endedAtMs).toBe(START_MS + 10_000);
    expect(shortly(run.steps)).toEqual([
      'plaid.items removed x1',
      'plaid.products failed/deadline',
      'batch.ios failed/deadline',
    ]);
  });
});

it('a user under a hold has every step held, in a dry run too', () => {
  const held = ['plaid.items held', 'plaid.products held', 'batch.ios held'];
  expect(shortly(allHeld(builtInRun(planFor())))).toEqual(held);
  expect(shortly(allHeld(builtInRun(planFor({ dryRun: true }))))).toEqual(held);
});

describe('the machine is pure', () => {
  it('asking twice what to do next changes nothing', () => {
    const state = beginConverging(builtInRun(planFor()));
    expect(next(state, START_MS)).toEqual(next(state, START_MS));
  });

  it('a state gives the same result again after another state was made from it', () => {
    const state = beginConverging(builtInRun(planFor()));
    const look = next(state, START_MS) as CallMove;
    const before = JSON.stringify(next(state, START_MS));
    responded(state, look, { ok: true, attempt: 1, output: { items: [{ item_id: 'a' }], request_id: 'r' } }, START_MS);
    expect(JSON.stringify(next(state, START_MS))).toBe(before);
  });

  it('a response after the last step is refused', () => {
    const plan = planFor({ plaidUser: undefined, batchMode: 'skip' });
    const done = beginConverging(builtInRun(plan));
    expect(next(done, START_MS).kind).toBe('done');
    const stray: CallMove = { kind: 'call', step: 'plaid.items', task: 'plaid.userItemsGet', input: {} };
    expect(() => responded(done, stray, { ok: true, attempt: 1, output: {} }, START_MS)).toThrow('after the last step');
  });
});
