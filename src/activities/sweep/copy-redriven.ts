import { SnapshotMovedError } from '../../ledger/sweeps/sweep-errors';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { SnapshotState } from '../../ledger/sweeps/sweep-types';

/** Number of users copied in one statement. */
const BLOCK_USERS = 2_000;

/** Copies the failed and unknown users of the sweep that is redriven; continues where an earlier attempt stopped. */
export async function copyRedriven(
  sweeps: SweepLedger,
  sweepId: string,
  {
    signal,
    onProgress,
    leaveRequests,
  }: { signal: AbortSignal; onProgress: (state: SnapshotState) => void; leaveRequests: boolean },
): Promise<SnapshotState> {
  for (;;) {
    signal.throwIfAborted();
    const state = await copyBlock(sweeps, sweepId, leaveRequests);
    onProgress(state);
    if (state.complete) return state;
  }
}

/**
 * Another attempt, or this call itself if its response was lost, may have changed the snapshot: its current state is
 * used then.
 */
async function copyBlock(sweeps: SweepLedger, sweepId: string, leaveRequests: boolean): Promise<SnapshotState> {
  try {
    return await sweeps.appendRedriven({ sweepId, limit: BLOCK_USERS, leaveRequests });
  } catch (error) {
    if (error instanceof SnapshotMovedError) return sweeps.readSnapshot(sweepId);
    throw error;
  }
}
