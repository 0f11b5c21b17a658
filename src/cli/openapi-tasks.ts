import type { Command } from 'commander';
import { bindingLine, keyBindings } from '../config/key-bindings';
import { CATALOGUE_SERVICES } from '../tasks/catalogue-services';
import type { OpenApiOptions } from '../openapi/options';
import { Catalogue, CATALOGUE } from '../tasks/catalogue';
import type { HttpTask } from '../tasks/define';
import { whyNotImported } from '../tasks/imported-settings';
import type { ServiceDefinition } from '../tasks/service';
import { literalOption, repeatedOption } from './command';
import { Refusal } from './errors';
import type { Io } from './io';
import { say } from './output';

/** What the operator decides about a document's service. */
export interface ImportDecisions {
  service?: string;
  key?: readonly string[];
  origin?: readonly string[];
  trustDecisions?: boolean;
}

/** Where tasks beside those of the catalogue come from. */
export interface OpenApiTasksOptions extends ImportDecisions {
  openapi?: string;
}

/** Adds the options that name an OpenAPI document. */
export function addOpenApiOptions(command: Command): Command {
  command.addOption(literalOption('--openapi <spec>', 'an OpenAPI document whose operations can be called too'));
  return addImportDecisions(command);
}

/** Adds the options by which the operator decides what a document cannot: names of settings, origins, effects. */
export function addImportDecisions(command: Command): Command {
  return command
    .addOption(
      literalOption(
        '--service <name>',
        "the name of the document's service; only a service that is named reads settings (NAME_BASE_URL, NAME_ENV, HTTP_TASKS_OPENAPI_NAME_SCHEME)",
      ),
    )
    .addOption(
      repeatedOption('--key <scheme=setting>', 'the setting with the key of a security scheme; may be repeated'),
    )
    .addOption(
      repeatedOption(
        '--origin <origin>',
        "an origin that may get the keys; may be repeated (default: those of the document's servers)",
      ),
    )
    .option(
      '--trust-decisions',
      'believe what the document decides under x-http-task; only for a document of your own',
    );
}

/** The options that name a document and what is decided about it, as words of a command line. */
export function openApiWords({ openapi, service, key, origin, trustDecisions }: OpenApiTasksOptions): string[] {
  const given = Object.entries({ openapi, service, key, origin }).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((one) => [`--${name}`, one]),
  );
  return [...given, ...(trustDecisions ? ['--trust-decisions'] : [])];
}

/**
 * The tasks of the OpenAPI document that the options name; none when they name none. Says which settings go to which origin.
 *
 * @throws Refusal when the document cannot be read, or its service has the name or a setting of one in the catalogue.
 */
export async function openApiTasks(
  io: Io,
  { openapi, ...decisions }: OpenApiTasksOptions,
): Promise<readonly HttpTask[]> {
  const options = importOptions(decisions);
  if (openapi === undefined) {
    const [stray] = Object.entries({
      service: decisions.service,
      key: decisions.key,
      origin: decisions.origin,
      'trust-decisions': decisions.trustDecisions,
    }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    if (stray !== undefined)
      throw new Refusal('Usage', `--${stray} belongs to --openapi, which is missing.`, 'openapi');
    return [];
  }
  const [{ readOpenApiDocument }, { tasksFromOpenApi }] = await Promise.all([
    import('../openapi/document/read-document.js'),
    import('../openapi/tasks-from-openapi.js'),
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

/** Says on stderr which settings of imported services go to which origin. */
export function sayKeys(io: Io, services: readonly ServiceDefinition[]): void {
  const bindings = keyBindings(io.env, services);
  if (bindings.length > 0)
    say(
      io,
      ['Keys, and the only origin that gets them:', ...bindings.map((binding) => `  ${bindingLine(binding)}`)].join(
        '\n',
      ),
    );
}

/** @throws Refusal for a name or a setting that an imported service cannot have. */
export function importOptions({ service, key = [], origin, trustDecisions }: ImportDecisions): OpenApiOptions {
  const credentials = Object.fromEntries(key.map(schemeAndSetting));
  if (Object.keys(credentials).length < key.length)
    throw new Refusal('Usage', '--key names a security scheme twice; name each once.', 'key');
  return {
    ...(service !== undefined && { service }),
    ...(key.length > 0 && { credentials }),
    ...(origin !== undefined && { origins: origin }),
    ...(trustDecisions && { trustDecisions }),
  };
}

/** Runs what throws a TypeError for a wrong option, and refuses the command line then. */
export function refusingOptions<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const option = /^(credentials|origins|service)\b/.exec(error.message)?.[1];
    if (
      option === undefined &&
      !error.message.startsWith('The imported service') &&
      !error.message.startsWith('Two services')
    )
      throw error;
    throw new Refusal(
      'Usage',
      error.message,
      option === 'credentials' ? 'key' : option === 'origins' ? 'origin' : 'service',
    );
  }
}

function schemeAndSetting(text: string): [scheme: string, choice: { setting: string }] {
  const at = text.lastIndexOf('=');
  const [scheme, setting] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (scheme === '' || !/^[A-Z][A-Z0-9_]*$/.test(setting))
    throw new Refusal(
      'Usage',
      `--key must be SCHEME=SETTING, for example apiKey=DESK_API_KEY, not ${JSON.stringify(text)}.`,
      'key',
    );
  const why = whyNotImported(setting);
  if (why !== undefined)
    throw new Refusal(
      'Usage',
      `--key ${text}: ${setting} cannot be the key of an imported service, since ${why}. Name a setting of its own.`,
      'key',
    );
  return [scheme, { setting }];
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
