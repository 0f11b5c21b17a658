import { editDistance } from '../tasks/nearest';
import { settingsOf } from '../tasks/service';
import type { ServiceDefinition } from '../tasks/service';
import type { Env, SettingProblem } from './env';
import { SETTINGS } from './setting-table';
import type { SettingDefinition } from './setting-table';

const PREFIX = 'HTTP_TASKS_';

const FAMILY = '<NAME>';

/** The names of this package's settings and, of secrets, those with `_FILE`; families as `PREFIX_<NAME>_END`. */
const NAMES: readonly string[] = Object.entries<SettingDefinition>(SETTINGS)
  .filter(([name]) => name.startsWith(PREFIX))
  .flatMap(([name, { secret }]) => (secret ? [name, `${name}_FILE`] : [name]));

/** Families of settings: a prefix, a name that the operator chooses, and one of these endings. */
interface Family {
  prefix: string;
  ends: readonly string[];
}

const FAMILIES: readonly Family[] = [...new Set(NAMES.filter((name) => name.includes(FAMILY)).map(prefixOf))].map(
  (prefix) => ({
    prefix,
    ends: NAMES.filter((name) => name.startsWith(prefix + FAMILY)).map((name) =>
      name.slice(prefix.length + FAMILY.length),
    ),
  }),
);

/** Settings of this package's tests and continuous integration. */
const OF_TESTS = /^HTTP_TASKS_TESTS?(?:_[A-Z0-9_]+)?$/;

/**
 * Variables that Kubernetes adds to a container for each Service in its namespace: HTTP_TASKS_METRICS_… for
 * `http-tasks-metrics`.
 */
const OF_KUBERNETES =
  /^HTTP_TASKS_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const PORT_OF_KUBERNETES = /^HTTP_TASKS_(?:[A-Z0-9_]+_)?PORT$/;

const ONE_NAME = NAMES.filter((name) => !name.includes(FAMILY));

/** Every setting of this package; families as `PREFIX_<NAME>_END`. */
export const KNOWN_SETTINGS: readonly string[] = [...NAMES].sort();

/**
 * Returns the variables that look like settings of this package but are not, each with the closest setting. Empty
 * values count as not set.
 */
export function unknownSettings(env: Env): SettingProblem[] {
  return Object.entries(env).flatMap(([setting, value]) => {
    if ((value ?? '').trim() === '' || !setting.toUpperCase().startsWith(PREFIX) || isKnown(setting, value ?? ''))
      return [];
    const { name, distance } = nearest(setting, candidatesFor(setting));
    const isNear = distance <= Math.max(2, (name.length - PREFIX.length) / 2.5);
    return [
      { setting, message: `is not a setting; ${isNear ? `did you mean ${name}?` : `the closest setting is ${name}.`}` },
    ];
  });
}

/**
 * Returns the variables whose names resemble a setting of these services or this package's prefix. They may belong to
 * something else, so they are only worth a warning.
 */
export function nearMisses(env: Env, services: readonly ServiceDefinition[]): SettingProblem[] {
  const known = services.flatMap(settingsOfService);
  return Object.entries(env).flatMap(([setting, value]) => {
    if ((value ?? '').trim() === '' || known.includes(setting)) return [];
    const meant = /^HTTP_?TASKS?_(.+)$/.exec(setting)?.[1];
    if (meant !== undefined && !setting.startsWith(PREFIX) && isKnown(`${PREFIX}${meant}`, value ?? ''))
      return [problem(setting, `${PREFIX}${meant}`)];
    const unlisted = accountNotListed(setting, services);
    if (unlisted !== undefined) return [{ setting, message: unlisted }];
    const name = known.find((one) => isNear(setting, one));
    return name === undefined ? [] : [problem(setting, name)];
  });
}

function prefixOf(family: string): string {
  return family.slice(0, family.indexOf(FAMILY));
}

/** A setting of an account, which is read only if the account is listed. */
function accountNotListed(setting: string, services: readonly ServiceDefinition[]): string | undefined {
  const [, own = '', suffix = '', file = ''] = /^(.+?)__([A-Z][A-Z0-9_]*?)(_FILE)?$/.exec(setting) ?? [];
  const service = services.find((one) => one.account === undefined && settingsOfService(one).includes(`${own}${file}`));
  if (!service || own === '') return undefined;
  return `is not read; to use it, list ${service.name}/${suffix.toLowerCase()} in HTTP_TASKS_ACCOUNTS`;
}

function problem(setting: string, name: string): SettingProblem {
  return { setting, message: `is not read; did you mean ${name}?` };
}

function isKnown(setting: string, value: string): boolean {
  return (
    ONE_NAME.includes(setting) ||
    FAMILIES.some((pattern) => nameIn(setting, pattern) !== undefined) ||
    OF_TESTS.test(setting) ||
    isOfKubernetes(setting, value)
  );
}

/** The value of a Kubernetes …_PORT variable is a URL; a setting with such a name would have a number. */
function isOfKubernetes(setting: string, value: string): boolean {
  return OF_KUBERNETES.test(setting) || (PORT_OF_KUBERNETES.test(setting) && /^(?:tcp|udp|sctp):\/\//.test(value));
}

function nameIn(setting: string, { prefix, ends }: Family): string | undefined {
  if (!setting.startsWith(prefix)) return undefined;
  const end = [...ends].sort((a, b) => b.length - a.length).find((one) => setting.endsWith(one)) ?? undefined;
  const name = end === undefined ? undefined : setting.slice(prefix.length, setting.length - end.length);
  return name !== undefined && /^[A-Z0-9][A-Z0-9_]*$/.test(name) ? name : undefined;
}

/** Returns the settings with a fixed name, and those of a family for every name that this one could contain. */
function candidatesFor(setting: string): string[] {
  const words = setting.toUpperCase().split('_');
  const named = FAMILIES.flatMap(({ prefix, ends }) => {
    const first = prefix.split('_').length - 1;
    return words.slice(first).flatMap((_, count) => {
      const name = words.slice(first, words.length - count).join('_');
      return name === '' ? [] : ends.filter((end) => end !== '').map((end) => `${prefix}${name}${end}`);
    });
  });
  return [...ONE_NAME, ...named];
}

function nearest(setting: string, candidates: readonly string[]): { name: string; distance: number } {
  const measured = candidates.map((name) => ({ name, distance: editDistance(setting.toUpperCase(), name) }));
  return measured.reduce((best, one) => (one.distance < best.distance ? one : best));
}

function settingsOfService({
  environmentSetting,
  baseUrlSetting,
  placementSetting,
  credentials,
}: ServiceDefinition): string[] {
  const secrets = credentials.flatMap(settingsOf);
  return [
    environmentSetting,
    baseUrlSetting,
    placementSetting,
    ...secrets,
    ...secrets.map((name) => `${name}_FILE`),
  ].filter((name) => name !== undefined);
}

/** Compares only names with the same first word: PLAID_SECERT, PLAID_CLIENTID, PLAID_ENVIRONMENT, plaid_env. */
function isNear(setting: string, known: string): boolean {
  const upper = setting.toUpperCase();
  const at = known.indexOf('_') + 1;
  if (at === 0 || !upper.startsWith(known.slice(0, at))) return false;
  const [given, meant] = [upper.slice(at), known.slice(at)];
  if (given.replaceAll('_', '') === meant.replaceAll('_', '')) return true;
  if (given === `${meant}IRONMENT`) return true;
  return editDistance(given, meant) <= (meant.length <= 4 ? 1 : 2);
}
