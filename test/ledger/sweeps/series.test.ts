import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import { DATABASES, cleanUp, open } from '../databases';

const DAY_MS = 86_400_000;

/** Nights that are over, the last one today. */
function night(number: number): string {
  return new Date(Date.UTC(2026, 2, 27, 2, 30) + number * DAY_MS).toISOString();
}

describe.each(DATABASES)('the series of a Schedule in $name', ({ freshUrl }) => {
  let sweeps: SweepLedger;
  beforeAll(async () => {
    ({ sweeps } = await open(await freshUrl()));
  });
  afterAll(cleanUp);

  /** Runs a night and returns where it read from. */
  async function run(
    series: string,
    number: number,
    { finished = true, scheduledAt = night(number) } = {},
  ): Promise<string | undefined> {
    const sweepId = `${series}-${number}-${Math.random()}`;
    await sweeps.create({ sweepId });
    const previous = await sweeps.joinSeries({ sweepId, series, scheduledAt });
    if (finished) await sweeps.finishInSeries(sweepId);
    return previous;
  }

  it('begins each run where the last finished one before it ended, whatever did not run or finish in between', async () => {
    expect(await run('nightly', 0)).toBeUndefined();
    expect(await run('nightly', 1)).toBe(night(0));
    expect(await run('nightly', 2, { finished: false })).toBe(night(1));
    expect(await run('nightly', 4)).toBe(night(1));
    expect(await run('nightly', 5)).toBe(night(4));
  });

  it('is right for runs that come in another order, or again', async () => {
    for (const number of [4, 1, 3]) await run('backfilled', number);
    expect(await run('backfilled', 2)).toBe(night(1));
    expect(await run('backfilled', 0)).toBeUndefined();
    expect(await run('backfilled', 3)).toBe(night(2));
    expect(await run('backfilled', 5)).toBe(night(4));
  });

  it('is one of several', async () => {
    await run('one', 0);
    expect(await run('other', 1)).toBeUndefined();
  });

  it('does not count a run before its nominal time, as a backfill of the future makes it', async () => {
    await run('future', 0, { scheduledAt: new Date(Date.now() + DAY_MS).toISOString() });
    expect(await run('future', 1, { scheduledAt: new Date(Date.now() + 2 * DAY_MS).toISOString() })).toBeUndefined();
    // A worker's clock may be a little behind.
    await run('clock', 0, { scheduledAt: new Date(Date.now() + 60_000).toISOString() });
    expect(await run('clock', 1, { scheduledAt: new Date(Date.now() + DAY_MS).toISOString() })).toBeDefined();
  });

  it('keeps for a sweep what it found first', async () => {
    await run('kept', 0);
    await sweeps.create({ sweepId: 'kept sweep' });
    const join = () => sweeps.joinSeries({ sweepId: 'kept sweep', series: 'kept', scheduledAt: night(3) });
    expect(await join()).toBe(night(0));
    await run('kept', 2);
    expect(await join()).toBe(night(0));
    await expect(sweeps.joinSeries({ sweepId: 'never', series: 'kept', scheduledAt: night(1) })).rejects.toThrow(
      UnknownSweepError,
    );
    await expect(sweeps.finishInSeries('never')).rejects.toThrow(UnknownSweepError);
  });

  it('has no sweep that no Schedule started', async () => {
    await sweeps.create({ sweepId: 'single' });
    await sweeps.finishInSeries('single');
    expect(await sweeps.read('single')).toMatchObject({ sweepId: 'single' });
  });
});
