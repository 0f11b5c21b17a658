import { WorkflowFailedError } from '@temporalio/client';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { OFFBOARDING_FAILED } from '../policy/failure-types';
import type { OffboardResult } from '../policy/offboard-result';
import type { SweepProgress, SweepResult } from '../policy/sweep-result';
import type { OffboardProgress } from '../workflows/queries';

/** Both what a list holds and what a description does. */
export type Run = Omit<WorkflowExecutionInfo, 'raw'>;

/** How a run stands, or how it ended. */
export type Progress = SweepProgress | SweepResult | OffboardProgress | OffboardResult;

/** A worker that does not answer must not hold up the page. */
const QUERY_MS = 2_500;

/** How a run stands: what it ended with, which needs no worker; else what a worker tells of it. */
export async function progressOf(client: Client, run: Run): Promise<Progress | undefined> {
  return (await endOf(client, run)) ?? askWorker(client, run);
}

/** A run that was cancelled or terminated has no result. */
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
    // No worker, or a run of which nothing is left to ask: the line stands without it.
    return undefined;
  }
}
