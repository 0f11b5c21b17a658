import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import {
  SweepBarredError,
  SweepConflictError,
  SweepFencedError,
  SweepNotYoursError,
  SweepReleasedError,
  SweepSealedError,
  UnknownSweepError,
} from '../../ledger/sweeps/sweep-errors';
import type { CallBudgets } from '../budget/call-budgets';
import { retryable, refusal } from '../refusals';

/**
 * Heartbeat interval, in milliseconds: short enough for a heartbeat timeout of 15 seconds and for cancellations to
 * arrive within seconds.
 */
const HEARTBEAT_MS = 2_000;

/** Non-retryable errors; the message names the sweep and what to do. */
const FINAL = [
  UnknownSweepError,
  SweepReleasedError,
  SweepSealedError,
  SweepConflictError,
  SweepNotYoursError,
  SweepBarredError,
] as const;

/**
 * Does an activity's work and maps errors of the ledger to failures.
 *
 * @throws ApplicationFailure `Task.LedgerUnavailable`, retryable, when the ledger is unavailable; final when the sweep
 *   does not exist, or is released, sealed, or processed by another run.
 */
export async function withSweep<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await retryable(work);
  } catch (error) {
    if (error instanceof SweepFencedError) throw rejected(error.message);
    if (FINAL.some((type) => error instanceof type)) throw refusal('sweepId', (error as Error).message);
    throw error;
  }
}

/**
 * Heartbeats every two seconds with the progress, which also delivers cancellations.
 *
 * @param details Numbers only: the server stores them.
 */
export async function withHeartbeat<T>(details: () => unknown, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const activity = Context.current();
  const heartbeat = setInterval(() => activity.heartbeat(details()), HEARTBEAT_MS);
  try {
    return await work(activity.cancellationSignal);
  } finally {
    clearInterval(heartbeat);
  }
}

/** Returns a final failure: the request is impossible, now and later. */
export function rejected(message: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'Task.Rejected',
    message,
    nonRetryable: true,
    details: [{ type: 'Task.Rejected', service: 'http-tasks', message }],
  });
}

/** Waits, or less when the signal aborts. */
export function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener('abort', end);
  });
}

/**
 * Keeps the sweep's rates in force while its calls are made; an unavailable ledger is queried again with the next
 * heartbeat.
 */
export function keepRates(budgets: Pick<CallBudgets, 'keepRatesOf'>, sweepId: string): void {
  budgets.keepRatesOf(sweepId).catch(() => undefined);
}
