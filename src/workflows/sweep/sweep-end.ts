import { ApplicationFailure } from '@temporalio/workflow';
import type { SweepResult } from '../../policy/sweep-result';
import { OFFBOARDING_FAILED } from '../../policy/failure-types';
import { runCompensation } from '../saga';
import { closeTargets, endSweep } from './sweep-activities';
import type { SweepState } from './sweep-state';

/**
 * Ends a sweep: records a final outcome for every user who is left, seals the receipts and records the status in the
 * ledger; then, unless the sweep completed, runs the compensation task with the result as its log.
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
    dueAt,
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
    ...(dueAt !== undefined && { dueAt }),
  };
}

/**
 * Returns the failure of a sweep in which users failed and none succeeded; a Schedule's pause-on-failure applies to it.
 */
export function sweepFailed(result: SweepResult): ApplicationFailure {
  return ApplicationFailure.create({
    type: OFFBOARDING_FAILED,
    message:
      `No user was offboarded: ${result.counts.failed} of ${result.counts.total} users failed and none succeeded. ` +
      `See http-tasks sweep results ${result.sweepId}, fix the cause, then http-tasks sweep redrive ${result.sweepId}.`,
    nonRetryable: true,
    details: [result],
  });
}
