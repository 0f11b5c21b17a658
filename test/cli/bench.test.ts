import { homedir } from 'node:os';
import { join } from 'node:path';
import { figure, median } from '@temporal-http-tasks/lab/internal/bench/figures';
import type { Figures } from '@temporal-http-tasks/lab/internal/bench/figures';
import { billedActions } from '@temporal-http-tasks/lab/internal/bench/cost/billed-actions';
import { PaceWatch } from '@temporal-http-tasks/lab/internal/bench/sweep/pace';
import { casesOf } from '../support/amount';
import { runLabJson } from './run-cli';

/** With the server that was fetched before. */
const CACHED = { XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache') };

describe('a figure', () => {
  it.each([
    [3, { atMost: 3 }, true],
    [3.0001, { atMost: 3 }, false],
    [3, { atLeast: 3 }, true],
    [2.9999, { atLeast: 3 }, false],
    [Number.NaN, { atMost: 3 }, false],
    [Number.NaN, { atLeast: 3 }, false],
  ])('of %d under %j is ok: %s', (value, limit, ok) => {
    expect(figure(value, 'ms', limit).ok).toBe(ok);
  });

  it('shows three digits and is judged by all of them', () => {
    expect(figure(1234.56, 'ms', { atMost: 1234 })).toEqual({ value: 1230, unit: 'ms', atMost: 1234, ok: false });
  });
});

describe('the median', () => {
  it.each([
    [[5], 5],
    [[9, 1, 5], 5],
    [[4, 1, 9, 2], 3],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('of nothing is refused', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('a pace', () => {
  it('is the same to the end, or falls, or is unknown', async () => {
    const until = async (atMost: number, next: () => void): Promise<void> => {
      for (let step = 0; step < atMost; step += 1) {
        next();
        await jest.advanceTimersByTimeAsync(250);
      }
    };
    jest.useFakeTimers();
    try {
      let count = 0;
      const even = new PaceWatch(() => count);
      await until(100, () => (count += 40));
      expect(even.stop()).toBeCloseTo(1);
      count = 0;
      const tiring = new PaceWatch(() => count);
      await until(50, () => (count += 40));
      await until(100, () => (count += 20));
      expect(tiring.stop()).toBeCloseTo(0.5);
      expect(new PaceWatch(() => count).stop()).toBeNaN();
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('billed actions', () => {
  it('are starts, activities with their retries, timers, messages, two for a child, and one for the markers of a task', () => {
    const marker = (workflowTaskCompletedEventId: number) => ({
      markerRecordedEventAttributes: { workflowTaskCompletedEventId },
    });
    const upsert = (...names: string[]) => ({
      upsertWorkflowSearchAttributesEventAttributes: {
        searchAttributes: { indexedFields: Object.fromEntries(names.map((name) => [name, {}])) },
      },
    });
    const events: [object, number][] = [
      [{ workflowExecutionStartedEventAttributes: {} }, 1],
      [{ workflowTaskScheduledEventAttributes: {} }, 0],
      [{ activityTaskScheduledEventAttributes: {} }, 0],
      [{ activityTaskStartedEventAttributes: { attempt: 3 } }, 3],
      [{ activityTaskCompletedEventAttributes: {} }, 0],
      [{ timerStartedEventAttributes: {} }, 1],
      [{ timerFiredEventAttributes: {} }, 0],
      [{ workflowExecutionSignaledEventAttributes: {} }, 1],
      [{ workflowExecutionUpdateAcceptedEventAttributes: {} }, 1],
      [{ startChildWorkflowExecutionInitiatedEventAttributes: {} }, 2],
      [upsert('TemporalChangeVersion'), 0],
      [upsert('OffboardingStatus', 'TemporalChangeVersion'), 1],
      [marker(4), 1],
      [marker(4), 0],
      [marker(9), 1],
    ];
    const history = events.map(([event]) => event) as Parameters<typeof billedActions>[0];
    expect(billedActions(history)).toBe(events.reduce((sum, [, actions]) => sum + actions, 0));
  });
});

/** Benchmarks, as small as they can be. */
const SMALL = [
  ['cost', '--users', '60'],
  ['limit', '--users', '300'],
  ['start', '--pairs', '1'],
  ['source', '--users', '5000'],
  ['peers', '--users', '100'],
];

describe('npm run bench', () => {
  it.each(casesOf(SMALL, ([what]) => what === 'cost'))('measures %s', async (...args) => {
    const { code, document } = await runLabJson<{ node: string; size: object; figures: Figures }>(
      ['bench', ...args],
      CACHED,
    );
    const { node, size, figures } = document;
    expect(node).toBe(process.version);
    expect(Object.values(size).length).toBeGreaterThan(0);
    expect(Object.keys(figures).length).toBeGreaterThan(3);
    for (const one of Object.values(figures)) expect(one.unit).not.toBe('');
    expect(code).toBe(Object.values(figures).every(({ ok }) => ok) ? 0 : 1);
  });

  it('prints every figure with its unit and one limit, and exits by whether all are ok', async () => {
    const { code, document } = await runLabJson<{ figures: Figures; calls: number }>(
      ['bench', '--users', '3', '--concurrency', '3'],
      CACHED,
    );
    const { figures, calls } = document;
    expect(calls).toBe(6);
    expect(Object.keys(figures)).toEqual(
      expect.arrayContaining([
        'offboardUserLatency',
        'bareLoopLatency',
        'offboardUserThroughput',
        'bareLoopThroughput',
        'workflowBundle',
        'workerStart',
      ]),
    );
    for (const one of Object.values(figures)) {
      expect(one.value).toBeGreaterThan(0);
      expect(one.unit).not.toBe('');
      expect('atMost' in one).not.toBe('atLeast' in one);
    }
    expect(code).toBe(Object.values(figures).every(({ ok }) => ok) ? 0 : 1);
  });

  it('measures a large sweep next to a small one and bare loops, and says which Node.js it was', async () => {
    const { code, document } = await runLabJson<{ node: string; size: object; figures: Figures }>(
      ['bench', 'large', '--users', '300'],
      CACHED,
    );
    const { node, size, figures } = document;
    expect({ node, size }).toEqual({ node: process.version, size: { small: 300, large: 300, bare: 300 } });
    const { memoryGrowth, lateOfEarly, ...others } = figures;
    // So few users are done before their pace can be measured.
    expect(lateOfEarly).toBeDefined();
    expect(memoryGrowth?.value).toBeGreaterThanOrEqual(0);
    expect(Object.keys(others).sort()).toEqual([
      'eventsPerThousandUsers',
      'largeOfSmall',
      'largeSweepOfBareLoop',
      'sealThroughput',
      'smallSweepOfBareLoop',
      'sweepThroughput',
      'workerMemory',
    ]);
    for (const one of Object.values(others)) expect(one.value).toBeGreaterThan(0);
    expect(code).toBe(Object.values(figures).every(({ ok }) => ok) ? 0 : 1);
  });
});
