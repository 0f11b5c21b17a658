import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { refusal, requireService } from '../refusals';
import type { ChunkDependencies } from './chunk-dependencies';
import { plaidEnvironment } from './plan-user';

/**
 * Hashes of ids depend on Plaid's environment. Those of a sweep that was read for another one than this worker's would
 * match no hold that was set for it, and its users would be deleted in the wrong place.
 *
 * @param origin The field of the input by which the users came.
 * @throws ApplicationFailure `Task.InvalidInput`
 */
export function refuseOtherEnvironment(
  services: ChunkDependencies['services'],
  sweep: Pick<SweepRow, 'plaidEnvironment'> | undefined,
  origin: string,
): void {
  if (sweep?.plaidEnvironment === undefined) return;
  requireService(services, 'plaid', origin);
  const environment = plaidEnvironment(services);
  if (sweep.plaidEnvironment === environment) return;
  throw refusal(
    origin,
    `was read for another environment of Plaid than this worker's, which is ${environment}; set PLAID_ENV to the same where it is read and wherever it is worked through, and read it again`,
  );
}
