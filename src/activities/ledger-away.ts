import { ApplicationFailure } from '@temporalio/common';
import { LedgerUnavailableError } from '../ledger/ledger';

/**
 * Does work with the ledger; when it is away, nothing was sent, so Temporal may try again for as long as the run has time.
 *
 * @throws ApplicationFailure `Task.LedgerUnavailable`, retryable, in the place of LedgerUnavailableError.
 */
export async function retryable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LedgerUnavailableError)) throw error;
    const message = 'The ledger cannot be reached; the run goes on when it can.';
    throw ApplicationFailure.create({
      type: 'Task.LedgerUnavailable',
      message,
      details: [{ type: 'Task.LedgerUnavailable', service: 'ledger', message }],
    });
  }
}
