import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { OFFBOARDING_FAILED } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { TaskFailure } from 'temporal-http-tasks/internal/tasks/failure';
import { CommandFailure, Refusal } from '../program/errors';

/** Number of attempts to read the log of a cancelled run, and the time between them. */
const TRIES = 5;
const QUERY_MS = 5_000;
const PAUSE_MS = 500;

/**
 * Waits for the end of an offboarding and returns the outcome of each step, however it ended.
 *
 * @throws Refusal `Task.InvalidInput` when the worker refused the input.
 * @throws CommandFailure when the run ended without a result: terminated, or failed for another reason.
 */
export async function resultOf(client: Client, handle: WorkflowHandle): Promise<OffboardResult> {
  try {
    return (await handle.result()) as OffboardResult;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return resultOfFailure(client, handle, error.cause);
  }
}

async function resultOfFailure(
  client: Client,
  handle: WorkflowHandle,
  cause: Error | undefined,
): Promise<OffboardResult> {
  if (cause instanceof CancelledFailure) return resultOfCancelled(client, handle);
  if (cause instanceof ApplicationFailure) {
    const detail: unknown = cause.details?.[0];
    if (cause.type === OFFBOARDING_FAILED) return detail as OffboardResult;
    if (cause.type === 'Task.InvalidInput') {
      throw new Refusal(
        'Task.InvalidInput',
        cause.message,
        (detail as (TaskFailure & { field?: string }) | undefined)?.field,
      );
    }
  }
  const how =
    cause instanceof TerminatedFailure ? 'was terminated' : cause instanceof TimeoutFailure ? 'timed out' : 'failed';
  const why = how === 'failed' && cause ? `: ${cause.message}` : '';
  throw new CommandFailure(
    'RunEnded',
    `${handle.workflowId} ${how}${why}. What it had done until then: http-tasks receipts ${handle.workflowId} --attempts`,
  );
}

/** A cancelled run has no result; a worker replays it and returns what it had done. */
async function resultOfCancelled(client: Client, handle: WorkflowHandle): Promise<OffboardResult> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    try {
      return await client.withDeadline(Date.now() + QUERY_MS, () => handle.query<OffboardResult>('progress'));
    } catch {
      await delay(PAUSE_MS);
    }
  }
  throw new CommandFailure(
    'RunEnded',
    `${handle.workflowId} was cancelled, and no worker reports what it had done until then. Start one, or see: ` +
      `http-tasks receipts ${handle.workflowId}`,
  );
}
