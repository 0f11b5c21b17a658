import { WorkflowFailedError } from '@temporalio/client';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { OFFBOARDING_FAILED } from 'temporal-http-tasks/internal/policy/failure-types';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { OffboardProgress } from 'temporal-http-tasks/internal/workflows/queries';

/** The fields that lists and descriptions of runs have in common. */
export type Run = Omit<WorkflowExecutionInfo, 'raw'>;

/** Progress or result of a run. */
export type Progress = SweepProgress | SweepResult | OffboardProgress | OffboardResult;

/** Query timeout in milliseconds, so that a worker that does not respond does not delay the page. */
const QUERY_MS = 2_500;

/** Returns the result of a run, which needs no worker, or else the progress that a worker reports. */
export async function progressOf(client: Client, run: Run): Promise<Progress | undefined> {
  return (await endOf(client, run)) ?? askWorker(client, run);
}

/** Cancelled and terminated runs have no result. */
async function endOf(client: Client, { workflowId, runId, status }: Run): Promise<Progress | undefined> {
  if (status.name !== 'COMPLETED' && status.name !== 'FAILED') return undefined;
  try {
    return (await client.workflow.getHandle(workflowId, runId, { followRuns: false }).result()) as Progress;
  } catch (error) {
    const cause = error instanceof WorkflowFailedError ? error.cause : undefined;
    return cause instanceof ApplicationFailure && cause.type === OFFBOARDING_FAILED
      ? (cause.details?.[0] as Progress)
      : undefined;
  }
}

async function askWorker(client: Client, { workflowId, runId }: Run): Promise<Progress | undefined> {
  try {
    return await client.withDeadline(Date.now() + QUERY_MS, () =>
      client.workflow.getHandle(workflowId, runId).query<Progress>('progress'),
    );
  } catch {
    // There is no worker, or the run cannot be queried any more; the run is shown without progress.
    return undefined;
  }
}
