import fc from 'fast-check';
import type { BuiltInRun } from 'temporal-http-tasks/internal/providers/built-in';
import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import { LAG_MS, SETTLE_MS } from 'temporal-http-tasks/internal/policy/steps/step';
import { drive, MOST_MOVES, planFor, START_MS } from '../unit/policy/drive';
import type { DrivenRun } from '../unit/policy/drive';
import { SimulatedProviders } from '../unit/policy/simulated-providers';
import type { Fault, ProviderScript, SeenCall } from '../unit/policy/simulated-providers';

const ITEMS = ['item_1', 'item_2', 'item_3'];
const FOREIGN = ['foreign_1', 'foreign_2'];
const READS = ['plaid.userItemsGet', 'batch.gdprRequestGet'];
const RUNS = { numRuns: 2_000 };

const FAULTS: readonly Fault[] = [
  'none',
  'none',
  'none',
  'lostAfterProcessing',
  'lostBeforeProcessing',
  'unreadableAfterProcessing',
  'unreadableBeforeProcessing',
  'refused',
  'unauthorized',
  'unavailable',
  'held',
];

/** Faults that the machine is made to get over; the others end a step. */
const TRANSIENT: readonly Fault[] = FAULTS.slice(0, 7);

const lagMs = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: LAG_MS }),
  fc.integer({ min: LAG_MS, max: 10 * LAG_MS }),
);

const otherActor = fc.record({
  atMs: fc.integer({ min: START_MS, max: START_MS + 2 * LAG_MS }),
  removes: fc.oneof(
    { weight: 3, arbitrary: fc.record({ item: fc.constantFrom(...ITEMS) }) },
    { weight: 1, arbitrary: fc.constant('user' as const) },
  ),
});

function scripts(faults: readonly Fault[]): fc.Arbitrary<ProviderScript> {
  return fc.record({
    items: fc.option(fc.subarray(ITEMS), { nil: undefined, freq: 10 }),
    foreignItems: fc.constant(FOREIGN),
    lagsMs: fc.array(lagMs, { minLength: 1, maxLength: 3 }),
    copiesBehindMs: fc.array(fc.constantFrom(0, 5_000, 86_400_000), { minLength: 1, maxLength: 3 }),
    faults: fc.array(fc.constantFrom(...faults), { maxLength: 12 }),
    lastFaultStays: fc.boolean(),
    refusesRemovals: fc.boolean(),
    lateMs: fc.integer({ min: 0, max: SETTLE_MS }),
    callMs: fc.integer({ min: 0, max: 3_000 }),
    others: fc.array(otherActor, { maxLength: 2 }),
    gdprMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 * 86_400_000 })),
    gdprError: fc.constantFrom(undefined, 'User not found', 'Something broke'),
  });
}

const plans: fc.Arbitrary<BuiltInRun> = fc
  .record({
    plaidUser: fc.constantFrom({ user_id: 'usr_1' }, { user_token: 'user-sandbox-1' }, undefined),
    itemIds: fc.option(fc.subarray([...ITEMS, ...FOREIGN], { minLength: 1 }), { nil: undefined }),
    removeUser: fc.boolean(),
    batchMode: fc.constantFrom('customData' as const, 'gdpr' as const, 'skip' as const),
    batchApps: fc.subarray(['ios', 'android'], { minLength: 1 }),
    onFailure: fc.constantFrom('continue' as const, 'stop' as const),
    notFoundIsFine: fc.boolean(),
    dryRun: fc.boolean(),
    known: fc.record({
      steps: fc.subarray(['plaid.items', 'batch.ios']),
      hadItems: fc.boolean(),
      itemIds: fc.subarray(ITEMS),
    }),
  })
  .map(planFor);

interface Run extends DrivenRun {
  plan: BuiltInRun;
  script: ProviderScript;
  providers: SimulatedProviders;
  calls: readonly SeenCall[];
  removals: readonly SeenCall[];
}

function run(plan: BuiltInRun, script: ProviderScript): Run {
  const providers = new SimulatedProviders(script);
  const driven = drive(plan, providers);
  const { calls } = providers;
  return {
    ...driven,
    plan,
    script,
    providers,
    calls,
    removals: calls.filter(({ task }) => task === 'plaid.userItemsRemove'),
  };
}

