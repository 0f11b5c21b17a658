import { ApplicationFailure } from '@temporalio/common';
import { LedgerUnavailableError } from '../ledger/ledger';

/**
 * Runs work that needs the ledger. If the ledger is unavailable nothing was sent, so Temporal may retry for as long as
 * the run has time.
 *
 * @throws ApplicationFailure `Task.LedgerUnavailable`, retryable, instead of LedgerUnavailableError.
 */
export async function retryable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LedgerUnavailableError)) throw error;
    const message = 'The ledger cannot be reached; the run continues when it can.';
    throw ApplicationFailure.create({
      type: 'Task.LedgerUnavailable',
      message,
      details: [{ type: 'Task.LedgerUnavailable', service: 'ledger', message }],
    });
  }
}
