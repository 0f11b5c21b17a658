import { Context } from '@temporalio/activity';
import type { WorkLimits } from '../../config/process-settings';
import {
  SweepBarredError,
  SweepNotYoursError,
  SweepReleasedError,
  UnknownSweepError,
} from '../../ledger/sweeps/sweep-errors';
import type { SweepLedger } from '../../ledger/sweeps/sweep-ledger';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { retryable } from '../ledger-away';
import { sweepProblemNow } from '../governed';
import { refusal } from '../refusals';
import type { ChunkDependencies } from './chunk-dependencies';
import type { ChunkInput, ChunkProgress, ChunkResult } from './contract';
import { refuseOtherEnvironment } from './other-environment';
import { keepRates } from './own-rates';
import { ProcessLimits } from './process-limits';
import { runChunk } from './run-chunk';
import { planOfSweep } from './sweep-plan';

/** Errors that a retry does not change. */
const FINAL = [SweepReleasedError, UnknownSweepError, SweepNotYoursError, SweepBarredError] as const;

/**
 * Creates the activity that offboards the users of one chunk; see `runChunk`. When it is cancelled, or its worker shuts
 * down, it finishes the calls in flight and returns its progress.
 *
 * Fails `Task.LedgerUnavailable` (retried) when the ledger is unavailable at its start, and `Task.InvalidInput` (final)
 * for a sweep that the ledger does not have, whose IDs were released, that was read for another environment of Plaid
 * than this worker's, or that lacks an approval or has more users than allowed. Nothing is sent then.
 */
export function createChunkActivity(
  given: Omit<ChunkDependencies, 'limits'> & { ledger: { readonly sweeps: SweepLedger }; workLimits?: WorkLimits },
): (input: ChunkInput, sweep: SweepRow) => Promise<ChunkResult> {
  const dependencies = { ...given, limits: new ProcessLimits(given.workLimits) };
  return async (input, sweep) => {
    const activity = Context.current();
    const { users } = input;
    const control = {
      signal: activity.cancellationSignal,
      heartbeat: (progress: ChunkProgress) => {
        activity.heartbeat({ ...progress, ...(users !== undefined && { users }) });
        keepRates(given.budgets, input.sweepId);
      },
    };
    try {
      return await retryable(async () => {
        refuseOtherEnvironment(dependencies, sweep, 'sweepId');
        const { services, policy, ledger } = given;
        const forbidden = await sweepProblemNow(policy, sweep, { services, sweeps: ledger.sweeps });
        if (forbidden) return nothingDone(forbidden.rule);
        const plan = await planOfSweep(given.ledger.sweeps, sweep, input.plan);
        await given.budgets.keepRatesOf(input.sweepId);
        const { claimedBy, stepsPlan } = sweep;
        return runChunk(
          { ...input, plan, claimedBy, ...(stepsPlan !== undefined && { stepsPlan }) },
          dependencies,
          control,
        );
      });
    } catch (error) {
      if (FINAL.some((type) => error instanceof type)) throw refusal('sweepId', (error as Error).message);
      throw error;
    }
  };
}

/** Returns the result when the operator's policy forbids the next users. */
function nothingDone(rule: string): ChunkResult {
  return { opened: 0, settled: 0, waitingForBulk: 0, deferred: 0, outcomes: {}, end: 'notAllowed', rule };
}
