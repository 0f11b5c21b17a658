import { BYSTANDERS, openSweepPlace } from '../../support/sweep-runs';
import type { SweepPlace } from '../../support/sweep-runs';
import { freshId } from '../../support/offboarding';
import { until } from '../../support/offboarding-runs';

const KEY = { service: 'plaid', keySlot: '' };

let place: SweepPlace;

beforeAll(async () => {
  place = await openSweepPlace();
  await place.startWorker();
});
afterAll(() => place.close());
beforeEach(() => place.simulators.plaid.reset());

/** When calls arrived that are about one of the users whose IDs begin so, in milliseconds. */
function arrivals(prefix = ''): number[] {
  return place.simulators.plaid
    .calls({ limit: 100_000 })
    .calls.filter(({ user = '' }) => user.startsWith(prefix))
    .map(({ at }) => Date.parse(at))
    .sort((a, b) => a - b);
}

/** The most calls that arrived within so long. */
function mostWithin(times: readonly number[], ms: number): number {
  return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + ms).length));
}

describe.each(['user', 'chunk'] as const)('the rate of a sweep with granularity %s', (granularity) => {
  it('limits its calls, and not those of a live run', async () => {
    const file = await place.users(12, { prefix: `slow-${granularity}` });
    place.simulators.plaid.seed({ users: [{ userId: `live-${granularity}`, items: [`item-live-${granularity}`] }] });
    const handle = await place.start({ source: { file }, granularity, batch: { mode: 'skip' }, rate: 300 });
    await until('it makes calls', () => arrivals(`slow-${granularity}`).length > 3);
    const input = { user: { plaidUserId: `live-${granularity}` }, reason: { code: 'OTHER' } };
    const begun = performance.now();
    const live = await place.client.workflow.execute('offboardUser', {
      taskQueue: place.taskQueue,
      workflowId: freshId('live'),
      args: [input],
    });
    const seconds = (performance.now() - begun) / 1_000;
    expect(live).toMatchObject({ status: 'completed' });
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { total: 12, removed: 12 } });
    const times = arrivals(`slow-${granularity}`);
    expect(times.length).toBeGreaterThan(40);
    // A bucket of five calls, and five more in each second; leases may be used a second late.
    expect(mostWithin(times, 3_000)).toBeLessThanOrEqual(5 + 4 * 5 + 1);
    // In a queue with the sweep's calls it would take as long as all of them.
    expect(seconds).toBeLessThan((times.at(-1)! - times[0]!) / 1_000);
  });
});

it.each(['user', 'chunk'] as const)(
  'the rate of a dry run with granularity %s limits its own reads, and is not stored',
  async (granularity) => {
    const file = await place.users(15, { prefix: `dry-${granularity}` });
    const handle = await place.start({
      source: { file },
      granularity,
      batch: { mode: 'skip' },
      dryRun: true,
      rate: 180,
    });
    await expect(handle.result()).resolves.toMatchObject({ counts: { total: 15, skipped: 15 } });
    const times = arrivals(`dry-${granularity}`);
    expect(times.length).toBeGreaterThanOrEqual(15);
    expect(mostWithin(times, 2_000)).toBeLessThanOrEqual(3 + 2 * 3 + 1);
    expect(await place.ledger.rates.readSweepRates(handle.workflowId)).toEqual([]);
  },
);

describe('a sweep without any limit', () => {
  beforeAll(() => place.ledger.rates.setLimit(KEY));

  it('starts at 10 calls a second, however many chunks it has', async () => {
    const file = await place.users(30, { prefix: 'ramp' });
    const handle = await place.start({ source: { file }, granularity: 'chunk', batch: { mode: 'skip' } });
    await expect(handle.result()).resolves.toMatchObject({ status: 'completed', counts: { total: 30 } });
    const times = arrivals('ramp');
    const first = times[0]!;
    expect(times.filter((at) => at < first + 1_000).length).toBeLessThanOrEqual(15);
    expect(times.filter((at) => at < first + 8_000).length).toBeLessThanOrEqual(95);
    expect(place.simulators.plaid.state().counts.left).toBe(BYSTANDERS);
  });
});