function holdsForEveryRun(check: (run: Run) => void, faults: readonly Fault[] = FAULTS): void {
  fc.assert(
    fc.property(plans, scripts(faults), (plan, script) => check(run(plan, script))),
    RUNS,
  );
}

function idsOf({ input }: SeenCall): string[] {
  return input.item_ids as string[];
}

it('every run ends by itself or at its deadline, and one without a GDPR request within an hour', () => {
  holdsForEveryRun(({ moves, endedAtMs, plan, script }) => {
    expect(moves).toBeLessThan(MOST_MOVES);
    const slowestCallsMs = moves * (script.callMs ?? 0);
    if (plan.batchMode !== 'gdpr') expect(endedAtMs - START_MS - slowestCallsMs).toBeLessThan(3_600_000);
  });
});

it('an Item whose removal was confirmed is never sent again', () => {
  holdsForEveryRun(({ removals }) => {
    const responded = new Set<string>();
    for (const removal of removals) {
      for (const id of idsOf(removal)) expect(responded).not.toContain(id);
      if (removal.response.ok) for (const id of idsOf(removal)) responded.add(id);
    }
  });
});

it('an Item whose response was lost is sent again only after a list that still has it, and not before the time to settle', () => {
  holdsForEveryRun(({ calls }) => {
    for (const [index, again] of calls.entries()) {
      if (again.task !== 'plaid.userItemsRemove') continue;
      for (const id of idsOf(again)) {
        const lostIndex = calls.findLastIndex(
          (call, earlier) => earlier < index && isLost(call) && idsOf(call).includes(id),
        );
        if (lostIndex < 0) continue;
        const look = calls
          .slice(lostIndex, index)
          .findLast(({ task, response }) => task === 'plaid.userItemsGet' && response.ok);
        expect(listedBy(look)).toContain(id);
        expect(look!.atMs - calls[lostIndex]!.atMs).toBeGreaterThanOrEqual(SETTLE_MS);
      }
    }
  });
});

function isLost({ task, response }: SeenCall): boolean {
  return (
    task === 'plaid.userItemsRemove' &&
    !response.ok &&
    ['Task.OutcomeUnknown', 'Task.UnexpectedResponse'].includes(response.failure.type)
  );
}

function listedBy(look: SeenCall | undefined): string[] {
  const response = look?.response;
  return response?.ok ? (response.output as { items: { item_id: string }[] }).items.map(({ item_id }) => item_id) : [];
}

it('as many Items as are reported removed are really gone, and were sent', () => {
  holdsForEveryRun(({ steps, removals, providers, endedAtMs }) => {
    const reported = steps.filter(({ step, outcome }) => step === 'plaid.items' && outcome === 'removed');
    const claimed = reported.reduce((sum, { items = 0 }) => sum + items, 0);
    const left = providers.itemsLeft(endedAtMs);
    const sentAndGone = new Set(removals.flatMap(idsOf).filter((id) => !left.includes(id)));
    expect(sentAndGone.size).toBeGreaterThanOrEqual(claimed);
  });
});

it('a user is reported removed only when gone', () => {
  holdsForEveryRun(({ steps, providers, endedAtMs }) => {
    if (
      !steps.some(({ step, outcome }) => step === 'plaid.user' && (outcome === 'removed' || outcome === 'alreadyGone'))
    )
      return;
    expect(providers.userLeft(endedAtMs)).toBe(false);
  });
});

it('a run that changes things is completed only when nothing asked for is left', () => {
  holdsForEveryRun(({ status, plan, providers, endedAtMs }) => {
    if (status !== 'completed' || plan.dryRun || !plan.plaidUser) return;
    const left = providers.itemsLeft(endedAtMs);
    expect(left.filter((id) => plan.itemIds?.includes(id) ?? true)).toEqual([]);
    const foreign = plan.itemIds?.filter((id) => FOREIGN.includes(id)) ?? [];
    if (!plan.notFoundIsFine) expect(foreign).toEqual([]);
  });
});

