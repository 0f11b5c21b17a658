import type { Client, ScheduleDescription } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { SweepResult } from '../../policy/sweep-result';
import { queryProgress } from '../sweep/sweep-run';
import { timesText } from './times-text';

/** One run that a schedule started. */
export interface ScheduledRun {
  workflowId: string;
  /** ISO 8601: the nominal time, and when it was really started. */
  scheduledAt: string;
  startedAt: string;
  /** A sweep's status; or `terminated`, `timedOut`, and `forgotten` when Temporal has the run no more. */
  status: string;
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
  /** The latest last. */
  lastRuns: ScheduledRun[];
  /** Workflow ids. */
  underWay: string[];
  /** Runs that wait for the one before. */
  waiting: number;
  /** How many were started so far. */
  started: number;
  skippedByOverlap: number;
  missedCatchupWindow: number;
  taskQueue: string;
  input: unknown;
}

/** Everything there is to know about a schedule; the statuses of its last runs are asked for. */
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
        status: await statusOfRun(client, workflow.workflowId),
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

async function statusOfRun(client: Client, workflowId: string): Promise<string> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    const { status } = await handle.describe();
    switch (status.name) {
      case 'RUNNING':
        return await queryProgress(client, handle).then(
          (progress) => progress.status,
          () => 'running',
        );
      case 'COMPLETED':
        return ((await handle.result()) as SweepResult).status;
      case 'CANCELLED':
        return 'cancelled';
      case 'TIMED_OUT':
        return 'timedOut';
      default:
        return status.name.toLowerCase();
    }
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'forgotten';
    throw error;
  }
}
