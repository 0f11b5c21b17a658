import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Client, WorkflowExecutionInfo, WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, defineSearchAttributeKey } from '@temporalio/common';
import { templateId } from 'temporal-http-tasks/internal/operator/start-templates';
import { WORKFLOW_TYPES } from 'temporal-http-tasks/internal/policy/example-inputs';
import { OFFBOARDING_FAILED } from 'temporal-http-tasks/internal/policy/failure-types';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { approveInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import type { OffboardProgress } from 'temporal-http-tasks/internal/workflows/queries';
import { requireConfirmation } from './confirmation';
import { GatewayRefusal } from './http-error';
import { notThere } from './not-there';
import { offboardingPlace } from './offboarding-form';
import { runUrl, withTemporal } from './parts';
import type { GatewayParts } from './parts';
import { readRunReceipts } from './receipts';
import type { Confirmation, RunLine, RunPage } from './wire';
import { placeOfRuns } from './worker-production';

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

/** The examples for the Temporal UI, which are not real runs. */
const EXAMPLES = WORKFLOW_TYPES.map((type) => `'${templateId(type)}'`).join(', ');
/** Excludes runs that a sweep started for its users. */
const OFFBOARDINGS = `WorkflowType IN ('offboardUser', 'offboardUsers') AND ParentWorkflowId IS NULL AND WorkflowId NOT IN (${EXAMPLES})`;
/** Maximum number of latest runs shown; only those in progress are queried. */
const MOST_RUNS = 100;
const UPDATE_MS = 20_000;

/** Returns the latest offboardings and sweeps; those in progress with their progress. */
export async function listRuns(parts: GatewayParts): Promise<RunLine[]> {
  return withTemporal(parts, async ({ client }) => {
    const runs: WorkflowExecutionInfo[] = [];
    for await (const run of client.workflow.list({ query: OFFBOARDINGS, pageSize: MOST_RUNS })) {
      runs.push(run);
      if (runs.length === MOST_RUNS) break;
    }
    return Promise.all(
      runs.map(async (run) =>
        lineOf(parts, run, run.status.name === 'RUNNING' ? await progressOf(client, run) : undefined),
      ),
    );
  });
}

/** Returns one run with its steps. For a run that is in progress or was cancelled, a worker has to report them. */
export async function readRun(
  parts: GatewayParts,
  { workflowId, runId }: { workflowId: string; runId?: string },
): Promise<RunPage> {
  return withTemporal(parts, async ({ client }) => {
    const description = await client.workflow
      .getHandle(workflowId, runId)
      .describe()
      .catch((error: unknown) => notThere(error, workflowId));
    if (!isOffboarding(description.type)) throw new GatewayRefusal(404, 'NotFound', 'This run is not an offboarding.');
    const progress = await progressOf(client, description);
    const line = lineOf(parts, description, progress);
    const receipts = await readRunReceipts(parts.secrets.env, workflowId);
    const kept = receipts && { receipts };
    if (!progress)
      return {
        ...line,
        ...kept,
        steps: [],
        note: 'No worker is available to report on this run; start one with: http-tasks worker',
      };
    return { ...line, ...kept, steps: 'steps' in progress ? progress.steps.map(stepOf) : [] };
  });
}

/** Actions on a sweep in progress. */
export type SweepAction = 'pause' | 'resume' | 'approve';

/** What has to be typed before a sweep may delete users' data. */
const SWEEP = 'offboardUsers';

/** A requested action on a sweep, with its confirmation. */
export interface Steering {
  action: SweepAction;
  argument: Record<string, unknown>;
  confirm: Confirmation;
}

/**
 * Pauses, resumes or approves a sweep; returns its state afterwards. Approving and resuming lead to irreversible calls,
 * so both need the sweep's type typed, and in production the environment's name; pausing needs neither. If the caller
 * names a run, other runs with the same ID are not affected.
 *
 * @throws InvalidInputError, SettingsError, GatewayRefusal: the sweep was not changed.
 */
export async function steerSweep(
  parts: GatewayParts,
  { workflowId, runId }: { workflowId: string; runId?: string },
  { action, argument, confirm }: Steering,
): Promise<RunPage> {
  const approval = action === 'approve' ? parseInput('approve', approveInput, argument) : undefined;
  await withTemporal(parts, async ({ client }) => {
    const handle = client.workflow.getHandle(workflowId, runId);
    const { type, status } = await handle.describe().catch((error: unknown) => notThere(error, workflowId));
    if (type !== SWEEP) throw new GatewayRefusal(409, 'Refused', 'Only a sweep can be paused, resumed or approved.');
    if (status.name !== 'RUNNING')
      throw new GatewayRefusal(
        409,
        'Conflict',
        runId === undefined ? 'This sweep has ended.' : 'This run of the sweep has ended; check the list again.',
      );
    if (action !== 'pause') {
      const { production, environment } = await placeOfRuns(parts, offboardingPlace(parts.secrets.env));
      requireConfirmation({ task: SWEEP, irreversible: true, production, environment }, confirm);
    }
    try {
      await client.withDeadline(Date.now() + UPDATE_MS, () => update(handle, action, approval));
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError)
        throw new GatewayRefusal(409, 'Refused', error.cause?.message ?? error.message);
      throw error;
    }
  });
  return readRun(parts, { workflowId });
}

