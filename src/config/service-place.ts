import type { ServiceDefinition } from '../tasks/service';
import { isLoopback } from './base-url';
import { readText } from './env';
import type { Env } from './env';

/** Environment and address of a service, as far as they can be determined without keys. */
export interface ServicePlace {
  /** Undefined if the service has no default and the settings select none. */
  environment: string | undefined;
  /** The configured base URL; not validated. */
  address: string | undefined;
  production: boolean;
}

/** Name of the environment of an address that belongs to no named environment. */
const OWN_ADDRESS = 'custom';

/**
 * Reads environment and address of a service. For an imported service, a base URL set by the operator selects the
 * environment with the same origin. An address that the document does not list counts as production, unless it is this
 * machine.
 */
export function servicePlace(env: Env, service: ServiceDefinition): ServicePlace {
  const { environments, productionEnvironments, environmentSetting, baseUrlSetting, imported, defaultEnvironment } =
    service;
  const named = environmentSetting === undefined ? undefined : readText(env, environmentSetting);
  const own = baseUrlSetting === undefined ? undefined : readText(env, baseUrlSetting);
  if (!imported || own === undefined || named !== undefined) {
    const environment = named ?? defaultEnvironment ?? (own === undefined ? undefined : OWN_ADDRESS);
    const address =
      own ??
      (environment !== undefined && Object.hasOwn(environments, environment) ? environments[environment] : undefined);
    const production = environment !== undefined && productionEnvironments.includes(environment);
    return { environment, address, production: production && !(imported && isThisMachine(address)) };
  }
  const known = Object.entries(environments).find(([, address]) => isSameOrigin(address, own))?.[0];
  const production = !isThisMachine(own) && (known === undefined || productionEnvironments.includes(known));
  return { environment: known ?? defaultEnvironment ?? OWN_ADDRESS, address: own, production };
}

function isThisMachine(address: string | undefined): boolean {
  return address !== undefined && URL.canParse(address) && isLoopback(new URL(address).hostname);
}

function isSameOrigin(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin;
}
