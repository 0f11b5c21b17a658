import type { RateKey } from '../../ledger/sweeps/rate-ledger';
import type { ServiceDefinition } from '../../tasks/service';

/**
 * Returns the calls per minute that a service documents for all calls with one key; undefined if it documents none. A
 * limit of one operation must not slow down the others, so it is learned like any other.
 */
export function documentedLimits(services: Iterable<ServiceDefinition>): (key: RateKey) => number | undefined {
  const limits = new Map<string, number>();
  for (const { name, rateLimits } of services) {
    const general = rateLimits
      .filter(({ operation }) => operation === undefined)
      .map(({ requestsPerMinute }) => requestsPerMinute);
    if (general.length > 0) limits.set(name, Math.min(...general));
  }
  return ({ service }) => limits.get(service);
}
