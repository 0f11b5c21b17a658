import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { SweepActivities } from '../../activities/sweep/contract';

/** A ledger that is away is waited for: nothing may be deleted meanwhile. Refusals are final by the activity's word. */
const RETRY = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' } as const;

/** A statement or two. */
const SHORT = { startToCloseTimeout: '1 minute', retry: RETRY } satisfies ActivityOptions;

/**
 * Work of minutes to hours that tells every few seconds how far it is. A worker that falls silent is given up after the
 * heartbeat time-out; by then its own clock forbids it to send (design: five seconds after the ledger last confirmed it).
 * Told to stop, it hands back how far it came, so it is waited for.
 */
const LONG = {
  heartbeatTimeout: '15 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: RETRY,
} satisfies ActivityOptions;

export const openSweep = proxyActivities<SweepActivities>({ ...SHORT, summary: 'Open the sweep in the ledger' })['httpTasks.openSweep'];

export const takeSnapshot = proxyActivities<SweepActivities>({
  ...LONG,
  startToCloseTimeout: '24 hours',
  summary: 'Read the users into the ledger',
})['httpTasks.takeSnapshot'];

export const planChunks = proxyActivities<SweepActivities>({ ...SHORT, summary: 'See where users are left' })['httpTasks.planChunks'];

/** A chunk begins users for a minute; those under way then may take their calls' whole time-outs. */
export const CHUNK_OPTIONS = { ...LONG, startToCloseTimeout: '15 minutes' } satisfies ActivityOptions;

export const runChunk = proxyActivities<SweepActivities>(CHUNK_OPTIONS)['httpTasks.runChunk'];

export const runBulk = proxyActivities<SweepActivities>(CHUNK_OPTIONS)['httpTasks.runBulk'];

export const closeTargets = proxyActivities<SweepActivities>({
  ...LONG,
  startToCloseTimeout: '6 hours',
  summary: 'Write a last word for everybody who is left',
})['httpTasks.closeTargets'];

export const endSweep = proxyActivities<SweepActivities>({
  ...LONG,
  startToCloseTimeout: '6 hours',
  summary: 'Seal the receipts and delete the ids that nobody needs any more',
})['httpTasks.endSweep'];

export const setSweepStatus = proxyActivities<SweepActivities>({ ...SHORT, summary: 'Write down how the sweep stands' })[
  'httpTasks.setSweepStatus'
];

export const setRate = proxyActivities<SweepActivities>({ ...SHORT, summary: 'Set the limit of calls' })['httpTasks.setRate'];

export const openChildren = proxyActivities<SweepActivities>({ ...SHORT, summary: 'Open the next users' })['httpTasks.openChildren'];

export const recordChildren = proxyActivities<SweepActivities>({ ...SHORT, summary: 'Write down what became of users' })[
  'httpTasks.recordChildren'
];
