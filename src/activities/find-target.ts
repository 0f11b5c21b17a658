import { ApplicationFailure } from '@temporalio/common';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import { SweepReleasedError, UnknownSweepError } from '../ledger/sweeps/sweep-errors';
import type { TargetRow } from '../ledger/sweeps/sweep-types';
import type { TargetReference } from '../policy/target-reference';

/**
 * Who a sweep's user is, from the ledger.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, final, for one who is not there or whose ids were purged or released.
 */
export async function findTarget(sweeps: Pick<SweepLedger, 'readUser'>, target: TargetReference): Promise<TargetRow> {
  try {
    const found = await sweeps.readUser(target);
    if (found) return found;
  } catch (error) {
    if (error instanceof UnknownSweepError) throw refusal('user.sweepId', error.message);
    if (error instanceof SweepReleasedError) throw refusal('user.sweepId', error.message);
    throw error;
  }
  throw refusal('user.seq', `the sweep has no user ${target.seq} whose ids are still in the ledger`);
}

function refusal(field: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'Task.InvalidInput',
    message: `The input of offboardUser is not valid: ${field}: ${message}.`.replace(/\.\.$/, '.'),
    nonRetryable: true,
    details: [{ type: 'Task.InvalidInput', service: 'http-tasks', field, message }],
  });
}
