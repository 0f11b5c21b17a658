import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import { SweepReleasedError, UnknownSweepError } from '../ledger/sweeps/sweep-errors';
import type { TargetRow } from '../ledger/sweeps/sweep-types';
import type { TargetReference } from '../policy/target-reference';
import { retryable } from './ledger-away';
import { refusal } from './refusals';

/**
 * Reads a sweep's user from the ledger.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, non-retryable, if there is no such user or its IDs were purged or
 * released; `Task.LedgerUnavailable`, retryable.
 */
export async function findTarget(sweeps: Pick<SweepLedger, 'readUser'>, target: TargetReference): Promise<TargetRow> {
  const found = await retryable(() => readTarget(sweeps, target));
  if (found) return found;
  throw refusal('user.seq', `the sweep has no user ${target.seq} whose IDs are still in the ledger`);
}

async function readTarget(
  sweeps: Pick<SweepLedger, 'readUser'>,
  target: TargetReference,
): Promise<TargetRow | undefined> {
  try {
    return await sweeps.readUser(target);
  } catch (error) {
    if (!(error instanceof UnknownSweepError || error instanceof SweepReleasedError)) throw error;
    throw refusal('user.sweepId', error.message.replace(/\.$/, ''));
  }
}
