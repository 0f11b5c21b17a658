import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TerminatedFailure,
  TimeoutFailure,
  WorkflowNotFoundError,
} from '@temporalio/common';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import { OFFBOARDING_FAILED } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';
import { CommandFailure, Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { sweepInLedger } from './ledger-view';

/** The workflow type of sweeps. */
export const SWEEP_WORKFLOW = 'offboardUsers';

/** Number of attempts to read the counts of a cancelled run, and the time between them. */
const TRIES = 3;
const QUERY_MS = 5_000;
const PAUSE_MS = 500;

/**
 * Returns the latest run of a sweep's workflow; undefined when Temporal has none, or no longer has it.
 *
 * @throws CommandFailure `NotFound` when the ID is that of another workflow.
 */
export async function describeSweep(
  client: Client,
  sweepId: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    const description = await client.workflow.getHandle(sweepId).describe();
    if (description.type === SWEEP_WORKFLOW) return description;
    throw new CommandFailure('NotFound', `${sweepId} is not a sweep; it is a ${description.type} workflow.`);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * Returns the workflow IDs under which a sweep may have run: a later run of an ID has a sweep with a part of its run ID
 * appended.
 */
export function workflowIdsOf(sweepId: string): readonly string[] {
  return [...new Set([sweepId, sweepId.replace(/\.[^.]*$/, '')])];
}

/**
 * Returns the latest run of the workflow that worked on a sweep of the ledger; undefined when Temporal no longer has
 * it.
 */
export async function runOfSweep(
  client: Client,
  { sweepId, claimedBy }: Pick<SweepRow, 'sweepId' | 'claimedBy'>,
): Promise<WorkflowExecutionDescription | undefined> {
  for (const workflowId of workflowIdsOf(sweepId)) {
    const run = await describeSweep(client, workflowId).catch(undefinedIfNotFound);
    // A run that was just started may not have claimed its users yet.
    if (run && (claimedBy === undefined || run.raw.workflowExecutionInfo?.firstRunId === claimedBy)) return run;
  }
  return undefined;
}

function undefinedIfNotFound(error: unknown): undefined {
  if (error instanceof CommandFailure && error.type === 'NotFound') return undefined;
  throw error;
}

/** Returns the failure for an unknown ID. */
export function unknownSweep(sweepId: string): CommandFailure {
  return new CommandFailure(
    'NotFound',
    `Temporal has no sweep ${sweepId}, and neither has a ledger that is configured here. Check the ID ` +
      '(http-tasks sweep list), TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and HTTP_TASKS_LEDGER_URL.',
  );
}

/** Queries the progress of a sweep; needs a worker. */
export async function queryProgress(client: Client, handle: WorkflowHandle): Promise<SweepProgress> {
  return client.withDeadline(Date.now() + QUERY_MS, () => handle.query<SweepProgress>('progress'));
}

/**
 * Waits for the end of a sweep, over every continue-as-new, and returns its result however it ended.
 *
 * @throws Refusal `Task.InvalidInput` when the worker refused the input or the source.
 * @throws CommandFailure `RunEnded` when it ended without a known result.
 */
export async function resultOfSweep(io: Io, client: Client, handle: WorkflowHandle): Promise<SweepResult> {
  try {
    return (await handle.result()) as SweepResult;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return resultOfFailure(io, client, handle, error.cause);
  }
}

/** Returns the result that only the run itself has; undefined for one that is in progress or ended without a result. */
export async function resultOfRun(client: Client, handle: WorkflowHandle): Promise<SweepResult | undefined> {
  const { status } = await handle.describe();
  if (status.name === 'CANCELLED') return queryProgress(client, handle).catch(() => undefined);
  if (status.name === 'COMPLETED') return (await handle.result()) as SweepResult;
  if (status.name !== 'FAILED') return undefined;
  const cause: unknown = await handle.result().then(
    () => undefined,
    (error: unknown) => (error instanceof WorkflowFailedError ? error.cause : undefined),
  );
  return cause instanceof ApplicationFailure && cause.type === OFFBOARDING_FAILED
    ? (cause.details?.[0] as SweepResult)
    : undefined;
}

async function resultOfFailure(
  io: Io,
  client: Client,
  handle: WorkflowHandle,
  cause: Error | undefined,
): Promise<SweepResult> {
  if (cause instanceof CancelledFailure) return resultOfCancelled(io, client, handle);
  if (cause instanceof ApplicationFailure) {
    const detail: unknown = cause.details?.[0];
    if (cause.type === OFFBOARDING_FAILED) return detail as SweepResult;
    if (cause.type === 'Task.InvalidInput') {
      throw new Refusal(
        'Task.InvalidInput',
        cause.message,
        (detail as (TaskFailure & { field?: string }) | undefined)?.field,
      );
    }
  }
  throw new CommandFailure(
    'RunEnded',
    `The sweep ${handle.workflowId} ${howItEnded(cause)}. What it did until then: http-tasks sweep results ${handle.workflowId}`,
  );
}

function howItEnded(cause: Error | undefined): string {
  if (cause instanceof TerminatedFailure) return 'was terminated';
  if (cause instanceof TimeoutFailure) return 'timed out';
  const reason = cause instanceof ActivityFailure ? (cause.cause ?? cause) : cause;
  return reason ? `failed: ${reason.message.replace(/\.$/, '')}` : 'failed';
}

/** A cancelled run has no result; the ledger has it, and so does a worker that replays the run. */
async function resultOfCancelled(io: Io, client: Client, handle: WorkflowHandle): Promise<SweepResult> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    try {
      return await queryProgress(client, handle);
    } catch {
      await delay(PAUSE_MS);
    }
  }
  const known = await sweepInLedger(io, handle.workflowId);
  if (known) return known;
  throw new CommandFailure(
    'RunEnded',
    `The sweep ${handle.workflowId} was cancelled, and neither a worker nor a ledger has its result. Start a ` +
      'worker, or set HTTP_TASKS_LEDGER_URL and HTTP_TASKS_SUBJECT_KEY.',
  );
}
