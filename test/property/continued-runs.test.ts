import fc from 'fast-check';
import type { StepDefinition } from 'temporal-http-tasks';
import { resumeConverging, saveConverging } from 'temporal-http-tasks/internal/policy/converge';
import type { SavedRun } from 'temporal-http-tasks/internal/policy/converge';
import { LAG_MS } from 'temporal-http-tasks/internal/policy/steps/step';
import { COURIER_STEPS } from '../unit/providers/courier';
import { courierRun, driveCourier, SimulatedCourier } from '../unit/policy/simulated-courier';
import type { CourierScript } from '../unit/policy/simulated-courier';
import type { Fault } from '../unit/policy/simulated-providers';

const RUNS = { numRuns: 400 };

const FAULTS: readonly Fault[] = [
  'none',
  'none',
  'none',
  'lostAfterProcessing',
  'lostBeforeProcessing',
  'unreadableAfterProcessing',
  'refused',
  'held',
];

const scripts: fc.Arbitrary<CourierScript> = fc.record({
  topics: fc.subarray([1, 2, 3, 4]),
  devices: fc.subarray(['d_1', 'd_2']),
  pageSize: fc.integer({ min: 1, max: 3 }),
  lagMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 * LAG_MS })),
  earlierRequests: fc.integer({ min: 0, max: 2 }),
  requestMs: fc.integer({ min: 0, max: 86_400_000 }),
  needsConfirmation: fc.boolean(),
  faults: fc.array(fc.constantFrom(...FAULTS), { maxLength: 12 }),
  callMs: fc.integer({ min: 0, max: 3_000 }),
});

/** A run that is stored and continued before some of its moves. */
function drive(steps: readonly StepDefinition[], script: CourierScript, storedAt: readonly number[]) {
  const plan = courierRun(steps);
  const courier = new SimulatedCourier(script);
  const driven = driveCourier(plan, courier, undefined, (state, moves) => {
    if (!storedAt.includes(moves)) return state;
    return resumeConverging(plan, JSON.parse(JSON.stringify(saveConverging(state))) as SavedRun);
  });
  return { ...driven, courier };
}

const moves = fc.array(fc.nat(40), { maxLength: 12 });
const [TOPICS] = COURIER_STEPS as readonly [StepDefinition, ...StepDefinition[]];

it('a run of calls, requests and people that is stored and continued anywhere makes the same calls and ends the same', () => {
  fc.assert(
    fc.property(scripts, moves, (script, storedAt) => {
      const steps = COURIER_STEPS.slice(1).map((step) => ({ ...step, after: [] }));
      const [whole, continued] = [drive(steps, script, []), drive(steps, script, storedAt)];
      expect(continued.steps).toEqual(whole.steps);
      expect(continued.courier.calls).toEqual(whole.courier.calls);
    }),
    RUNS,
  );
});

it('a list that is continued looks first, and never removes again what was confirmed as removed', () => {
  fc.assert(
    fc.property(scripts, moves, (script, storedAt) => {
      const { courier } = drive([TOPICS], script, storedAt);
      const removed = new Set<unknown>();
      for (const { task, input, response } of courier.calls) {
        if (task !== 'courier.leaveTopic') continue;
        expect(removed).not.toContain(input.topic);
        if (response.ok) removed.add(input.topic);
      }
    }),
    RUNS,
  );
});
