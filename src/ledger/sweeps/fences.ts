import { randomUUID } from 'node:crypto';
import { storable } from '../values';
import { numberOf, orRefused } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepFencedError, SweepSealedError } from './sweep-errors';
import type { ChunkFence } from './sweep-types';

/** See `SweepLedger.takeFence`. */
export async function takeFence(context: SweepContext, chunk: { sweepId: string; chunkId: string }): Promise<number> {
  const sweep = await numberOf(context, chunk.sweepId);
  const chunkId = storable(chunk.chunkId);
  const takenBy = randomUUID();
  const taking = context.store.takeFence(context.db, { sweep, chunkId, takenBy });
  const fence = await orRefused(taking, () => new SweepSealedError(chunk.sweepId));
  if (fence === undefined) throw new SweepFencedError(chunk.chunkId);
  return fence;
}

/** See `SweepLedger.voidOtherFences`: all other chunks get the caller's number, which no process holds for them. */
export async function voidOtherFences(context: SweepContext, { sweepId, chunkId, fence }: ChunkFence): Promise<void> {
  const sweep = await numberOf(context, sweepId);
  await context.db
    .updateTable('sweep_chunks')
    .set({ fence, taken_by: '' })
    .where('sweep', '=', sweep)
    .where('chunk_id', '<>', storable(chunkId))
    // A caller that was itself overtaken must not void newer fences.
    .where('fence', '<', fence)
    .execute();
  await confirmFence(context, { sweepId, chunkId, fence });
}

/**
 * See `SweepLedger.confirmFence`. Uses a write that changes nothing, because a locked or full database still allows
 * reads.
 */
export async function confirmFence(context: SweepContext, { sweepId, chunkId, fence }: ChunkFence): Promise<void> {
  const { numUpdatedRows } = await context.db
    .updateTable('sweep_chunks')
    .set((eb) => ({ taken_by: eb.ref('taken_by') }))
    .where('sweep', '=', await numberOf(context, sweepId))
    .where('chunk_id', '=', storable(chunkId))
    .where('fence', '=', fence)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) throw new SweepFencedError(chunkId);
}
