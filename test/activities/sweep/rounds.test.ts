import fc from 'fast-check';
import { LAG_MS } from 'temporal-http-tasks/internal/policy/steps/step';
import { amount } from '../../support/amount';
import { START_MS } from '../../unit/policy/drive';
import { SimulatedProviders } from '../../unit/policy/simulated-providers';
import type { Fault, ProviderScript, SeenCall } from '../../unit/policy/simulated-providers';
import { chunkPlan, idsOf, SimulatedSweep } from './simulated-sweep';
import type { Interrupted, Interruption, SweptUser } from './simulated-sweep';
import type { ChunkPlan } from 'temporal-http-tasks/internal/activities/sweep/contract';

const ITEMS = ['item_1', 'item_2', 'item_3'];
const RUNS = { numRuns: amount(700, { whole: 2_000 }) };

interface Run extends SweptUser {
  providers: SimulatedProviders;
  plan: ChunkPlan;
}

function sweep(
  plan: ChunkPlan,
  script: ProviderScript,
  interruptions: readonly Interrupted[],
  itemIds?: readonly string[],
): Run {
  const providers = new SimulatedProviders(script);
  return { ...new SimulatedSweep(plan, providers, itemIds).run(interruptions), providers, plan };
}

/** Calls that asked for what an earlier call of ours had done already. */
function repeats({ providers }: Run): SeenCall[] {
  return providers.calls.filter(({ task, atMs, ...call }, index) => {
    if (task === 'plaid.userRemove') return !providers.userLeft(atMs - 1) && wasSent(providers, task, index);
    if (task !== 'plaid.userItemsRemove') return false;
    const left = providers.itemsLeft(atMs - 1);
    return idsOf({ task, atMs, ...call }).some((id) => !left.includes(id));
  });
}

function wasSent(providers: SimulatedProviders, task: string, before: number): boolean {
  return providers.calls.slice(0, before).some((call) => call.task === task);
}

function outcomesOf({ settled }: Run, step: string): string[] {
  return settled.receipts.filter((receipt) => receipt.step === step).map(({ outcome }) => outcome);
}

const KINDS: readonly Interruption[] = ['killed', 'killedAfter', 'frozen', 'deferred'];

/** Every kind of interruption at every call, each alone and after every other. */
function* orders(calls: number): Generator<Interrupted[]> {
  const all = KINDS.flatMap((by) => Array.from({ length: calls }, (_, atCall) => ({ atCall, by, lateMs: 9_900 })));
  for (const first of all) {
    yield [first];
    for (const second of all) {
      yield [first, second];
      yield [first, second, { atCall: 2, by: 'killedAfter' }];
    }
  }
}

it.each([false, true])(
  'no order of crashes, freezes and deferrals makes a removal go out twice (user removed: %s)',
  (removeUser) => {
    for (const interruptions of orders(7)) {
      const run = sweep(chunkPlan({ removeUser }), { items: ITEMS, callMs: 20 }, interruptions);
      expect({ interruptions, repeats: repeats(run) }).toEqual({ interruptions, repeats: [] });
      expect(run.providers.itemsLeft(run.endedAtMs)).toEqual([]);
      expect(run.providers.userLeft(run.endedAtMs)).toBe(!removeUser);
      for (const { outcome } of run.settled.receipts) expect(['removed', 'alreadyGone', 'skipped']).toContain(outcome);
    }
  },
);

it('nor of a user with Items that were asked for by name', () => {
  for (const interruptions of orders(5)) {
    const run = sweep(chunkPlan(), { items: ITEMS, callMs: 20 }, interruptions, ['item_1', 'item_3']);
    expect(repeats(run)).toEqual([]);
    expect(run.providers.itemsLeft(run.endedAtMs)).toEqual(['item_2']);
    for (const outcome of outcomesOf(run, 'plaid.items')) expect(['removed', 'alreadyGone']).toContain(outcome);
  }
});

const interruption = (kinds: readonly Interruption[]): fc.Arbitrary<Interrupted> =>
  fc.record({
    atCall: fc.integer({ min: 0, max: 9 }),
    by: fc.constantFrom(...kinds),
    lateMs: fc.integer({ min: 0, max: 10_000 }),
  });

