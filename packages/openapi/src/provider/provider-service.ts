import { didYouMean } from 'temporal-http-tasks/internal/tasks/nearest';
import { baseUrlSettingOf, environmentSettingOf } from 'temporal-http-tasks/internal/providers/names';
import { oneOf } from 'temporal-http-tasks/internal/providers/problems';
import type { Problems } from 'temporal-http-tasks/internal/providers/problems';
import { AUTH_METHODS, whyNotForToken } from 'temporal-http-tasks/internal/tasks/service';
import type {
  ClientCredentials,
  ErrorRule,
  ErrorTaxonomy,
  RateLimit,
} from 'temporal-http-tasks/internal/tasks/service';
import { whyNotImported } from 'temporal-http-tasks/internal/tasks/imported-settings';
import { isLoopback, whyAmbiguousUrl } from 'temporal-http-tasks/internal/transport/url-text';
import { SANDBOX_WORDS } from '../operation/servers';
import { FieldReader, isRecord } from './field-reader';

/** How a scheme of the document gets its value: from a setting, which is a client's secret where tokens are fetched. */
export interface FileCredential {
  setting: string;
  client?: ClientCredentials;
}

/** The service in a provider file. */
export interface FileService {
  environments: Readonly<Record<string, string>>;
  productionEnvironments: readonly string[];
  /** By the names of the document's security schemes. */
  credentials: ReadonlyMap<string, FileCredential>;
  /** Settings by the names of parameters that are the same in every call, such as an account in the path. */
  parameters: ReadonlyMap<string, string>;
  /** Absent where the document's field names are taken. */
  errors?: ErrorTaxonomy;
  rateLimits: readonly RateLimit[];
}

const SETTING = /^[A-Z][A-Z0-9_]*$/;
const ENVIRONMENT = /^[A-Za-z][\w-]*$/;

/** What the words of a rule's `means` do to a call. */
const MEANINGS = {
  unavailable: { failure: 'Task.Unavailable' },
  rateLimited: { failure: 'Task.RateLimited' },
  unauthorized: { failure: 'Task.Unauthorized' },
  rejected: { failure: 'Task.Rejected' },
  lost: { failure: 'Task.Unavailable', mayHaveProcessed: true },
} as const satisfies Record<string, Pick<ErrorRule, 'failure' | 'mayHaveProcessed'>>;

/**
 * Reads environments, credentials, errors and rate of a provider file, and notes what is wrong with them.
 *
 * @param schemes Names of the document's security schemes; undefined when it could not be read.
 */
export function readFileService(
  file: FieldReader,
  name: string,
  schemes: readonly string[] | undefined,
  problems: Problems,
): FileService {
  const environments = readEnvironments(file);
  return {
    environments,
    productionEnvironments: readProduction(file, environments),
    ...readSettings(file, name, { schemes, environments: Object.keys(environments) }, problems),
    ...(file.has('errors') && { errors: readErrors(file, problems) }),
    rateLimits: file.has('rate') ? readRate(file, problems) : [],
  };
}

function readEnvironments(file: FieldReader): Record<string, string> {
  const what = 'base URLs by environment, such as { sandbox: https://sandbox.courier.example }';
  const found = file.entries('environments', what, { required: true });
  return Object.fromEntries(
    found.flatMap(([environment, url]) => {
      const key = `environments.${environment}`;
      const wrong = ENVIRONMENT.test(environment)
        ? whyNoBaseUrl(url)
        : 'must have a name of letters, digits, - and _ that starts with a letter';
      if (wrong !== undefined) file.refuse(key, wrong);
      return wrong === undefined ? [[environment, String(url).replace(/(?<!\/)\/+$/, '')]] : [];
    }),
  );
}

/** The rules of the settings that replace such a URL. */
function whyNoBaseUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return 'must be a URL such as https://api.courier.example';
  const ambiguous = whyAmbiguousUrl(value);
  if (ambiguous !== undefined) return ambiguous.replace(/\.$/, '');
  const url = new URL(value);
  if (!/^https?:\/\/[^/]/.test(value)) return 'must begin with https:// and a host';
  if (url.username !== '' || url.password !== '')
    return 'must not contain a user name or password; name settings under credentials';
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(value)) return 'must not contain a query or fragment';
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return 'must be https, since keys would travel unencrypted; http only for this machine';
  return undefined;
}

