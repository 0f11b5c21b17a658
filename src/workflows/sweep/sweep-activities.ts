import {
  ActivityCancellationType,
  ActivityFailure,
  isCancellation,
  patched,
  proxyLocalActivities,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { ActivityOptions, CancellationScope } from '@temporalio/workflow';
import type { PlanChunks, PlannedChunks, SweepActivities } from '../../activities/sweep/contract';
import { internalActivity } from '../internal-activity';

/**
 * A ledger that is unavailable is waited for: nothing may be deleted meanwhile. The activity decides which failures are
 * final.
 */
const RETRY = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' } as const;

/** For one or two statements. */
const SHORT = { startToCloseTimeout: '1 minute', retry: RETRY } satisfies ActivityOptions;

/**
 * For work of minutes to hours, with heartbeats of its progress. A worker that stops sending them is given up after the
 * heartbeat timeout; by then its own clock forbids it to send calls (five seconds after the ledger last confirmed it).
 * A cancelled activity returns its progress, so the workflow waits for it.
 */
const LONG = {
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: RETRY,
} satisfies ActivityOptions;

export const openSweep = internalActivity('httpTasks.openSweep', { ...SHORT, summary: 'Open the sweep in the ledger' });

export const takeSnapshot = internalActivity('httpTasks.takeSnapshot', {
  ...LONG,
  startToCloseTimeout: '24 hours',
  summary: 'Read the users into the ledger',
});

const PLAN = { ...SHORT, summary: 'Plan the next chunks' };

const planInQueue = internalActivity('httpTasks.planChunks', PLAN);

const { 'httpTasks.planChunks': planWithinTask } = proxyLocalActivities<SweepActivities>({
  ...PLAN,
  // A longer pause is a timer, so that a ledger that is unavailable for long does not fill the history.
  localRetryThreshold: '10 seconds',
});

/**
 * The patch since which a sweep plans its chunks within its workflow tasks, and leaves the rate of its input to the
 * activity that opens it. Temporal Cloud bills each activity, and the local ones of a workflow task together.
 */
const FEWER_ACTIVITIES = 'fewer-activities-of-a-sweep';

/** Returns whether the run began with fewer activities. */
export function hasFewerActivities(): boolean {
  return patched(FEWER_ACTIVITIES);
}

/** Counts the users and plans their next chunks; see `SweepActivities`. */
export function planChunks(input: PlanChunks): Promise<PlannedChunks> {
  return hasFewerActivities() ? planWithinTask(input) : planInQueue(input);
}

/** A chunk begins users for at most five minutes; those in progress may then take the full timeouts of their calls. */
const CHUNK = { ...LONG, startToCloseTimeout: '15 minutes' } satisfies ActivityOptions;

export const runChunk = internalActivity('httpTasks.runChunk', CHUNK, 'chunks');

export const runBulk = internalActivity('httpTasks.runBulk', CHUNK, 'chunks');

export const closeTargets = internalActivity('httpTasks.closeTargets', {
  ...LONG,
  startToCloseTimeout: '6 hours',
  summary: 'Record a final outcome for every user who is left',
});

export const endSweep = internalActivity('httpTasks.endSweep', {
  ...LONG,
  startToCloseTimeout: '6 hours',
  summary: 'Seal the receipts and delete IDs that are no longer needed',
});

export const setSweepStatus = internalActivity('httpTasks.setSweepStatus', {
  ...SHORT,
  summary: "Record the sweep's status",
});

export const setRate = internalActivity('httpTasks.setRate', { ...SHORT, summary: 'Set the rate limit' });

export const recordUpdate = internalActivity('httpTasks.recordUpdate', { ...SHORT, summary: 'Record the update' });

export const openChildren = internalActivity('httpTasks.openChildren', { ...SHORT, summary: 'Open the next users' });

export const recordChildren = internalActivity('httpTasks.recordChildren', {
  ...SHORT,
  summary: 'Record the outcomes of users',
});

/** The patch since which a sweep that has to stop survives the loss of the worker that it cancelled. */
const STOP_OUTLIVES_WORKER = 'stop-outlives-worker';

/**
 * Whether an activity ended because its scope was cancelled: by a pause, a refused key, or the cancellation of the sweep.
 *
 * A worker that dies after its cancellation cannot confirm it. The server then times the activity out and does not
 * retry it, so that it looks like a failure. Whatever that worker had begun is open in the ledger and is settled as after
 * any lost worker.
 */
export function endedByStop(error: unknown, scope: CancellationScope): boolean {
  if (isCancellation(error)) return true;
  const timedOut = error instanceof ActivityFailure && error.cause instanceof TimeoutFailure;
  return timedOut && scope.consideredCancelled && patched(STOP_OUTLIVES_WORKER);
}
