import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { resultOfRun, SWEEP_WORKFLOW, workflowIdsOf } from '../sweep/sweep-run';

/** Maximum number of runs of one workflow ID that are read. Only a schedule or an attacker starts more. */
const MOST_RUNS = 200;

/** The result of a run of `offboardUsers` with the receipts that it sealed. */
export interface SealedResult extends SweepResult {
  merkleRoot: string;
}

/** A run whose result says that it sealed this sweep. */
export interface SealClaim {
  /** The first run of its chain. */
  firstRunId: string;
  result: SealedResult;
}

/** What Temporal knows about the seal of a sweep. */
export interface SweepAnchor {
  /** Every run under the sweep's workflow ID whose result is about this sweep. */
  claims: SealClaim[];
  /** Why Temporal's information may be incomplete; empty when it is complete. */
  notes: string[];
}

/**
 * Reads what the runs under a sweep's workflow ID report about its seal.
 *
 * Reads the run that the row names, the latest one, and every one that the server lists: a row that names a run that
 * does not exist, or a later workflow under the same ID, must not hide the result of the run that did the work.
 */
export async function readAnchor(client: Client, row: Pick<SweepRow, 'sweepId' | 'claimedBy'>): Promise<SweepAnchor> {
  const claims: SealClaim[] = [];
  const notes: string[] = [];
  for (const workflowId of workflowIdsOf(row.sweepId)) {
    const runs = new Map<string, WorkflowExecutionDescription>();
    for await (const run of runsUnder(client, workflowId, row.claimedBy, notes)) runs.set(run.runId, run);
    for (const run of runs.values()) {
      const firstRunId = run.raw.workflowExecutionInfo?.firstRunId ?? '';
      const isNamed = firstRunId === row.claimedBy;
      if (run.type !== SWEEP_WORKFLOW)
        notes.push(`Run ${run.runId} of ${workflowId} is a ${run.type} and has no information about this sweep.`);
      else if (run.status.name === 'CONTINUED_AS_NEW') continue;
      else if (run.status.name === 'RUNNING') notes.push(`Run ${run.runId} of ${workflowId} has not ended.`);
      else {
        const result = await resultOfRun(client, client.workflow.getHandle(workflowId, run.runId)).catch(
          () => undefined,
        );
        if (isSealOf(result, row.sweepId)) claims.push({ firstRunId, result });
        else if (isNamed)
          notes.push(`Run ${run.runId}, which the ledger names, ended (${run.status.name}) without a readable result.`);
      }
    }
  }
  if (claims.length === 0 && notes.length === 0) notes.push('Temporal has no run of this sweep, or no longer has it.');
  return { claims, notes };
}

async function* runsUnder(
  client: Client,
  workflowId: string,
  claimedBy: string | undefined,
  notes: string[],
): AsyncGenerator<WorkflowExecutionDescription> {
  for (let runId = claimedBy; runId !== undefined;) {
    const run = await describe(client, workflowId, runId);
    if (run) yield run;
    runId = run?.status.name === 'CONTINUED_AS_NEW' ? await nextRun(client, workflowId, runId) : undefined;
  }
  const latest = await describe(client, workflowId);
  if (!latest) return;
  yield latest;
  try {
    const query = `WorkflowId = '${workflowId.replace(/[\\']/g, (character) => `\\${character}`)}'`;
    let left = MOST_RUNS;
    for await (const { runId, type, status } of client.workflow.list({ query, pageSize: MOST_RUNS })) {
      if (type !== SWEEP_WORKFLOW || status.name === 'CONTINUED_AS_NEW') continue;
      if ((left -= 1) < 0) {
        notes.push(`Temporal has more than ${MOST_RUNS} runs under ${workflowId}; only these were read.`);
        break;
      }
      const run = await describe(client, workflowId, runId);
      if (run) yield run;
    }
  } catch (error) {
    notes.push(
      `Temporal cannot list the runs under ${workflowId}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function describe(
  client: Client,
  workflowId: string,
  runId?: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId, runId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || isMalformed(error)) return undefined;
    throw error;
  }
}

/** Returns whether the server refused a run ID as malformed instead of not finding it. */
function isMalformed(error: unknown): boolean {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const invalidArgument = 3;
  return [error, cause].some(
    (one) => typeof one === 'object' && one !== null && 'code' in one && one.code === invalidArgument,
  );
}

async function nextRun(client: Client, workflowId: string, runId: string): Promise<string | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    // HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
    historyEventFilterType: 2,
  });
  return history?.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
}

/** Returns whether a result has the form of a seal: a worker can complete a run with any result. */
function isSealOf(result: unknown, sweepId: string): result is SealedResult {
  if (typeof result !== 'object' || result === null) return false;
  const { sweepId: named, merkleRoot, counts } = result as Record<string, unknown>;
  return (
    named === sweepId &&
    typeof merkleRoot === 'string' &&
    /^[0-9a-f]{64}$/.test(merkleRoot) &&
    typeof counts === 'object' &&
    counts !== null
  );
}