/** Without a word about it every environment counts as production that is not called a place for tests. */
function readProduction(file: FieldReader, environments: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(environments);
  if (!file.has('productionEnvironments'))
    return names.filter(
      (name) => !SANDBOX_WORDS.includes(name.toLowerCase()) && !isLoopback(new URL(environments[name] ?? '').hostname),
    );
  return file.list('productionEnvironments', 'environments').flatMap((name, index) => {
    if (typeof name === 'string' && names.includes(name)) return [name];
    const place = `productionEnvironments[${index}]`;
    return file.refuse(place, `unknown environment; allowed: ${oneOf(names)}${didYouMean(name, names)}`) ?? [];
  });
}

interface Known {
  schemes: readonly string[] | undefined;
  environments: readonly string[];
}

/** Reads everything that names settings; each of them is read for one purpose. */
function readSettings(
  file: FieldReader,
  name: string,
  known: Known,
  problems: Problems,
): Pick<FileService, 'credentials' | 'parameters'> {
  const own = [environmentSettingOf(name), baseUrlSettingOf(name)];
  const taken = new Map(own.map((setting) => [setting, 'the provider itself']));
  const take = (place: string, value: unknown): string | undefined => {
    const setting = settingAt(place, value, problems);
    for (const one of setting === undefined ? [] : [setting, `${setting}_FILE`]) {
      const by = taken.get(one);
      if (by !== undefined) problems.add(place, `${one} is already read for ${by}; name another setting`);
      taken.set(one, place);
    }
    return setting;
  };
  return {
    credentials: readCredentials(file, known, take, problems),
    parameters: readParameters(file, take),
  };
}

/** Reads the name of a setting, and notes one that is not or must not be used. */
type TakeSetting = (place: string, value: unknown) => string | undefined;

function readParameters(file: FieldReader, take: TakeSetting): Map<string, string> {
  const found = file.entries('parameters', 'a setting by parameter, such as { account_id: COURIER_ACCOUNT }');
  return new Map(
    found.flatMap(([parameter, value]): [string, string][] => {
      const setting = take(`parameters.${parameter}`, value);
      return setting === undefined ? [] : [[parameter, setting]];
    }),
  );
}

function readCredentials(
  file: FieldReader,
  { schemes, environments }: Known,
  take: TakeSetting,
  problems: Problems,
): Map<string, FileCredential> {
  const found = file.entries('credentials', 'a setting by security scheme, such as { bearerAuth: COURIER_TOKEN }');
  return new Map(
    found.flatMap(([scheme, value]): [string, FileCredential][] => {
      const place = `credentials.${scheme}`;
      if (schemes && !schemes.includes(scheme)) {
        const allowed = `allowed: ${oneOf(schemes)}${didYouMean(scheme, schemes)}`;
        problems.add(place, `unknown security scheme of the document; ${allowed}`);
      }
      if (isRecord(value)) {
        const credential = readClient(value, place, { environments, take, problems });
        return credential ? [[scheme, credential]] : [];
      }
      const setting = take(place, value);
      return setting === undefined ? [] : [[scheme, { setting }]];
    }),
  );
}

function settingAt(place: string, value: unknown, problems: Problems): string | undefined {
  if (typeof value !== 'string' || !SETTING.test(value)) {
    problems.add(place, 'must be the name of a setting in capitals, such as COURIER_TOKEN, never its value');
    return undefined;
  }
  const why = value === 'NODE_ENV' ? 'Node.js reads it' : whyNotImported(value);
  if (why === undefined) return value;
  problems.add(place, `${value} cannot be a setting of this provider: ${why}`);
  return undefined;
}

function readClient(
  value: unknown,
  place: string,
  at: {
    environments: readonly string[];
    take: TakeSetting;
    problems: Problems;
  },
): FileCredential | undefined {
  const keys = ['clientId', 'clientSecret', 'tokenUrl', 'scope', 'audience', 'authMethod'];
  const fields = new FieldReader(value, at.problems, place, keys);
  const clientIdSetting = at.take(fields.placeOf('clientId'), fields.raw.clientId);
  const setting = at.take(fields.placeOf('clientSecret'), fields.raw.clientSecret);
  const tokenUrl = readTokenUrl(fields, at.environments);
  const scope = fields.text('scope', 'the scopes, separated by blanks');
  const audience = fields.text('audience', 'a text');
  const authMethod = fields.oneOf('authMethod', AUTH_METHODS);
  if (clientIdSetting === undefined || setting === undefined || tokenUrl === undefined) return undefined;
  const client = {
    tokenUrl,
    clientIdSetting,
    ...(authMethod && { authMethod }),
    ...(scope !== undefined && { scope }),
    ...(audience !== undefined && { audience }),
  };
  return { setting, client };
}

