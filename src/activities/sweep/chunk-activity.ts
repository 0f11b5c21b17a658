import { Context } from '@temporalio/activity';
import { SweepReleasedError, UnknownSweepError } from '../../ledger/sweeps/sweep-errors';
import { retryable } from '../ledger-away';
import { refusal } from '../refusals';
import type { ChunkDependencies } from './chunk-dependencies';
import type { ChunkProgress, SweepActivities } from './contract';
import { refuseOtherEnvironment } from './other-environment';
import { ProcessLimits } from './process-limits';
import { runChunk } from './run-chunk';

/**
 * The activity that off-boards the users of one chunk; see `runChunk`. Cancelled, or when its worker shuts down, it
 * finishes what is in flight and answers how far it came.
 *
 * Fails `Task.LedgerUnavailable` (retried) when the ledger is away at its start, and `Task.InvalidInput` (final) for a
 * sweep that the ledger does not have, whose ids were released, or that was read for another environment of Plaid than
 * this worker's. Nothing is sent then.
 */
export function createChunkActivity(given: Omit<ChunkDependencies, 'limits'>): SweepActivities['httpTasks.runChunk'] {
  const dependencies = { ...given, limits: new ProcessLimits() };
  return async (input) => {
    const activity = Context.current();
    const { users } = input;
    const control = {
      signal: activity.cancellationSignal,
      heartbeat: (progress: ChunkProgress) => activity.heartbeat({ ...progress, ...(users !== undefined && { users }) }),
    };
    try {
      return await retryable(async () => {
        refuseOtherEnvironment(dependencies.services, await dependencies.ledger.sweeps.read(input.sweepId), 'sweepId');
        return runChunk(input, dependencies, control);
      });
    } catch (error) {
      if (error instanceof SweepReleasedError || error instanceof UnknownSweepError) throw refusal('sweepId', error.message);
      throw error;
    }
  };
}
