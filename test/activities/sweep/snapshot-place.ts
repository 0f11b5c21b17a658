import type { TakeSnapshot } from 'temporal-http-tasks/internal/activities/sweep/contract';
import type { TargetUser } from 'temporal-http-tasks/internal/policy/target-reference';
import type { RowsOptions, Source, SourceRow } from 'temporal-http-tasks/internal/sources/source';
import { runRaw } from '../../ledger/databases';
import { OWN_RUN, canary } from './activity-place';
import type { ActivityPlace } from './activity-place';

export type Rows = (options: RowsOptions) => AsyncIterable<SourceRow>;

/** A source of one's own over rows that a test makes. */
export class TestSource implements Source {
  readonly kind = 'test';
  constructor(readonly rows: (options?: RowsOptions) => AsyncIterable<SourceRow>) {}
  describe(): string {
    return 'a test source';
  }
}

/** Users by number, from behind the position. */
export async function* numbered(
  prefix: string,
  count: number,
  { after }: RowsOptions,
  each: (index: number) => unknown = () => undefined,
): AsyncGenerator<SourceRow> {
  for (let index = after === undefined ? 0 : Number(after) + 1; index < count; index++) {
    await each(index);
    yield { position: String(index), line: index + 1, user: canary(`${prefix}-${index}`) };
  }
}

/** A snapshot of 100,000 users at most. */
export function inputOf(sweepId: string, changes: Partial<TakeSnapshot> = {}): TakeSnapshot {
  return {
    sweepId,
    scheduledTime: '2026-11-23T03:30:00.000Z',
    maxUsers: 100_000,
    badRows: { percent: 50 },
    ...changes,
  };
}

/** What tests of snapshots look at, in a ledger that is opened later. */
export function snapshotsIn(at: () => { place: ActivityPlace; url: string }) {
  /** All users of a sweep, in order. */
  async function usersOf(sweepId: string): Promise<TargetUser[]> {
    const { sweeps } = at().place.ledger;
    const { total } = await sweeps.readSnapshot(sweepId);
    const chunk = { sweepId, chunkId: 'all' };
    const fence = await sweeps.takeFence(chunk);
    const users: TargetUser[] = [];
    for (let from = 0; from < total; from += 250) {
      const wave = await sweeps.openWave({
        ...chunk,
        fence,
        range: { from, to: from + 249 },
        wave: from + 1,
        limit: 250,
        claimedBy: OWN_RUN.firstRunId,
      });
      users.push(...wave.map(({ user }) => user));
    }
    return users;
  }

  async function expectGivenUp(sweepId: string): Promise<void> {
    expect(await at().place.ledger.sweeps.read(sweepId)).toMatchObject({ status: 'failed', readable: false });
    const ids = await runRaw(
      at().url,
      `select ids from target_ids where sweep = (select number from sweeps where sweep_id = '${sweepId}')`,
    );
    expect(ids).toEqual([]);
  }

  return { usersOf, expectGivenUp };
}
