import { CancellationScope, defineUpdate } from '@temporalio/workflow';
import { internalActivity } from './internal-activity';

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
