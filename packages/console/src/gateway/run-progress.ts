import { WorkflowFailedError } from '@temporalio/client';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure } from '@temporalio/common';
import { OFFBOARDING_FAILED } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { OffboardProgress } from 'temporal-http-tasks/internal/workflows/progress';
import { taskFailureOf } from 'temporal-http-tasks/internal/workflows/failure-of';
import type { WireFailure } from './wire';

/** The fields that lists and descriptions of runs have in common. */
export type Run = Omit<WorkflowExecutionInfo, 'raw'>;

/** Progress or result of a run. */
export type Progress = SweepProgress | SweepResult | OffboardProgress | OffboardResult;

/** Query timeout in milliseconds, so that a worker that does not respond does not delay the page. */
const QUERY_MS = 2_500;

/** The state of a run, or its result. */
export interface RunState {
  /** Progress or result; absent if unknown. */
  progress?: Progress;
  /** Why it ended without a result. */
  failure?: WireFailure;
}

/** Returns the result of a run or its failure, which needs no worker, or else the progress that a worker reports. */
export async function stateOf(client: Client, run: Run): Promise<RunState> {
  const end = await endOf(client, run);
  if (end.progress || run.status.name === 'COMPLETED' || run.status.name === 'FAILED') return end;
  const progress = await askWorker(client, run);
  return { ...(progress && { progress }), ...(end.failure && { failure: end.failure }) };
}

async function endOf(client: Client, { workflowId, runId, status }: Run): Promise<RunState> {
  if (status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW' || status.name === 'PAUSED') return {};
  try {
    const handle = client.workflow.getHandle(workflowId, runId, { followRuns: false });
    return { progress: (await handle.result()) as Progress };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    if (cause instanceof ApplicationFailure && cause.type === OFFBOARDING_FAILED)
      return { progress: cause.details?.[0] as Progress };
    return { failure: failureOf(cause ?? error) };
  }
}

/** Returns what a run failed with, as the run reported it. */
function failureOf(error: Error): WireFailure {
  const task = taskFailureOf(error);
  if (task) {
    const { type, message, code, field } = task;
    return { type, message, ...(code !== undefined && { code }), ...(field !== undefined && { field }) };
  }
  const cause =
    error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? (error.cause ?? error) : error;
  const type = cause instanceof ApplicationFailure ? (cause.type ?? cause.name) : cause.name;
  return { type, message: cause.message };
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
