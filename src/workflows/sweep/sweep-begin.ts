import { ActivityFailure, ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { ChunkPlan } from '../../activities/sweep/contract';
import { claimsOf } from '../../policy/request-claims';
import { DEFAULT_BAD_ROWS, DEFAULT_MAX_USERS } from '../../policy/sweep-input';
import type { CheckedSweepInput } from '../../policy/sweep-input';
import { toTolerance } from '../../policy/tolerance';
import { refusalOrError } from '../failure-of';
import { clearForeignDueDate } from '../search-attributes';
import { openSweep, takeSnapshot } from './sweep-activities';
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
