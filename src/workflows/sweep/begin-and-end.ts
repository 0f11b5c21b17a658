import { ActivityFailure, ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { ChunkPlan } from '../../activities/sweep/contract';
import { OFFBOARDING_FAILED } from '../../policy/offboard-result';
import { claimsOf } from '../../policy/request-claims';
import { DEFAULT_BAD_ROWS, DEFAULT_MAX_USERS, toTolerance } from '../../policy/sweep-input';
import type { CheckedSweepInput } from '../../policy/sweep-input';
import type { SweepResult } from '../../policy/sweep-result';
import { refusalOrError } from '../failure-of';
import { runCompensation } from '../saga';
import { clearForeignDueDate } from '../search-attributes';
import { openSweep, takeSnapshot, closeTargets, endSweep } from './sweep-activities';
import type { SweepState } from './sweep-state';

/** Opens the sweep and takes its snapshot; a refusal reads like one by the schema. */
export async function beginSweep(state: SweepState): Promise<void> {
  const { searchAttributes } = workflowInfo();
  const { input } = state;
  const { snapshot, redriveOf, skipDone = false, batch, compensation, source } = input;
  const request = claimsOf(input);
  try {
    const opened = await openSweep({
      terms: {
        plan: chunkPlan(input),
        needsApproval: input.approval ?? false,
        maxUsers: input.maxUsers ?? DEFAULT_MAX_USERS,
      },
      snapshot,
      redriveOf,
      skipDone,
      compensation,
      rate: input.rate,
      ...(request && { request }),
    });
    state.opened = opened;
    const [nominal] = (searchAttributes.TemporalScheduledStartTime as Date[] | undefined) ?? [];
    const [scheduleId] = (searchAttributes.TemporalScheduledById as string[] | undefined) ?? [];
    const { total, duplicates, rejected, approval, dueAt } = await takeSnapshot({
      sweepId: opened.sweepId,
      source,
      scheduledTime: (nominal ?? new Date(state.startedAtMs)).toISOString(),
      ...(scheduleId !== undefined && { scheduleId }),
      maxUsers: input.maxUsers ?? DEFAULT_MAX_USERS,
      badRows: toTolerance(input.badRows ?? DEFAULT_BAD_ROWS),
      ...(batch?.mode === 'gdpr' && { gdpr: true }),
      ...(batch?.mode === 'both' && { both: true }),
    });
    Object.assign(state, { duplicates, rejected, approvalTerms: approval, dueAt });
    if (dueAt === undefined) clearForeignDueDate(opened.searchAttributes);
    state.counts.total = total;
    state.counts.pending = total;
  } catch (error) {
    throw error instanceof ActivityFailure && error.cause instanceof ApplicationFailure ? refusalOrError(error) : error;
  }
}

/** Returns what the sweep does to every user, in the form that its chunks take. */
export function chunkPlan({
  reason,
  providers,
  include,
  exclude,
  plaid,
  batch,
  dryRun,
  onFailure,
  notFoundIsFine,
  verifyRemovals,
}: CheckedSweepInput): ChunkPlan {
  return {
    reason,
    removeUser: plaid?.removeUser ?? false,
    ...(providers && { providers }),
    ...(include && include.length > 0 && { include }),
    ...(exclude && exclude.length > 0 && { exclude }),
    dryRun: dryRun ?? false,
    onFailure: onFailure ?? 'continue',
    notFoundIsFine: notFoundIsFine ?? false,
    ...(verifyRemovals === 'unsure' && { verifyRemovals }),
    batchMode: batch?.mode === 'skip' ? 'skip' : 'customData',
    options: { plaid: plaid ?? {}, batch: batch ?? {} },
  };
}

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
