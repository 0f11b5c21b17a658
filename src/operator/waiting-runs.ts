import type { WorkflowService } from '@temporalio/client';
import { WAITING_FOR_PERSON } from '../policy/complete-step';

/** Runs that are looked for at a time; where more wait, this number is reported. */
const MOST_RUNS = 1_000;

/** Returns the runs of single users on a task queue that wait for a person. */
export async function findWaitingRuns(
  service: Pick<WorkflowService, 'listWorkflowExecutions'>,
  { namespace, taskQueue }: { namespace: string; taskQueue: string },
): Promise<{ workflowId: string; runId: string }[]> {
  const conditions = [
    "WorkflowType = 'offboardUser'",
    "ExecutionStatus = 'Running'",
    `OffboardingStatus = '${WAITING_FOR_PERSON}'`,
    `TaskQueue = '${taskQueue.replace(/[\\']/g, (character) => `\\${character}`)}'`,
  ];
  const { executions } = await service.listWorkflowExecutions({
    namespace,
    query: conditions.join(' AND '),
    pageSize: MOST_RUNS,
  });
  return executions.flatMap(({ execution }) =>
    execution?.workflowId && execution.runId ? [{ workflowId: execution.workflowId, runId: execution.runId }] : [],
  );
}
