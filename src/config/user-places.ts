import { ONLY_ENVIRONMENT } from '../policy/user-ids';
import type { UserPlaces } from '../policy/user-ids';
import type { ProviderSet } from '../providers/provider-set';
import { accountOf, mainServiceOf } from '../tasks/accounts';
import type { Env } from './env';
import { environmentFor } from './service-settings';

/**
 * Returns where the IDs of users are valid by these settings, for a caller that is not a worker. Needs no keys. With the
 * settings of the workers it names the same runs as every other caller does.
 */
export function userPlaces(env: Env, providers: ProviderSet): UserPlaces {
  return {
    environmentOf: (name) => {
      const main = providers.find(mainServiceOf(name))?.service;
      return main === undefined
        ? ONLY_ENVIRONMENT
        : environmentFor(env, providers.accounts.serviceAt(main, accountOf(name)));
    },
    serviceNameAt: providers.serviceNameAt,
  };
}