async function update(handle: WorkflowHandle, action: SweepAction, approval: unknown): Promise<void> {
  // Only an update with an argument can be encrypted.
  if (action === 'resume') await handle.executeUpdate<SweepProgress, [unknown]>(action, { args: [{ by: 'console' }] });
  else if (approval === undefined) await handle.executeUpdate<SweepProgress, []>(action);
  else await handle.executeUpdate<SweepProgress, [unknown]>(action, { args: [approval] });
}

function isOffboarding(type: string): boolean {
  return type === 'offboardUser' || type === 'offboardUsers';
}

function lineOf(parts: GatewayParts, run: Run, progress: Progress | undefined): RunLine {
  const { workflowId, runId, type, startTime, closeTime } = run;
  return {
    workflowId,
    runId,
    type,
    status: progress?.status ?? recordedStatus(run) ?? run.status.name.toLowerCase(),
    startedAt: startTime.toISOString(),
    ...(closeTime && { closedAt: closeTime.toISOString() }),
    ...runUrl(parts, { workflowId, runId }),
    ...(progress && { progress: 'counts' in progress ? ofSweep(progress) : ofUser(progress) }),
  };
}

/** Returns the status that the run recorded last; a terminated or timed-out run could not record its final status. */
function recordedStatus({ status, typedSearchAttributes }: Run): string | undefined {
  if (status.name === 'TERMINATED' || status.name === 'TIMED_OUT') return undefined;
  return typedSearchAttributes.get(defineSearchAttributeKey('OffboardingStatus', 'KEYWORD'));
}

function ofSweep({
  phase,
  pausedBecause,
  approvedBy,
  waitingForBulk = 0,
  counts: { total, ...counts },
}: SweepResult & Partial<SweepProgress>): RunLine['progress'] {
  return {
    total,
    counts,
    ...(waitingForBulk > 0 && { waitingForBulk }),
    ...(phase !== undefined && { phase }),
    ...(pausedBecause !== undefined && { pausedBecause }),
    ...(approvedBy !== undefined && { approvedBy }),
  };
}

function ofUser({ steps }: Pick<OffboardResult, 'steps'>): RunLine['progress'] {
  const counts: Record<string, number> = {};
  for (const { outcome } of steps) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return { counts };
}

function stepOf({
  step,
  task,
  outcome,
  requestId,
  token,
  failure,
  reason,
  items,
}: OffboardResult['steps'][number]): RunPage['steps'][number] {
  const message = failure?.message ?? reason;
  return {
    step,
    outcome,
    ...(task !== undefined && { task }),
    ...(requestId !== undefined && { requestId }),
    ...(token !== undefined && { token }),
    ...(message !== undefined && { message }),
    ...(items !== undefined && { items }),
  };
}
