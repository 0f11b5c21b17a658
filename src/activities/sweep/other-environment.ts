import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { environmentSettingOf } from '../../providers/names';
import { mainServiceOf } from '../../tasks/accounts';
import { refusal, requireService } from '../refusals';
import type { ChunkDependencies } from './chunk-dependencies';
import { environmentOf } from './plan-user';

/**
 * Refuses a sweep that was read for another environment of a provider than this worker's. Hashes of IDs depend on it:
 * they would match no hold that was set for the sweep, and its users would be deleted in the wrong place.
 *
 * @param origin The field of the input with the origin of the users.
 * @throws ApplicationFailure `Task.InvalidInput`
 */
export function refuseOtherEnvironment(
  { services, providers }: Pick<ChunkDependencies, 'services' | 'providers'>,
  sweep: Pick<SweepRow, 'environments'> | undefined,
  origin: string,
): void {
  for (const [service, read] of Object.entries(sweep?.environments ?? {})) {
    const environment = environmentOf(services, service);
    if (read === environment) continue;
    requireService(services, service, origin);
    const title = providers.find(mainServiceOf(service))?.title ?? service;
    throw refusal(
      origin,
      `was read for another environment of ${title} than this worker's, which is ${environment}; set ${environmentSettingOf(service)} to the same value where it is read and where it is processed, and read it again`,
    );
  }
}
