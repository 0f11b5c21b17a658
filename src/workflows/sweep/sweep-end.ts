import { ApplicationFailure } from '@temporalio/workflow';
import type { SweepResult } from '../../policy/sweep-result';
import { OFFBOARDING_FAILED } from '../../policy/failure-types';
import { runCompensation } from '../saga';
import { closeTargets, endSweep } from './sweep-activities';
import type { SweepState } from './sweep-state';

/**
 * Brings a sweep to its end: a last word for everybody who is left, the seal, the status in the ledger; then, unless it
 * completed, the compensation task with the result as its log.
 */
export async function endOfSweep(state: SweepState, cancelled: boolean): Promise<SweepResult> {
  const { input, opened } = state;
  if (!opened) {
    state.ended = { status: 'cancelled' };
    return resultOf(state);
  }
  const { sweepId } = opened;
  if (cancelled) await closeTargets({ sweepId, reason: 'cancelled' });
  const { status, counts, merkleRoot } = await endSweep({
    sweepId,
    cancelled,
    notFoundIsFine: input.notFoundIsFine ?? false,
  });
  state.count({ counts, waitingForBulk: 0, failed: counts.failed + counts.unknown });
  state.nextTryAtMs = undefined;
  state.pausedBecause = undefined;
  state.ended = { status, merkleRoot };
  if (!input.compensation || input.dryRun || status === 'completed') return resultOf(state);
  const compensationTask = await runCompensation(input.compensation, resultOf(state));
  state.ended = { status, merkleRoot, compensationTask };
  return resultOf(state);
}

function resultOf(state: SweepState): SweepResult {
  const {
    sweepId,
    status,
    counts,
    duplicates,
    rejected,
    merkleRoot,
    redriveOf,
    approvedBy,
    compensationTask,
    cancelledBecause,
  } = state.progress();
  return {
    sweepId,
    status,
    counts,
    duplicates,
    rejected,
    ...(merkleRoot !== undefined && { merkleRoot }),
    ...(redriveOf !== undefined && { redriveOf }),
    ...(approvedBy !== undefined && { approvedBy, ...(state.approvalTerms && { approvalSigned: true as const }) }),
    ...(compensationTask !== undefined && { compensationTask }),
    ...(cancelledBecause !== undefined && { cancelledBecause }),
  };
}

/** The failure of a sweep in which users failed and none came to a good end; a Schedule's pause-on-failure sees it. */
export function sweepFailed(result: SweepResult): ApplicationFailure {
  return ApplicationFailure.create({
    type: OFFBOARDING_FAILED,
    message:
      `Nobody was off-boarded: ${result.counts.failed} of ${result.counts.total} users failed and none came to a good end. ` +
      `See http-tasks sweep results ${result.sweepId}, mend the cause, then http-tasks sweep redrive ${result.sweepId}.`,
    nonRetryable: true,
    details: [result],
  });
}
