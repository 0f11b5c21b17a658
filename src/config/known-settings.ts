import { editDistance } from '../policy/nearest';
import { settingsOf } from '../tasks/service';
import type { ServiceDefinition } from '../tasks/service';
import type { Env, SettingProblem } from './env';

const PREFIX = 'HTTP_TASKS_';

/** Settings with a fixed name. Secret ones may also come from a file that the same name with `_FILE` names. */
const TEXTS = [
  'HTTP_TASKS_ALLOW_PLAINTEXT',
  'HTTP_TASKS_ALLOW_SENSITIVE',
  'HTTP_TASKS_BUILD_ID',
  'HTTP_TASKS_CALLS_PER_KEY',
  'HTTP_TASKS_CHUNK_SLOTS',
  'HTTP_TASKS_CONNECTIONS_PER_ORIGIN',
  'HTTP_TASKS_DEPLOYMENT',
  'HTTP_TASKS_ENCRYPTION_PLAINTEXT',
  'HTTP_TASKS_HEALTH_ADDRESS',
  'HTTP_TASKS_HTTP_ALLOW',
  'HTTP_TASKS_HTTP_ALLOW_PRIVATE',
  'HTTP_TASKS_HTTP_READS',
  'HTTP_TASKS_LOG_LEVEL',
  'HTTP_TASKS_METRICS_ADDRESS',
  'HTTP_TASKS_NEXUS',
  'HTTP_TASKS_NO_PROXY',
  'HTTP_TASKS_OPEN_USERS',
  'HTTP_TASKS_PROVIDERS',
  'HTTP_TASKS_PROXY_LOOKUP',
  'HTTP_TASKS_SEARCH_ATTRIBUTES',
  'HTTP_TASKS_SERVICES',
  'HTTP_TASKS_SHUTDOWN_MS',
  'HTTP_TASKS_SOURCE_DIR',
  'HTTP_TASKS_START_TEMPLATES',
  'HTTP_TASKS_TASK_QUEUE',
  'HTTP_TASKS_TEMPORAL_DOWNLOAD',
  'HTTP_TASKS_TEMPORAL_UI',
  'HTTP_TASKS_TOTAL_TIMEOUT_MS',
  'HTTP_TASKS_VERSIONING',
] as const;
const SECRETS = [
  'HTTP_TASKS_CONSOLE_TOKEN',
  'HTTP_TASKS_ENCRYPTION_KEY',
  'HTTP_TASKS_LEDGER_URL',
  'HTTP_TASKS_PROXY',
  'HTTP_TASKS_SUBJECT_KEY',
] as const;

/** Families of settings: a prefix, a name that the operator chooses, and one of these endings. */
const PATTERNS = [
  { prefix: 'HTTP_TASKS_SECRET_', ends: ['', '_FILE', '_ORIGIN', '_METHODS', '_PATHS'] },
  { prefix: 'HTTP_TASKS_SOURCE_', ends: ['_URL', '_URL_FILE', '_QUERY', '_QUERY_FILE'] },
  {
    prefix: 'HTTP_TASKS_TLS_',
    ends: ['_ORIGIN', '_CERT_FILE', '_KEY_FILE', '_CA_FILE', '_KEY_PASSPHRASE', '_KEY_PASSPHRASE_FILE'],
  },
  {
    prefix: 'HTTP_TASKS_OAUTH_',
    ends: [
      '_TOKEN_URL',
      '_CLIENT_ID',
      '_CLIENT_ID_FILE',
      '_CLIENT_SECRET',
      '_CLIENT_SECRET_FILE',
      '_SCOPE',
      '_AUDIENCE',
      '_AUTH_METHOD',
      '_ORIGIN',
      '_METHODS',
      '_PATHS',
    ],
  },
  { prefix: 'HTTP_TASKS_OPENAPI_', ends: ['', '_FILE'] },
] as const;

/** Settings of this package's tests and continuous integration. */
const OF_TESTS = /^HTTP_TASKS_TESTS?(?:_[A-Z0-9_]+)?$/;

/**
 * Variables that Kubernetes adds to a container for each Service in its namespace: HTTP_TASKS_METRICS_… for
 * `http-tasks-metrics`.
 */
const OF_KUBERNETES =
  /^HTTP_TASKS_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const PORT_OF_KUBERNETES = /^HTTP_TASKS_(?:[A-Z0-9_]+_)?PORT$/;

const ONE_NAME: readonly string[] = [...TEXTS, ...SECRETS, ...SECRETS.map((name) => `${name}_FILE`)];

/** Every setting of this package; families as `PREFIX_<NAME>_END`. */
export const KNOWN_SETTINGS: readonly string[] = [
  ...ONE_NAME,
  ...PATTERNS.flatMap(({ prefix, ends }) => ends.map((end) => `${prefix}<NAME>${end}`)),
].sort();

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
    const name = known.find((one) => isNear(setting, one));
    return name === undefined ? [] : [problem(setting, name)];
  });
}

function problem(setting: string, name: string): SettingProblem {
  return { setting, message: `is not read; did you mean ${name}?` };
}

function isKnown(setting: string, value: string): boolean {
  return (
    ONE_NAME.includes(setting) ||
    PATTERNS.some((pattern) => nameIn(setting, pattern) !== undefined) ||
    OF_TESTS.test(setting) ||
    isOfKubernetes(setting, value)
  );
}

/** The value of a Kubernetes …_PORT variable is a URL; a setting with such a name would have a number. */
function isOfKubernetes(setting: string, value: string): boolean {
  return OF_KUBERNETES.test(setting) || (PORT_OF_KUBERNETES.test(setting) && /^(?:tcp|udp|sctp):\/\//.test(value));
}

function nameIn(setting: string, { prefix, ends }: (typeof PATTERNS)[number]): string | undefined {
  if (!setting.startsWith(prefix)) return undefined;
  const end = [...ends].sort((a, b) => b.length - a.length).find((one) => setting.endsWith(one)) ?? undefined;
  const name = end === undefined ? undefined : setting.slice(prefix.length, setting.length - end.length);
  return name !== undefined && /^[A-Z0-9][A-Z0-9_]*$/.test(name) ? name : undefined;
}

/** Returns the settings with a fixed name, and those of a family for every name that this one could contain. */
function candidatesFor(setting: string): string[] {
  const words = setting.toUpperCase().split('_');
  const named = PATTERNS.flatMap(({ prefix, ends }) => {
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
