import { proxyActivities, workflowInfo, CancellationScope, defineUpdate } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { OffboardingActivities } from '../activities/contract';
import type { SweepActivities } from '../activities/sweep/contract';
import { internalQueue } from '../policy/internal-queue';
import type { InternalQueue } from '../policy/internal-queue';

type InternalActivities = OffboardingActivities & SweepActivities;

/**
 * Returns a proxy of one of the package's own activities, on the internal task queue of the run's task queue. The queue
 * is determined at each call, because modules are loaded before a run exists.
 *
 * @param which The queue. @default short
 */
export function internalActivity<N extends keyof InternalActivities>(
  name: N,
  options: ActivityOptions,
  which: InternalQueue = 'short',
): (
  input: Parameters<InternalActivities[N]>[0],
  more?: Pick<ActivityOptions, 'summary'>,
) => ReturnType<InternalActivities[N]> {
  return (input, more) => {
    const taskQueue = internalQueue(workflowInfo().taskQueue, which);
    const activity = proxyActivities<Record<string, (input: unknown) => Promise<unknown>>>({
      ...options,
      ...more,
      taskQueue,
    })[name];
    if (!activity) throw new Error(`No proxy for ${name}.`);
    return activity(input) as ReturnType<InternalActivities[N]>;
  };
}

/** Reads the due date again after an extension, so that the run is found by the new one. Returns it. */
export const refreshDueDateUpdate = defineUpdate<{ dueAt?: string }>('refreshDueDate');

const readDue = internalActivity('httpTasks.readDueDate', {
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'Read the due date',
});

/** Reads the due date of the run's request, or the first of the sweep's. Not cancelled with the run, which waits for it. */
export function readDueDate(sweepId?: string): Promise<{ dueAt?: string }> {
  return CancellationScope.nonCancellable(() => readDue(sweepId === undefined ? {} : { sweepId }));
}
