import { ScheduleNotFoundError, WorkflowFailedError } from '@temporalio/client';
import type { Client, ScheduleDescription, ScheduleHandle, WorkflowHandle } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { CommandFailure, Refusal } from '../program/errors';
import { queryProgress, SWEEP_WORKFLOW } from '../sweep/sweep-run';
import { timesText } from './times';

/** A schedule of sweeps as Temporal has it. */
export interface FoundSchedule {
  handle: ScheduleHandle;
  description: ScheduleDescription;
}

/**
 * Finds a schedule by its name.
 *
 * @throws CommandFailure `NotFound` when there is none, or it starts another workflow.
 */
export async function findSchedule(client: Client, name: string): Promise<FoundSchedule> {
  if (name === '') throw new Refusal('Usage', 'The name of a schedule must not be empty.', 'name');
  const handle = client.schedule.getHandle(name);
  try {
    const description = await handle.describe();
    if (description.action.workflowType === SWEEP_WORKFLOW) return { handle, description };
    throw new CommandFailure('NotFound', `The schedule ${name} starts ${description.action.workflowType}, not sweeps.`);
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    throw new CommandFailure(
      'NotFound',
      `Temporal has no schedule ${name}. Check the name (http-tasks schedule list), TEMPORAL_ADDRESS and ` +
        'TEMPORAL_NAMESPACE.',
    );
  }
}

/** One run that a schedule started. */
export interface ScheduledRun extends RunStatus {
  workflowId: string;
  /** ISO 8601: the nominal time, and when it was really started. */
  scheduledAt: string;
  startedAt: string;
}

/** A schedule as `--json` prints it. */
export interface ScheduleDocument {
  name: string;
  /** Cron expressions and intervals. */
  times: string[];
  timezone: string;
  jitterMs: number;
  overlap: string;
  catchupWindowMs: number;
  pauseOnFailure: boolean;
  paused: boolean;
  note?: string;
  nextRuns: string[];
  /** Latest last. */
  lastRuns: ScheduledRun[];
  /** Workflow IDs. */
  underWay: string[];
  /** Runs that wait for the one before. */
  waiting: number;
  /** Number of runs that were started. */
  started: number;
  skippedByOverlap: number;
  missedCatchupWindow: number;
  taskQueue: string;
  input: unknown;
}

/** Returns everything about a schedule; requests the statuses of its last runs. */
export async function toScheduleDocument(client: Client, description: ScheduleDescription): Promise<ScheduleDocument> {
  const { scheduleId, spec, action, policies, state, info, raw } = description;
  return {
    name: scheduleId,
    times: timesText(spec),
    timezone: spec.timezone || 'UTC',
    jitterMs: spec.jitter ?? 0,
    overlap: (policies.overlap ?? 'SKIP').toLowerCase().replaceAll('_', '-'),
    catchupWindowMs: policies.catchupWindow,
    pauseOnFailure: policies.pauseOnFailure,
    paused: state.paused,
    ...(state.note && { note: state.note }),
    nextRuns: info.nextActionTimes.map((time) => time.toISOString()),
    lastRuns: await Promise.all(
      info.recentActions.map(async ({ scheduledAt, takenAt, action: { workflow } }) => ({
        workflowId: workflow.workflowId,
        scheduledAt: scheduledAt.toISOString(),
        startedAt: takenAt.toISOString(),
        ...(await statusOfRun(client, workflow.workflowId)),
      })),
    ),
    underWay: info.runningActions.map(({ workflow }) => workflow.workflowId),
    waiting: Number(raw.info?.bufferSize ?? 0),
    started: info.numActionsTaken,
    skippedByOverlap: info.numActionsSkippedOverlap,
    missedCatchupWindow: info.numActionsMissedCatchupWindow,
    taskQueue: action.taskQueue,
    input: action.args?.[0],
  };
}

/** The state of a run. */
export interface RunStatus {
  /**
   * A sweep's status; or `terminated`, `timedOut`, `ended` when its result cannot be read here, and `forgotten` when
   * Temporal no longer has the run.
   */
  status: string;
  /** Counts of a sweep that ended, the reason of a pause or of a missing approval, or the first line of a failure. */
  why?: string;
}

/** Returns the state of a run that a schedule started, and why. */
export async function statusOfRun(client: Client, workflowId: string): Promise<RunStatus> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const { status } = await handle.describe();
    switch (status.name) {
      case 'RUNNING':
        return await queryProgress(client, handle).then(
          (progress) => ({
            status: progress.status,
            ...(progress.pausedBecause !== undefined && { why: progress.pausedBecause }),
          }),
          () => ({ status: 'running' }),
        );
      case 'COMPLETED': {
        // With encryption, a machine without the key cannot read it.
        const result = (await handle.result().catch(() => undefined)) as SweepResult | undefined;
        if (result === undefined) return { status: 'ended' };
        const { status, cancelledBecause } = result;
        return { status, why: cancelledBecause ?? countsText(result) };
      }
      case 'FAILED':
        return { status: 'failed', ...(await whyFailed(handle)) };
      case 'CANCELLED':
        return { status: 'cancelled' };
      case 'TIMED_OUT':
        return { status: 'timedOut' };
      default:
        return { status: status.name.toLowerCase() };
    }
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { status: 'forgotten' };
    throw error;
  }
}

const LONGEST_REASON = 300;

async function whyFailed(handle: WorkflowHandle): Promise<Pick<RunStatus, 'why'>> {
  const error: unknown = await handle.result().catch((reason: unknown) => reason);
  const message = error instanceof WorkflowFailedError ? error.cause?.message : undefined;
  const [line = ''] = (message ?? '').split('\n');
  return line === '' ? {} : { why: line.slice(0, LONGEST_REASON) };
}

/** Outcomes that need attention come first; those without users are left out. */
function countsText({ counts, rejected }: SweepResult): string {
  const users = `${counts.total} ${counts.total === 1 ? 'user' : 'users'}`;
  const outcomes = (['failed', 'unknown', 'notFound', 'held', 'skipped'] as const).flatMap((outcome) =>
    counts[outcome] > 0 ? [`${counts[outcome]} ${outcome}`] : [],
  );
  const rows = rejected > 0 ? [`${rejected} ${rejected === 1 ? 'row' : 'rows'} rejected`] : [];
  return [users, ...outcomes, ...rows].join(', ');
}
