import type { EndSweep } from 'temporal-http-tasks/internal/activities/sweep/contract';
import type { TargetRow } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import type { ChunkFence } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { settled, sweepOf } from '../../ledger/sweeps/users';
import { canaries } from './activity-place';
import type { ActivityPlace } from './activity-place';

/** What tests of the end of a sweep do at a place that is opened later. */
export function endingAt(place: () => ActivityPlace) {
  async function fenceOf(sweepId: string, chunkId: string): Promise<ChunkFence> {
    return { sweepId, chunkId, fence: await place().ledger.sweeps.takeFence({ sweepId, chunkId }) };
  }

  const close = (sweepId: string, reason: 'deadline' | 'cancelled', signal?: AbortSignal) =>
    place().run('httpTasks.closeTargets', { sweepId, reason }, signal ? { signal } : {});

  const end = (sweepId: string, changes: Partial<EndSweep> = {}) =>
    place().run('httpTasks.endSweep', { sweepId, cancelled: false, notFoundIsFine: false, ...changes });

  const receiptsOf = (sweepId: string) =>
    place().ledger.sweeps.readReceipts({ sweepId, afterSeq: -1, limit: 1_000_000 });

  /** A sweep whose users have come to these outcomes. */
  async function done(
    sweepId: string,
    outcomes: readonly Outcome[],
    rows: readonly TargetRow[] = canaries(sweepId, outcomes.length),
  ): Promise<void> {
    const { sweeps } = place().ledger;
    await sweepOf(sweeps, sweepId, rows);
    const chunk = await fenceOf(sweepId, 'c');
    const users = await sweeps.openWave({ ...chunk, range: { from: 0, to: 999 }, wave: 1, limit: 250 });
    await sweeps.flushWave({ ...chunk, users: users.map((user) => settled(user, outcomes[user.seq])) });
  }

  return { fenceOf, close, end, receiptsOf, done };
}
