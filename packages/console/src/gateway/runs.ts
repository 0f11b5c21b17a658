import type { WorkflowHandle } from '@temporalio/client';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import { approveInput, setRateInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import { DUE_ATTRIBUTE } from 'temporal-http-tasks/internal/policy/search-attributes';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { requireConfirmation } from './confirmation';
import { GatewayRefusal } from './http-error';
import { offboardingPlace } from './offboarding-form';
import { refuseUnknownRun, runUrl, withTemporal } from './parts';
import type { GatewayParts } from './parts';
import { countUsers, readRunLedger } from './run-ledger';
import { findRuns } from './run-list';
import type { RunFilter } from './run-list';
import { stateOf } from './run-progress';
import type { Progress, Run } from './run-progress';
import { readSweepFacts } from './sweep-facts';
import type { Confirmation, RunLine, RunList, RunPage } from './wire';
import { placeOfRuns } from './workers';

const UPDATE_MS = 20_000;

/**
 * Returns one page of offboardings, sweeps and single calls, newest first. Workers report the progress of offboardings in
 * progress; the ledger has that of other sweeps.
 */
export async function listRuns(parts: GatewayParts, filter: RunFilter): Promise<RunList> {
  return withTemporal(parts, async ({ client }) => {
    const { runs, next } = await findRuns(client, filter);
    const reported = await Promise.all(
      runs.map(async (run) => {
        const isAsked = run.status.name === 'RUNNING' && isOffboarding(run.type);
        return { run, progress: isAsked ? (await stateOf(client, run)).progress : undefined };
      }),
    );
    const users = await countUsers(
      parts.secrets.env,
      reported.flatMap(({ run, progress }) => (run.type === SWEEP && !progress ? [run.workflowId] : [])),
    );
    const lines = reported.map(({ run, progress }) =>
      lineOf(parts, run, { progress, users: users.get(run.workflowId) }),
    );
    return { runs: lines, ...(next !== undefined && { next }) };
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
      .catch((error: unknown) => refuseUnknownRun(error, workflowId));
    if (!isOffboarding(description.type)) throw new GatewayRefusal(404, 'NotFound', 'This run is not an offboarding.');
    const { progress, failure } = await stateOf(client, description);
    const { page, users, source } = await readRunLedger(parts.secrets.env, workflowId);
    const sweep = description.type === SWEEP ? await readSweepFacts(client, description, source) : undefined;
    const note = progress || failure ? undefined : noteOn(description);
    return {
      ...lineOf(parts, description, { progress, users }),
      ...page,
      ...(sweep && { sweep }),
      ...(failure && { failure }),
      ...(progress && 'toSign' in progress && progress.toSign && { toSign: progress.toSign }),
      ...(note !== undefined && { note }),
      steps: progress && 'steps' in progress ? progress.steps.map(stepOf) : [],
    };
  });
}

/** Why nothing is known about a run that reported neither progress nor a failure. */
function noteOn({ status }: Run): string | undefined {
  switch (status.name) {
    case 'RUNNING':
      return 'No worker is available to report on this run; start one with: http-tasks worker';
    case 'CONTINUED_AS_NEW':
      return 'The run continued as a new one with the same ID; that one is in the list.';
    default:
      return undefined;
  }
}

/** Actions on a sweep in progress; an offboarding of one user can only be cancelled. */
export type SweepAction = 'pause' | 'resume' | 'approve' | 'cancel' | 'rate';

/** What has to be typed before a sweep may delete users' data. */
const SWEEP = 'offboardUsers';
/** Actions that lead to irreversible calls. */
const CONFIRMED: readonly SweepAction[] = ['approve', 'resume'];

/** A requested action on a sweep, with its confirmation. */
export interface Steering {
  action: SweepAction;
  argument: Record<string, unknown>;
  confirm: Confirmation;
}

/**
 * Pauses, resumes, approves or cancels a sweep or sets its rate; returns its state afterwards. Approving and resuming lead
 * to irreversible calls, so both need the sweep's type typed, and in production the environment's name; the others do not. If the caller
 * names a run, other runs with the same ID are not affected.
 *
 * @throws InvalidInputError, SettingsError, GatewayRefusal: the sweep was not changed.
 */
export async function steerSweep(
  parts: GatewayParts,
  { workflowId, runId }: { workflowId: string; runId?: string },
  { action, argument, confirm }: Steering,
): Promise<RunPage> {
  const checked =
    action === 'approve'
      ? parseInput('approve', approveInput, argument)
      : action === 'rate'
        ? parseInput('setRate', setRateInput, argument)
        : undefined;
  await withTemporal(parts, async ({ client }) => {
    const handle = client.workflow.getHandle(workflowId, runId);
    const { type, status } = await handle.describe().catch((error: unknown) => refuseUnknownRun(error, workflowId));
    if (type !== SWEEP && !(action === 'cancel' && isOffboarding(type)))
      throw new GatewayRefusal(409, 'Refused', 'Only a sweep can be paused, resumed, approved or given a rate.');
    if (status.name !== 'RUNNING')
      throw new GatewayRefusal(
        409,
        'Conflict',
        runId === undefined ? 'This run has ended.' : 'This run has ended; check the list again.',
      );
    if (CONFIRMED.includes(action)) {
      const { production, environment } = await placeOfRuns(parts, offboardingPlace(parts));
      requireConfirmation({ task: SWEEP, named: true, production, environment }, confirm);
    }
    try {
      await client.withDeadline(Date.now() + UPDATE_MS, () => act(handle, action, checked));
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError)
        throw new GatewayRefusal(409, 'Refused', error.cause?.message ?? error.message);
      throw error;
    }
  });
  return readRun(parts, { workflowId });
}

async function act(handle: WorkflowHandle, action: SweepAction, argument: unknown): Promise<void> {
  switch (action) {
    case 'cancel':
      await handle.cancel();
      return;
    case 'pause':
      await handle.executeUpdate<SweepProgress, []>('pause');
      return;
    case 'resume':
      // Only an update with an argument can be encrypted.
      await handle.executeUpdate<SweepProgress, [unknown]>('resume', { args: [{ by: 'console' }] });
      return;
    case 'approve':
      await handle.executeUpdate<SweepProgress, [unknown]>('approve', { args: [argument] });
      return;
    case 'rate':
      await handle.executeUpdate<SweepProgress, [unknown]>('setRate', { args: [argument] });
  }
}

function isOffboarding(type: string): boolean {
  return type === 'offboardUser' || type === 'offboardUsers';
}

/** @param known What a worker reported, and the users of a sweep in the ledger. */
function lineOf(
  parts: GatewayParts,
  run: Run,
  { progress, users }: { progress: Progress | undefined; users: RunLine['progress'] },
): RunLine {
  const { workflowId, runId, type, startTime, closeTime } = run;
  return {
    workflowId,
    runId,
    type,
    status: progress?.status ?? recordedStatus(run) ?? run.status.name.toLowerCase(),
    startedAt: startTime.toISOString(),
    ...(closeTime && { closedAt: closeTime.toISOString() }),
    ...dueBy(run),
    ...runUrl(parts, { workflowId, runId }),
    ...(progress
      ? { progress: 'counts' in progress ? ofSweep(progress) : ofUser(progress) }
      : users && { progress: users }),
  };
}

function dueBy({ typedSearchAttributes }: Run): Pick<RunLine, 'dueBy'> {
  const due = typedSearchAttributes.get(defineSearchAttributeKey(DUE_ATTRIBUTE, 'DATETIME'));
  return due instanceof Date ? { dueBy: due.toISOString() } : {};
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