it("no Item is ever sent that is another user's or was not asked for", () => {
  holdsForEveryRun(({ removals, plan, script }) => {
    for (const id of removals.flatMap(idsOf)) {
      expect(script.items).toContain(id);
      if (plan.itemIds) expect(plan.itemIds).toContain(id);
    }
  });
});

it('a dry run only reads', () => {
  holdsForEveryRun(({ plan, calls }) => {
    if (!plan.dryRun) return;
    for (const { task } of calls) expect(READS).toContain(task);
  });
});

it('faults that pass do not keep Items of a living user from being removed, unless lists lag for more than a minute', () => {
  fc.assert(
    fc.property(scripts(TRANSIENT), fc.array(fc.constantFrom(...TRANSIENT), { maxLength: 4 }), (script, faults) => {
      const calm = {
        ...script,
        items: ITEMS,
        others: [],
        faults,
        lastFaultStays: false,
        refusesRemovals: false,
        copiesBehindMs: [0],
        lagsMs: (script.lagsMs ?? []).map((lag) => lag % 30_000),
      };
      const { steps, providers, endedAtMs } = run(planFor({ batchMode: 'skip' }), calm);
      const blind = calm.faults.some(
        (fault, index) => fault.startsWith('lost') && providers.calls[index]?.task === 'plaid.userItemsGet',
      );
      if (blind) return;
      expect(providers.itemsLeft(endedAtMs)).toEqual([]);
      expect(steps.filter(({ step }) => step === 'plaid.items').every(({ outcome }) => isGood(outcome))).toBe(true);
    }),
    RUNS,
  );
});

it('each configured step is reported at least once, whatever happens', () => {
  holdsForEveryRun(({ steps, plan }) => {
    const reported = new Set(steps.map(({ step }) => step));
    expect(reported).toContain('plaid.items');
    expect(reported).toContain('plaid.products');
    expect(reported.has('plaid.user')).toBe(plan.removeUser);
    const apps = plan.batchMode === 'skip' ? ['batch'] : plan.batchApps.map((app) => `batch.${app}`);
    for (const app of apps) expect(reported).toContain(app);
  });
});

it('a hold that is met is reported, and what was sent before it and got no response stays unknown', () => {
  holdsForEveryRun(({ calls, steps, status, plan }) => {
    const met = calls.find(({ response }) => !response.ok && response.failure.type === 'Task.Held');
    if (!met) return;
    const reported = steps.filter(({ step }) => step === stepOf(met)).map(({ outcome }) => outcome);
    expect(reported.some((outcome) => outcome === 'held' || outcome === 'unknown')).toBe(true);
    if (!reported.includes('unknown')) expect(status).toBe('held');
    const removed = calls
      .filter(({ task, response }) => task === 'plaid.userItemsRemove' && response.ok)
      .flatMap(idsOf);
    if (removed.length > 0 && plan.plaidUser)
      expect(
        steps.some(({ step, outcome }) => step === 'plaid.items' && (isGood(outcome) || outcome === 'unknown')),
      ).toBe(true);
  });
});

/** The step that a changing call belongs to. */
function stepOf({ task, input }: SeenCall): string {
  const steps: Record<string, string> = {
    'plaid.userItemsRemove': 'plaid.items',
    'plaid.userProductsTerminate': 'plaid.products',
    'plaid.userRemove': 'plaid.user',
  };
  return steps[task] ?? `batch.${String(input.app)}`;
}

it('a call that was lost once never ends as not done: only a response or a check could show that', () => {
  holdsForEveryRun(({ calls, steps, plan }) => {
    const lost = calls
      .filter(({ task, response }) => !READS.includes(task) && !response.ok && mayBeDone(response.failure.type))
      .map(stepOf);
    // Items are distinguished one by one, and a GDPR request is followed to its own end.
    const single = lost.filter(
      (step) => step !== 'plaid.items' && !(plan.batchMode === 'gdpr' && step.startsWith('batch.')),
    );
    for (const { step, outcome } of steps)
      if (single.includes(step)) expect(['removed', 'accepted', 'alreadyGone', 'unknown']).toContain(outcome);
  });
});

function mayBeDone(type: string): boolean {
  return type === 'Task.OutcomeUnknown' || type === 'Task.UnexpectedResponse';
}
