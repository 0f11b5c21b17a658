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
import { retryable } from '../ledger-away';
import { refusal } from '../refusals';

/** Often enough for a heartbeat time-out of 15 seconds, and for a cancellation to arrive within some seconds. */
const HEARTBEAT_MS = 2_000;

/** What no attempt can mend: the message says which sweep, and what to do. */
const FINAL = [
  UnknownSweepError,
  SweepReleasedError,
  SweepSealedError,
  SweepConflictError,
  SweepNotYoursError,
  SweepBarredError,
] as const;

/**
 * Does an activity's work with the ledger's side of a sweep.
 *
 * @throws ApplicationFailure `Task.LedgerUnavailable`, retryable, when the ledger is away; final when the sweep is not
 *   there, released, sealed, or worked on by somebody else.
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
 * Tells Temporal every two seconds that the work goes on, and how far it is, which also brings a cancellation.
 *
 * @param details Numbers only: they are kept by the server.
 */
export async function beating<T>(details: () => unknown, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const activity = Context.current();
  const heartbeat = setInterval(() => activity.heartbeat(details()), HEARTBEAT_MS);
  try {
    return await work(activity.cancellationSignal);
  } finally {
    clearInterval(heartbeat);
  }
}

/** What was asked cannot be done, now or later; final. */
export function rejected(message: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'Task.Rejected',
    message,
    nonRetryable: true,
    details: [{ type: 'Task.Rejected', service: 'http-tasks', message }],
  });
}