const LOSSES: readonly Fault[] = [
  'none',
  'none',
  'none',
  'lostAfterProcessing',
  'lostBeforeProcessing',
  'unreadableAfterProcessing',
  'unavailable',
  'unauthorized',
];

const anyPlan = fc
  .record({ removeUser: fc.boolean(), onFailure: fc.constantFrom('continue' as const, 'stop' as const) })
  .map(chunkPlan);

function script(faults: readonly Fault[], lagMs: number): fc.Arbitrary<ProviderScript> {
  return fc.record({
    items: fc.constant(ITEMS),
    lagsMs: fc.array(fc.integer({ min: 0, max: lagMs }), { minLength: 1, maxLength: 3 }),
    faults: fc.array(fc.constantFrom(...faults), { maxLength: 15 }),
    callMs: fc.integer({ min: 0, max: 1_000 }),
  });
}

it('nothing irreversible goes out twice under losses, kills and freezes in any mixture, when lists do not lag', () => {
  fc.assert(
    fc.property(
      anyPlan,
      script(LOSSES, 0),
      fc.array(interruption(KINDS), { maxLength: 5 }),
      (plan, provider, interruptions) => {
        expect(repeats(sweep(plan, provider, interruptions))).toEqual([]);
      },
    ),
    RUNS,
  );
});

it('an Item whose removal was confirmed never goes out again, in whatever round and however long it stays listed', () => {
  fc.assert(
    fc.property(
      anyPlan,
      script(LOSSES, 20 * LAG_MS),
      fc.array(interruption(['deferred']), { maxLength: 6 }),
      (plan, provider, interruptions) => {
        const { providers } = sweep(plan, provider, interruptions);
        const responded = new Set<string>();
        for (const call of providers.calls.filter(({ task }) => task === 'plaid.userItemsRemove')) {
          for (const id of idsOf(call)) expect(responded).not.toContain(id);
          if (call.response.ok) for (const id of idsOf(call)) responded.add(id);
        }
      },
    ),
    RUNS,
  );
});

it('what was removed in an earlier round is reported removed, and its response is kept', () => {
  for (const atCall of [2, 3]) {
    const run = sweep(chunkPlan(), { items: ITEMS }, [
      { atCall, by: 'deferred' },
      { atCall: 1, by: 'deferred' },
    ]);
    expect(outcomesOf(run, 'plaid.items')).toEqual(['removed']);
    expect(run.receipts).toContainEqual(
      expect.objectContaining({
        step: 'plaid.items',
        outcome: 'removed',
        requestId: 'removal',
        items: expect.arrayContaining([expect.any(String)]) as string[],
      }),
    );
  }
});

it('a step of which an earlier attempt may have sent a call is never called failed or held: something may have changed', () => {
  const faults: readonly Fault[] = ['none', 'none', 'held', 'refused', 'lostAfterProcessing'];
  fc.assert(
    fc.property(
      anyPlan,
      script(faults, 0),
      fc.array(interruption(KINDS), { maxLength: 4 }),
      (plan, provider, interruptions) => {
        const run = sweep(plan, provider, interruptions);
        for (const [step, task] of Object.entries({
          'plaid.items': 'plaid.userItemsRemove',
          'plaid.products': 'plaid.userProductsTerminate',
          'plaid.user': 'plaid.userRemove',
        })) {
          const [outcome, ...others] = outcomesOf(run, step);
          if (others.length > 0 || (outcome !== 'failed' && outcome !== 'held')) continue;
          const done = run.providers.calls.filter(
            (call) => call.task === task && call.atMs >= START_MS && wasDone(run.providers, call),
          );
          expect({ step, outcome, done }).toEqual({ step, outcome, done: [] });
        }
      },
    ),
    RUNS,
  );
});

/** Whether the providers carried a call out, whatever its caller learned. */
function wasDone(providers: SimulatedProviders, { task, response, atMs, input }: SeenCall): boolean {
  if (response.ok) return true;
  if (task === 'plaid.userRemove') return !providers.userLeft(atMs);
  return (
    task === 'plaid.userItemsRemove' &&
    (input.item_ids as string[]).every((id) => !providers.itemsLeft(atMs).includes(id))
  );
}