function readTokenUrl(fields: FieldReader, environments: readonly string[]): ClientCredentials['tokenUrl'] | undefined {
  const { tokenUrl } = fields.raw;
  const urls = isRecord(tokenUrl) ? Object.entries(tokenUrl) : [['', tokenUrl] as const];
  const unknown = isRecord(tokenUrl) ? Object.keys(tokenUrl).find((name) => !environments.includes(name)) : undefined;
  const wrong =
    urls.map(([, url]) => whyNoTokenUrl(url)).find((why) => why !== undefined) ??
    (unknown === undefined
      ? undefined
      : `names the unknown environment ${unknown}; allowed: ${oneOf(environments)}${didYouMean(unknown, environments)}`) ??
    whyNotForToken(
      { in: 'header', clientCredentials: { tokenUrl: tokenUrl as string, clientIdSetting: '' } },
      environments,
    );
  return wrong === undefined ? (tokenUrl as ClientCredentials['tokenUrl']) : fields.refuse('tokenUrl', wrong);
}

function whyNoTokenUrl(value: unknown): string | undefined {
  const form = 'must be an https URL, or a path that begins with a slash, such as /oauth/token';
  if (typeof value !== 'string') return form;
  if (/^\/(?!\/)[^#\s\\]*$/.test(value)) return undefined;
  if (!URL.canParse(value) || whyAmbiguousUrl(value) !== undefined) return form;
  const { protocol, hostname, username, password, hash } = new URL(value);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
  return isSafe && username === '' && password === '' && hash === '' ? undefined : form;
}

function readErrors(file: FieldReader, problems: Problems): ErrorTaxonomy {
  const errors = new FieldReader(file.raw.errors, problems, 'errors', ['code', 'requestId', 'rules']);
  const code = errors.path('code') ?? 'code';
  const requestId = errors.path('requestId');
  const rules = errors.list('rules', 'rules').flatMap((rule, index) => {
    const fields = new FieldReader(rule, problems, `errors.rules[${index}]`, ['status', 'code', 'means', 'advice']);
    return isRecord(rule) ? readRule(fields) : [];
  });
  return { fields: { code, ...(requestId !== undefined && { requestId }) }, rules };
}

function readRule(fields: FieldReader): ErrorRule[] {
  const status = fields.whole('status', { min: 100, max: 599 });
  const { code } = fields.raw;
  const means = fields.oneOf('means', Object.keys(MEANINGS) as (keyof typeof MEANINGS)[]);
  const advice = fields.text('advice', 'a text for people');
  if (!fields.has('means')) fields.refuse('means', `is required: one of ${oneOf(Object.keys(MEANINGS))}`);
  const isCode = typeof code === 'string' || (typeof code === 'number' && Number.isSafeInteger(code));
  if (code !== undefined && !isCode) fields.refuse('code', 'must be the provider code, as a text');
  if (code === undefined && !fields.has('status'))
    fields.refuse('code', 'is required, or status: what the rule is for');
  if (!means) return [];
  return [
    {
      ...(status !== undefined && { status }),
      ...(isCode && { code: String(code) }),
      ...MEANINGS[means],
      ...(advice !== undefined && { advice }),
    },
  ];
}

function readRate(file: FieldReader, problems: Problems): RateLimit[] {
  const rate = new FieldReader(file.raw.rate, problems, 'rate', ['callsPerMinute', 'source']);
  if (!isRecord(file.raw.rate)) return [];
  const requestsPerMinute = rate.whole('callsPerMinute', { min: 1, max: 10_000_000, required: true });
  const source =
    rate.text('source', 'the page on which the provider says so') ??
    (typeof file.raw.docs === 'string' ? file.raw.docs : '');
  return requestsPerMinute === undefined ? [] : [{ requestsPerMinute, per: 'key', source }];
}
