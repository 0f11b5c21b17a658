import fc from 'fast-check';
import { codeFigures, stepFigures } from '@temporal-http-tasks/evidence/internal/report/figures';
import { PlannedSteps } from '@temporal-http-tasks/evidence/internal/report/planned-steps';
import { overTime } from '@temporal-http-tasks/evidence/internal/report/time-figures';
import { barRows } from '@temporal-http-tasks/evidence/internal/report/plots/bar-rows';
import type { ReceiptGroup, SettledOverTime } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import { OUTCOMES } from 'temporal-http-tasks/internal/policy/outcome';

const group = (changes: Partial<ReceiptGroup>): ReceiptGroup => ({
  phase: 'settled',
  step: 'plaid.items',
  task: 'plaid.userItemsRemove',
  service: 'plaid',
  environment: 'sandbox',
  outcome: 'removed',
  receipts: 1,
  withProof: 0,
  ...changes,
});

/** Of a sweep that an earlier version opened. */
const EARLIER = new PlannedSteps(undefined);

const settledAt = (bucketMs: number, buckets: readonly (readonly [at: number, users: number])[]): SettledOverTime => {
  const start = Date.parse('2030-01-01T00:00:00.000Z');
  const iso = (at: number) => new Date(start + at * bucketMs).toISOString();
  return {
    first: iso(buckets[0]?.[0] ?? 0),
    last: iso(buckets.at(-1)?.[0] ?? 0),
    bucketMs,
    buckets: buckets.map(([at, users]) => ({ at: iso(at), users })),
  };
};

describe('the figures of a report', () => {
  it('combine equal outcomes of a step, in the order of the steps, and count final outcomes only', () => {
    const steps = stepFigures(
      [
        group({ step: 'batch.ios', service: 'batch', outcome: 'accepted', receipts: 5 }),
        group({ step: 'hold', outcome: 'held' }),
        group({ receipts: 3 }),
        group({ receipts: 4, environment: 'production' }),
        group({ receipts: 2, service: 'plaid/acme' }),
        group({ receipts: 100, phase: 'outcome' }),
        group({ receipts: 100, outcome: 'read' }),
      ],
      EARLIER,
    );
    expect(steps).toEqual([
      { step: 'hold', system: '', label: 'hold', tally: { held: 1 } },
      { step: 'plaid.items', system: 'Plaid', label: 'Plaid items', tally: { removed: 7 } },
      { step: 'plaid.items', system: 'Plaid (acme)', label: 'Plaid (acme) items', tally: { removed: 2 } },
      { step: 'batch.ios', system: 'Batch', label: 'Batch ios', tally: { accepted: 5 } },
    ]);
  });

  it('name the most frequent codes and count the others', () => {
    const groups = Array.from({ length: 20 }, (_, index) =>
      group({ outcome: 'failed', code: `C${index}`, receipts: 100 - index }),
    );
    const { shown, others } = codeFigures(
      [
        ...groups,
        group({ outcome: 'failed', various: true, receipts: 200 }),
        group({ outcome: 'notFound', receipts: 999 }),
      ],
      ['failed', 'unknown'],
      EARLIER,
    );
    expect(shown).toHaveLength(12);
    const named = { step: 'plaid.items', system: 'Plaid', label: 'Plaid items' };
    expect(shown.slice(0, 2)).toEqual([
      { ...named, outcome: 'failed', code: 'various codes', receipts: 200 },
      { ...named, outcome: 'failed', code: 'C0', receipts: 100 },
    ]);
    expect(others).toBe(groups.slice(11).reduce((sum, { receipts }) => sum + receipts, 0));
  });

  it('count every user once in at most about sixty stretches of time, whatever the ledger has', () => {
    const lengths = fc.constantFrom(
      100,
      500,
      1_000,
      5_000,
      15_000,
      60_000,
      300_000,
      900_000,
      3_600_000,
      21_600_000,
      86_400_000,
      604_800_000,
    );
    const places = fc.uniqueArray(fc.integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(lengths, places, fc.integer({ min: 1, max: 50 }), (bucketMs, found, users) => {
        const settled = settledAt(
          bucketMs,
          [...found].sort((a, b) => a - b).map((at) => [at, users]),
        );
        const { stretches, total, later, stretchMs } = overTime(settled);
        expect(total).toBe(found.length * users);
        expect(stretches.reduce((sum, stretch) => sum + stretch.users, 0) + later).toBe(total);
        expect(stretches.at(-1)?.sofar).toBe(total - later);
        expect(later).toBeLessThanOrEqual(total * 0.01);
        expect(stretches.length).toBeLessThanOrEqual(62);
        expect(
          stretches.every(
            ({ from, to }, index) => to - from === stretchMs && from === (stretches[index - 1]?.to ?? from),
          ),
        ).toBe(true);
      }),
    );
  });

  it('end the plot before a long tail of few users, and say how many they are', () => {
    const buckets = Array.from({ length: 200 }, (_, at): [number, number] => [at, 10]);
    const { stretches, later, total } = overTime(settledAt(1_000, [...buckets, [1_900, 3]]));
    expect({ later, total }).toEqual({ later: 3, total: 2_003 });
    expect(stretches.length).toBeGreaterThan(30);
  });
});

describe('the bars of a plot', () => {
  it('never leave the plot, and show everything that is there', () => {
    const tallies = fc.record(
      Object.fromEntries(
        OUTCOMES.map((outcome) => [
          outcome,
          fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 10_000_000 })),
        ]),
      ),
    );
    fc.assert(
      fc.property(tallies, fc.constantFrom(340, 960), (tally, width) => {
        const spec = barRows([{ title: 'any', note: '', tally }], width);
        const segments = (spec.data?.[0] as { values: { standing: string; left: number; right: number }[] }).values;
        expect(segments.map(({ standing }) => standing).sort()).toEqual(
          OUTCOMES.filter((outcome) => (tally[outcome] ?? 0) > 0).sort(),
        );
        for (const { left, right } of segments) expect(right - left).toBeGreaterThanOrEqual(2.99);
        if (segments.length > 0) expect(segments.at(-1)?.right).toBeCloseTo(width, 3);
      }),
    );
  });

  it('cut a title that is too long for its line', () => {
    const spec = barRows([{ title: 'W'.repeat(500), note: '12', tally: { failed: 1 } }], 340);
    const [line] = (spec.data?.[1] as { values: { title: string }[] }).values;
    expect(line?.title).toMatch(/^W{5,30}…$/);
  });
});
