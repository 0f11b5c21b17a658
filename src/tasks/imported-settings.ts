import { settingsOf } from './service';
import type { CredentialRule, ServiceDefinition } from './service';

/**
 * Prefix of every setting with a key of an imported service, unless the operator names another:
 * `HTTP_TASKS_OPENAPI_DESK_TOKEN`.
 */
export const OPENAPI_PREFIX = 'HTTP_TASKS_OPENAPI_';

/** Prefixes of settings that belong to the package, its services, Temporal and OpenTelemetry. */
const TAKEN_PREFIXES = ['HTTP_TASKS_', 'TEMPORAL_', 'OTEL_', 'PLAID_', 'BATCH_'] as const;

/** Returns why an imported service must not have this setting; undefined if it may. */
export function whyNotImported(setting: string): string | undefined {
  if (setting.startsWith(OPENAPI_PREFIX) && setting.length > OPENAPI_PREFIX.length) return undefined;
  const prefix = TAKEN_PREFIXES.find((one) => setting.startsWith(one));
  return prefix === undefined
    ? undefined
    : `settings that begin with ${prefix} belong to the package or to another service`;
}

/** Returns every setting that a credential reads, including those with names of files. */
export function settingsReadFor(rule: CredentialRule): string[] {
  const secrets = settingsOf(rule).flatMap((setting) => [setting, `${setting}_FILE`]);
  return [...secrets, ...Object.values(rule.clientCredentials?.settings ?? {})];
}

/** Returns every setting that a service reads. A credential that the operator has not named reads none. */
export function settingsReadBy({
  credentials,
  environmentSetting,
  baseUrlSetting,
  placementSetting,
}: ServiceDefinition): string[] {
  const own = [environmentSetting, baseUrlSetting, placementSetting].filter((setting) => setting !== undefined);
  return [...own, ...credentials.flatMap((rule) => (rule.unnamed ? [] : settingsReadFor(rule)))];
}

/**
 * Refuses an imported service with settings of the package or of another service.
 *
 * @throws TypeError naming the setting and both services.
 */
export function refuseForeignSettings(service: ServiceDefinition, others: Iterable<ServiceDefinition>): void {
  if (!service.imported) return;
  const own = new Set(settingsReadBy(service));
  for (const setting of own) {
    const why = whyNotImported(setting);
    if (why !== undefined)
      throw new TypeError(`The imported service "${service.name}" would read ${setting}, but ${why}. ${RENAME}`);
  }
  for (const other of others) {
    if (other === service || isSameImport(service, other)) continue;
    const shared = settingsReadBy(other).find((setting) => own.has(setting));
    if (shared === undefined) continue;
    throw new TypeError(
      `The imported service "${service.name}" would read ${shared}, which is a setting of the service "${other.name}". ${RENAME}`,
    );
  }
}

const RENAME = 'Give the imported service another name, or name another setting for its key.';

/** Operations with their own addresses become further services of the same import, with the same keys. */
function isSameImport({ imported }: ServiceDefinition, other: ServiceDefinition): boolean {
  return JSON.stringify(other.imported) === JSON.stringify(imported);
}
