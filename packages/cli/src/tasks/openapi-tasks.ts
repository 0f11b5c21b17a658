import type { Option } from 'commander';
import type { SignInRule } from '@temporal-http-tasks/openapi/internal/operation/security';
import type { OpenApiOptions } from '@temporal-http-tasks/openapi/internal/options';
import { bindingLine, keyBindings } from 'temporal-http-tasks/internal/config/service-settings';
import { Catalogue, CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { whyNotImported } from 'temporal-http-tasks/internal/tasks/imported-settings';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { flag, literalOption, repeatedOption } from '../program/command';
import { Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { say } from '../terminal/output';

/** What the operator decides about a document's service. */
export interface ImportDecisions {
  service?: string;
  key?: readonly string[];
  origin?: readonly string[];
  trustDecisions?: boolean;
  allowUnknown?: boolean;
  allowField?: readonly string[];
  secretField?: readonly string[];
  signIn?: readonly string[];
}

/** Where tasks besides those of the catalogue come from. */
export interface OpenApiTasksOptions extends ImportDecisions {
  openapi?: string;
}

/** The options by which the operator decides what a document cannot: names of settings, origins, effects. */
export const IMPORT_DECISIONS: readonly Option[] = [
  literalOption(
    '--service <name>',
    "the name of the document's service; only a service that is named reads settings (NAME_BASE_URL, NAME_ENV, " +
      'HTTP_TASKS_OPENAPI_NAME_SCHEME)',
  ),
  repeatedOption('--key <scheme=setting>', 'the setting with the key of a security scheme; may be repeated'),
  repeatedOption(
    '--origin <origin>',
    "an origin that may get the keys; may be repeated (default: those of the document's servers)",
  ),
  repeatedOption(
    '--secret-field <name=setting>',
    'the setting with the value of a parameter or field that is a key although no security scheme names it; may be repeated',
  ),
  repeatedOption(
    '--sign-in <way=setting>',
    'how operations sign in that the document describes without a key: bearer=SETTING, basic=SETTING ' +
      '(user:password), header:NAME=SETTING, query:NAME=SETTING or cookie:NAME=SETTING; may be repeated',
  ),
  flag('--allow-unknown', 'take fields of bodies that the document does not name, unless it closes the object'),
  repeatedOption(
    '--allow-field <operation:field>',
    'a field that the document forgot, by its path, for example alertsUpdate:alerts.id; may be repeated',
  ),
  flag('--trust-decisions', 'believe what the document decides under x-http-task; only for a document of your own'),
];

/** The options that name an OpenAPI document. */
export const OPENAPI_OPTIONS: readonly Option[] = [
  literalOption('--openapi <spec>', 'an OpenAPI document whose operations can be called too'),
  ...IMPORT_DECISIONS,
];

/** The options that name a document and what is decided about it, as words of a command line. */
export function openApiWords({ openapi, ...decisions }: OpenApiTasksOptions): string[] {
  return [...(openapi === undefined ? [] : ['--openapi', openapi]), ...wordsOf(decisions)];
}

/** Each option of its own, in one order whatever the command line's. */
function wordsOf(decisions: ImportDecisions): string[] {
  const { service, key, origin, secretField, signIn, allowUnknown, allowField, trustDecisions } = decisions;
  const valued = { service, key, origin, 'secret-field': secretField, 'sign-in': signIn, 'allow-field': allowField };
  return [
    ...Object.entries(valued).flatMap(([name, value]) => [value ?? []].flat().flatMap((one) => [`--${name}`, one])),
    ...(allowUnknown ? ['--allow-unknown'] : []),
    ...(trustDecisions ? ['--trust-decisions'] : []),
  ];
}

/**
 * Returns the tasks of the OpenAPI document that the options name, if any. Reports which settings go to which origin.
 *
 * @throws Refusal when the document cannot be read, or its service has the name or a setting of one in the catalogue.
 */
export async function openApiTasks(
  io: Io,
  { openapi, ...decisions }: OpenApiTasksOptions,
): Promise<readonly HttpTask[]> {
  const options = importOptions(decisions);
  if (openapi === undefined) {
    const [stray] = wordsOf(decisions);
    if (stray !== undefined) throw new Refusal('Usage', `${stray} belongs to --openapi, which is missing.`, 'openapi');
    return [];
  }
  const [{ readOpenApiDocument }, { tasksFromOpenApi }] = await Promise.all([
    import('@temporal-http-tasks/openapi/internal/document/read-document'),
    import('@temporal-http-tasks/openapi/internal/tasks-from-openapi'),
  ]);
  const document = await readOpenApiDocument(openapi);
  const { tasks, services, report } = refusingOptions(() => tasksFromOpenApi(document, options));
  refuseClash(services);
  refusingOptions(() => new Catalogue([...CATALOGUE, ...tasks]));
  say(io, `${report.imported} of ${report.operations} operations of ${openapi} can be called.`);
  for (const { operation, why } of report.skipped) say(io, `Skipped ${operation}: ${why}`);
  sayKeys(io, services);
  return tasks;
}

/** Prints on stderr which settings of imported services go to which origin. */
export function sayKeys(io: Io, services: readonly ServiceDefinition[]): void {
  for (const line of keyLines(io, services)) say(io, line);
}

/** Returns lines that say which settings of imported services go to which origin; none without keys. */
export function keyLines({ env }: Io, services: readonly ServiceDefinition[]): string[] {
  const bindings = keyBindings(env, services);
  if (bindings.length === 0) return [];
  return ['Keys, and the only origin that gets them:', ...bindings.map((binding) => `  ${bindingLine(binding)}`)];
}

/** @throws Refusal for a name or a setting that an imported service cannot have. */
export function importOptions(decisions: ImportDecisions): OpenApiOptions {
  const { service, key = [], origin, secretField = [], signIn = [], allowUnknown, allowField = [] } = decisions;
  const allowed = [...(allowUnknown ? ['*'] : []), ...allowField];
  return {
    ...(service !== undefined && { service }),
    ...(key.length > 0 && { credentials: namedOnce('key', 'a security scheme', key.map(schemeAndSetting)) }),
    ...(secretField.length > 0 && {
      secretFields: namedOnce('secret-field', 'a field', secretField.map(fieldAndSetting)),
    }),
    ...(signIn.length > 0 && { signIn: signIn.map(wayAndSetting) }),
    ...(origin !== undefined && { origins: origin }),
    ...(allowed.length > 0 && { allowUnknown: allowed }),
    ...(decisions.trustDecisions && { trustDecisions: true }),
  };
}

function namedOnce<T>(option: string, what: string, entries: readonly (readonly [string, T])[]): Record<string, T> {
  const record = Object.fromEntries(entries);
  if (Object.keys(record).length === entries.length) return record;
  throw new Refusal('Usage', `--${option} names ${what} twice; name each once.`, option);
}

/** The command's options, by the names of those in code. */
const OPTIONS: Readonly<Record<string, string>> = {
  credentials: 'key',
  origins: 'origin',
  service: 'service',
  secretFields: 'secret-field',
  signIn: 'sign-in',
  allowUnknown: 'allow-field',
};

/** Runs code that throws a TypeError for a wrong option, and refuses the command line then. */
export function refusingOptions<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const name = /^\w+(?=[.:[])/.exec(error.message)?.[0] ?? '';
    const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (option === undefined && !/^(The imported service|Two services)/.test(error.message)) throw error;
    throw new Refusal('Usage', error.message, option ?? 'service');
  }
}

function schemeAndSetting(text: string): [scheme: string, choice: { setting: string }] {
  const [scheme, setting] = named('key', text, 'SCHEME=SETTING, for example apiKey=DESK_API_KEY');
  return [scheme, { setting }];
}

function fieldAndSetting(text: string): [field: string, setting: string] {
  return named('secret-field', text, 'NAME=SETTING, for example Authorization=DESK_AUTH');
}

function wayAndSetting(text: string): SignInRule {
  const form =
    'bearer=SETTING, basic=SETTING, header:NAME=SETTING, query:NAME=SETTING or cookie:NAME=SETTING, for example bearer=DESK_TOKEN';
  const [way, setting] = named('sign-in', text, form);
  if (way === 'bearer' || way === 'basic') return { setting, in: 'header', name: 'authorization', scheme: way };
  const [, place, name = ''] = /^(header|query|cookie):(.+)$/s.exec(way) ?? [];
  if (place === undefined)
    throw new Refusal('Usage', `--sign-in must be ${form}, not ${JSON.stringify(text)}.`, 'sign-in');
  return { setting, in: place as 'header' | 'query' | 'cookie', name };
}

function named(option: string, text: string, form: string): [name: string, setting: string] {
  const at = text.lastIndexOf('=');
  const [name, setting] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (name === '' || !/^[A-Z][A-Z0-9_]*$/.test(setting))
    throw new Refusal('Usage', `--${option} must be ${form}, not ${JSON.stringify(text)}.`, option);
  const why = whyNotImported(setting);
  if (why !== undefined)
    throw new Refusal(
      'Usage',
      `--${option} ${text}: ${setting} cannot be the key of an imported service, since ${why}. Name a setting of its own.`,
      option,
    );
  return [name, setting];
}

function refuseClash(services: readonly ServiceDefinition[]): void {
  const clash = CATALOGUE_SERVICES.find(({ name }) => services.some((service) => service.name === name));
  if (clash)
    throw new Refusal(
      'Usage',
      `The package has a service called ${clash.name}; choose another name with --service.`,
      'service',
    );
}
