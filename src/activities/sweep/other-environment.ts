import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { environmentSettingOf } from '../../providers/names';
import { mainServiceOf } from '../../tasks/accounts';
import { refusal, requireService } from '../refusals';
import type { ChunkDependencies } from './chunk-dependencies';
import { environmentOf } from './plan-user';

/**
 * Hashes of IDs depend on the environment of their provider. Those of a sweep that was read for another one than this
 * worker's would match no hold that was set for it, and its users would be deleted in the wrong place.
 *
 * @param origin The field of the input by which the users came.
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
      `was read for another environment of ${title} than this worker's, which is ${environment}; set ${environmentSettingOf(service)} to the same where it is read and wherever it is worked through, and read it again`,
    );
  }
}
