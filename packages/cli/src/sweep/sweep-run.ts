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
import { OFFBOARDING_FAILED } from 'temporal-http-tasks/internal/policy/failure-types';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';
import { CommandFailure, Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { sweepInLedger } from './ledger-view';

/** The workflow type of sweeps. */
export const SWEEP_WORKFLOW = 'offboardUsers';

/** How often and how patiently a cancelled run is asked for its counts. */
const TRIES = 3;
const QUERY_MS = 5_000;
const PAUSE_MS = 500;

/**
 * The latest run of a sweep's workflow; undefined when Temporal has none, for example no more.
 *
 * @throws CommandFailure `NotFound` when the id is that of another workflow.
 */
export async function describeSweep(
  client: Client,
  sweepId: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    const description = await client.workflow.getHandle(sweepId).describe();
    if (description.type === SWEEP_WORKFLOW) return description;
    throw new CommandFailure('NotFound', `${sweepId} is no sweep; it is a run of ${description.type}.`);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** The workflow IDs under which a sweep may have run: a later run of an ID has a sweep with a part of its run ID behind it. */
export function workflowIdsOf(sweepId: string): readonly string[] {
  return [...new Set([sweepId, sweepId.replace(/\.[^.]*$/, '')])];
}

/** The latest run of the workflow that worked on a sweep of the ledger; undefined when Temporal has it no more. */
export async function runOfSweep(
  client: Client,
  { sweepId, claimedBy }: Pick<SweepRow, 'sweepId' | 'claimedBy'>,
): Promise<WorkflowExecutionDescription | undefined> {
  for (const workflowId of workflowIdsOf(sweepId)) {
    const run = await describeSweep(client, workflowId).catch(undefinedIfNotFound);
    // Started a moment ago, it may not have claimed its users yet.
    if (run && (claimedBy === undefined || run.raw.workflowExecutionInfo?.firstRunId === claimedBy)) return run;
  }
  return undefined;
}

function undefinedIfNotFound(error: unknown): undefined {
  if (error instanceof CommandFailure && error.type === 'NotFound') return undefined;
  throw error;
}

/** What is said about an id that nobody knows. */
export function unknownSweep(sweepId: string): CommandFailure {
  return new CommandFailure(
    'NotFound',
    `Temporal has no sweep ${sweepId}, and no ledger that is set here has one. Check the id (http-tasks sweep list), TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and HTTP_TASKS_LEDGER_URL.`,
  );
}

/** Asks a sweep how it stands; needs a worker. */
export async function queryProgress(client: Client, handle: WorkflowHandle): Promise<SweepProgress> {
  return client.withDeadline(Date.now() + QUERY_MS, () => handle.query<SweepProgress>('progress'));
}

/**
 * Waits for the end of a sweep, over every continue-as-new, and answers what came of it however it ended.
 *
 * @throws Refusal `Task.InvalidInput` when the worker refused the input or the source.
 * @throws CommandFailure `RunEnded` when it ended without a result that anybody knows.
 */
export async function resultOfSweep(io: Io, client: Client, handle: WorkflowHandle): Promise<SweepResult> {
  try {
    return (await handle.result()) as SweepResult;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return resultOfFailure(io, client, handle, error.cause);
  }
}

/** What a run itself knows about how it ended, and nobody else; undefined for one that goes on or ended without knowing. */
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
    `The sweep ${handle.workflowId} ${howItEnded(cause)}. What it had done until then: http-tasks sweep results ${handle.workflowId}`,
  );
}

function howItEnded(cause: Error | undefined): string {
  if (cause instanceof TerminatedFailure) return 'was terminated';
  if (cause instanceof TimeoutFailure) return 'timed out';
  const reason = cause instanceof ActivityFailure ? (cause.cause ?? cause) : cause;
  return reason ? `failed: ${reason.message.replace(/\.$/, '')}` : 'failed';
}

/** A cancelled run has no result; the ledger has, and a worker that replays it. */
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
    `The sweep ${handle.workflowId} was cancelled, and neither a worker nor a ledger tells what it had done. Start a worker, or set HTTP_TASKS_LEDGER_URL and HTTP_TASKS_SUBJECT_KEY.`,
  );
}
