import type { Env } from '../config/env';
import { SettingsError } from '../config/env';
import { CATALOGUE_SERVICES } from '../tasks/catalogue-services';
import type { ServiceDefinition } from '../tasks/service';

/**
 * Refuses a call to a production address unless the setting that selects the environment says production.
 *
 * @throws SettingsError that names the setting.
 */
export function refuseAccidentalProduction(
  prepared: { origin: string },
  env: Env,
  services: readonly ServiceDefinition[] = CATALOGUE_SERVICES,
): void {
  for (const { title, environments, productionEnvironments, environmentSetting } of services) {
    if (environmentSetting === undefined) continue;
    const named = productionEnvironments.filter((name) => new URL(environments[name] ?? '').origin === prepared.origin);
    if (named.length === 0 || named.includes(env[environmentSetting]?.trim() ?? '')) continue;
    throw new SettingsError([
      {
        setting: environmentSetting,
        message: `this call would go to ${title}'s production (${prepared.origin}). Set ${environmentSetting}=${named[0]} if that is what you want. Nothing was sent.`,
      },
    ]);
  }
}
