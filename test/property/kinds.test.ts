import fc from 'fast-check';
import type { StepResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { LAG_MS, SETTLE_MS } from 'temporal-http-tasks/internal/policy/steps/step';
import { START_MS } from '../unit/policy/drive';
import { courierRun, driveCourier, SimulatedCourier } from '../unit/policy/simulated-courier';
import type { CourierScript } from '../unit/policy/simulated-courier';
import type { Fault, SeenCall } from '../unit/policy/simulated-providers';

const RUNS = { numRuns: 1_000 };

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

const READS = ['courier.listTopics', 'courier.getContact', 'courier.listErasures', 'courier.getErasure'];

const scripts: fc.Arbitrary<CourierScript> = fc.record({
  contact: fc.boolean(),
  topics: fc.subarray([1, 2, 3, 4]),
  devices: fc.subarray(['d_1', 'd_2']),
  pageSize: fc.integer({ min: 1, max: 3 }),
  lagMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 10 * LAG_MS })),
  earlierRequests: fc.integer({ min: 0, max: 2 }),
  requestMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 * 86_400_000 })),
  needsConfirmation: fc.boolean(),
  requestEnds: fc.constantFrom('done' as const, 'rejected' as const, 'notFound' as const),
  faults: fc.array(fc.constantFrom(...FAULTS), { maxLength: 20 }),
  refusedTopics: fc.subarray([1, 4]),
  contactGoneAtMs: fc.oneof(fc.constant(Infinity), fc.integer({ min: START_MS, max: START_MS + 2 * LAG_MS })),
  callMs: fc.integer({ min: 0, max: 3_000 }),
});

interface Run {
  courier: SimulatedCourier;
  steps: StepResult[];
  script: CourierScript;
  endedAtMs: number;
  dryRun: boolean;
}

function holdsForEveryRun(check: (run: Run) => void): void {
  fc.assert(
    fc.property(scripts, fc.boolean(), (script, dryRun) => {
      const courier = new SimulatedCourier(script);
      const { steps, endedAtMs } = driveCourier(courierRun(undefined, { dryRun }), courier);
      check({ courier, steps, script, endedAtMs, dryRun });
    }),
    RUNS,
  );
}

function of(steps: readonly StepResult[], name: string): StepResult[] {
  return steps.filter(({ step }) => step === `courier.${name}`);
}

function isLost({ response }: SeenCall): boolean {
  return !response.ok && ['Task.OutcomeUnknown', 'Task.UnexpectedResponse'].includes(response.failure.type);
}

it('every run ends and has a row for each step', () => {
  holdsForEveryRun(({ steps }) => {
    for (const name of ['topics', 'contact', 'devices', 'erasure', 'archive'])
      expect(of(steps, name).length).toBeGreaterThan(0);
  });
});

it('an item whose removal was confirmed is never sent again, a lost one only after it was listed late enough', () => {
  holdsForEveryRun(({ courier: { calls } }) => {
    const confirmed = new Set<unknown>();
    for (const [index, call] of calls.entries()) {
      if (call.task !== 'courier.leaveTopic') continue;
      const { topic } = call.input;
      expect(confirmed).not.toContain(topic);
      const lost = calls.findLast(
        (one, earlier) => earlier < index && one.task === call.task && one.input.topic === topic && isLost(one),
      );
      if (lost) expect(call.atMs - lost.atMs).toBeGreaterThanOrEqual(SETTLE_MS);
      if (call.response.ok) confirmed.add(topic);
    }
  });
});

it('as many items as are reported removed were sent and are really gone', () => {
  holdsForEveryRun(({ courier, steps }) => {
    const claimed = of(steps, 'topics')
      .filter(({ outcome }) => outcome === 'removed')
      .reduce((sum, { items = 0 }) => sum + items, 0);
    expect(courier.leftAtMs.size + goneWithContact(courier)).toBeGreaterThanOrEqual(claimed);
  });
});

/** Topics whose removal was lost, and which went with the contact. */
function goneWithContact(courier: SimulatedCourier): number {
  const lost = courier.calls.filter((call) => call.task === 'courier.leaveTopic' && isLost(call));
  return new Set(lost.map(({ input }) => input.topic).filter((topic) => !courier.leftAtMs.has(topic as number))).size;
}

it('a contact is reported removed or gone only when it is, and a lost call never ends as not done', () => {
  holdsForEveryRun(({ courier, steps, endedAtMs }) => {
    const [{ outcome } = { outcome: 'skipped' }] = of(steps, 'contact');
    if (outcome === 'removed' || outcome === 'alreadyGone') expect(courier.hasContact(endedAtMs)).toBe(false);
    const lost = courier.calls.some((call) => call.task === 'courier.deleteContact' && isLost(call));
    if (lost) expect(['removed', 'unknown']).toContain(outcome);
  });
});

it('is not removed while topics may be left, and is confirmed and filed no more often than is safe', () => {
  holdsForEveryRun(({ courier: { calls, erasures }, steps, script }) => {
    const bad = of(steps, 'topics').some(({ outcome }) => outcome === 'failed' || outcome === 'unknown');
    if (bad) expect(calls.map(({ task }) => task)).not.toContain('courier.deleteContact');
    expect(calls.filter(({ task }) => task === 'courier.confirmErasure').length).toBeLessThanOrEqual(1);
    expect(erasures.length - (script.earlierRequests ?? 0)).toBeLessThanOrEqual(1);
  });
});

it('a dry run only reads', () => {
  holdsForEveryRun(({ courier: { calls }, dryRun }) => {
    if (dryRun) for (const { task } of calls) expect(READS).toContain(task);
  });
});

it('a hold that is met is reported, and nothing is sent after it', () => {
  holdsForEveryRun(({ courier: { calls }, steps }) => {
    const met = calls.findIndex(({ response }) => !response.ok && response.failure.type === 'Task.Held');
    if (met < 0) return;
    expect(steps.some(({ outcome }) => outcome === 'held' || outcome === 'unknown')).toBe(true);
    for (const { task, response } of calls.slice(met))
      if (!READS.includes(task)) expect(response).toMatchObject({ ok: false, failure: { type: 'Task.Held' } });
  });
});
