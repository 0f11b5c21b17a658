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
import { missingService } from './missing-providers';
import { refuseOtherEnvironment } from './other-environment';
import { keepRates } from './own-rates';
import { ProcessLimits } from './process-limits';
import { runChunk } from './run-chunk';
import { planOfSweep } from './sweep-plan';

/** Errors that a retry does not change. */
const FINAL = [SweepReleasedError, UnknownSweepError, SweepNotYoursError, SweepBarredError] as const;

/**
 * Creates the activity that offboards the users of one chunk; see `runChunk`. When it is cancelled, or its worker shuts
 * down, it finishes the calls in flight and returns its progress. It ends `unauthorized`
 * if this worker does not know a provider of the sweep, or has no keys for it.
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
      return await retryable(async (): Promise<ChunkResult> => {
        // Another worker of the queue may have it: the sweep pauses, and no user is left out.
        const service = missingService(sweep, dependencies);
        if (service !== undefined) return { ...NOTHING_DONE, end: 'unauthorized', unauthorized: { service } };
        refuseOtherEnvironment(dependencies, sweep, 'sweepId');
        const { services, policy, ledger } = given;
        const forbidden = await sweepProblemNow(policy, sweep, { services, sweeps: ledger.sweeps });
        // The operator's policy forbids the next users.
        if (forbidden) return { ...NOTHING_DONE, end: 'notAllowed', rule: forbidden.rule };
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

const NOTHING_DONE = { opened: 0, settled: 0, waitingForBulk: 0, deferred: 0, outcomes: {} };
