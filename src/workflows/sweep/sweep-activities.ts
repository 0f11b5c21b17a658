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
 * The patch since which a sweep leaves the rate of its input to the activity that opens it. Until the next patch it also
 * planned its chunks within its workflow tasks.
 */
const FEWER_ACTIVITIES = 'fewer-activities-of-a-sweep';

/**
 * The patch since which a sweep has no local activities, and counts its users only after something has happened to them.
 * A query that arrives while a local activity runs can make a history that does not replay, and sweeps are queried often
 * (docs/decisions/0105).
 */
const NO_LOCAL_ACTIVITIES = 'sweeps-without-local-activities';

/** Returns whether the run has no local activities. Checked once, when it begins, so that it does not change its way. */
export function hasNoLocalActivities(): boolean {
  return patched(NO_LOCAL_ACTIVITIES);
}

/** Returns whether the activity that opens the sweep sets the rate of the input. */
export function isRateSetOnOpening(): boolean {
  return patched(NO_LOCAL_ACTIVITIES) || patched(FEWER_ACTIVITIES);
}

/** The sweep of a plan. */
interface PlanningSweep {
  sweepId: string;
  hasNoLocalActivities: boolean;
}

/** Counts the users and plans their next chunks; see `SweepActivities`. */
export function planChunks(
  { sweepId, hasNoLocalActivities: inQueue }: PlanningSweep,
  chunks: Omit<PlanChunks, 'sweepId'>,
): Promise<PlannedChunks> {
  const input = { sweepId, ...chunks };
  return inQueue || !patched(FEWER_ACTIVITIES) ? planInQueue(input) : planWithinTask(input);
}

/** Counts the users and plans nothing. */
export function countUsers(sweep: PlanningSweep): Promise<PlannedChunks> {
  return planChunks(sweep, { chunkSize: 1, limit: 0, fromSeq: 0 });
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
