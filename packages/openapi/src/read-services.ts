import { defineService, settingsOf } from 'temporal-http-tasks/internal/tasks/service';
import type {
  CredentialRule,
  ImportedService,
  RateLimit,
  ServiceDefinition,
} from 'temporal-http-tasks/internal/tasks/service';
import type { DocumentNode } from './document/document-node';
import { readErrors } from './operation/responses';
import { capitalised, freeName, upperSnakeCase } from './operation/names';
import type { ReadOperation } from './operation/read-operation';
import type { Servers } from './operation/servers';
import type { TaskPlan } from './operation/task-plan';
import type { OpenApiOptions, OperationDecision } from './options';
import type { SchemaReader } from './schema/read-schema';

/** An operation that was read. */
export interface TakenOperation extends ReadOperation {
  node: DocumentNode;
  decision: OperationDecision;
  servers: Servers;
}

/** A service with the plans of its tasks. */
export interface PlannedService {
  service: ServiceDefinition;
  plans: readonly TaskPlan[];
}

/**
 * The services of a document: one, and one more for each set of operations that have addresses of their own, since a
 * task is sent to its service's address.
 */
export function servicesOf(
  root: DocumentNode,
  name: string,
  usual: Servers,
  imported: ImportedService,
  taken: readonly TakenOperation[],
  options: OpenApiOptions,
  outputs: SchemaReader,
): { services: PlannedService[]; open: string[] } {
  if (taken.length === 0) return { services: [], open: [] };
  if (typeof options.service === 'object')
    return { services: [{ service: options.service, plans: taken.map(({ plan }) => plan) }], open: [] };
  const errors =
    options.errors ??
    readErrors(
      taken.map(({ node }) => node),
      outputs,
    );
  const names = new Set([name]);
  const groups = new Map<string, { name: string; members: TakenOperation[] }>([[keyOf(usual), { name, members: [] }]]);
  for (const one of taken) {
    const key = keyOf(one.servers);
    let group = groups.get(key);
    if (!group) {
      group = { name: freeName(`${name}${capitalised(hostLabel(one.servers)) || 'Other'}`, names), members: [] };
      groups.set(key, group);
    }
    group.members.push(one);
  }
  const services = [...groups.values()].flatMap(({ name: group, members }) =>
    members.length === 0 ? [] : [serviceOf(root, group, imported, members, options, errors)],
  );
  return { services, open: openQuestions(usual, imported, taken, services, options) };
}

function openQuestions(
  usual: Servers,
  imported: ImportedService,
  taken: readonly TakenOperation[],
  services: readonly PlannedService[],
  options: OpenApiOptions,
): string[] {
  const keys = [...new Set(taken.flatMap((one) => one.taken))].filter(
    (name) => !Object.hasOwn(options.secretFields ?? {}, name),
  );
  const versions = services.flatMap(({ service }) => service.credentials).filter(({ name }) => /version$/i.test(name));
  return [
    ...serverQuestions(usual, taken, services, options),
    ...(keys.length === 0
      ? []
      : [`keys: the fields ${keys.join(', ')} are taken for the credentials of these names, and are not input`]),
    ...[
      ...new Set(
        versions.map(
          ({ name, setting }) =>
            `credentials: ${name} looks like a version and no secret; give it a value, or set ${setting}`,
        ),
      ),
    ],
    ...keyQuestions(imported, services, options),
    ...tokenQuestions(services),
    ...(taken.some(({ decision }) => decision.rateLimit)
      ? []
      : ['rateLimits: the limits of the service, which no OpenAPI document says']),
    ...(options.errors
      ? []
      : [
          "errors: what the service's error codes mean, above all which of them say that keys are wrong or that it is to be slower",
        ]),
  ];
}

/** What the document leaves open about the addresses of each service, with the setting that decides it. */
function serverQuestions(
  usual: Servers,
  taken: readonly TakenOperation[],
  services: readonly PlannedService[],
  options: OpenApiOptions,
): string[] {
  if (options.defaultEnvironment !== undefined) return [];
  const others = [...new Map(taken.map(({ servers }) => [keyOf(servers), servers])).values()].filter(
    (servers) => keyOf(servers) !== keyOf(usual),
  );
  return [usual, ...others].flatMap((servers) => {
    const service = services
      .map((one) => one.service)
      .find(({ environments }) => keyOf({ environments }) === keyOf(servers));
    const of = servers === usual || !service ? '' : `of ${service.name}, `;
    const settings = [service?.environmentSetting, service?.baseUrlSetting].filter((setting) => setting !== undefined);
    const by = settings.length === 0 ? '' : ` (${settings.join(', ')})`;
    const only =
      servers.only === undefined || options.productionEnvironments
        ? []
        : [`${servers.only} is the only server and counts as production`];
    return [...only, ...servers.open].map((what) => `servers: ${of}${what}${by}`);
  });
}

/** The document names the receiver of the keys, so that a person has to check it. */
function keyQuestions(
  { as, origins }: ImportedService,
  services: readonly PlannedService[],
  options: OpenApiOptions,
): string[] {
  const rules = services.flatMap(({ service }) => service.credentials);
  const namesOf = (some: readonly CredentialRule[]): string => [...new Set(some.flatMap(settingsOf))].join(', ');
  const [unnamed, named] = [rules.filter((rule) => rule.unnamed), rules.filter((rule) => !rule.unnamed)];
  const isOperators = options.origins !== undefined || options.baseUrl !== undefined;
  return [
    ...(unnamed.length === 0
      ? []
      : [
          `credentials: no key is read until you name the service (--service ${as}, or service in code), then from ${namesOf(unnamed)}; or name a setting for each scheme (--key SCHEME=SETTING, or credentials in code)`,
        ]),
    ...(named.length === 0 || isOperators
      ? []
      : [
          `credentials: ${namesOf(named)} ->  ${origins.length === 0 ? 'no origin yet' : origins.join(', ')}, which the document names; check that this is the provider, or say which origins may get them (--origin, or origins in code)`,
        ]),
  ];
}

/** Reported for a person to check, because a secret is sent there. */
function tokenQuestions(services: readonly PlannedService[]): string[] {
  const questions = services
    .flatMap(({ service }) => service.credentials)
    .flatMap(({ setting, clientCredentials }) => {
      if (!clientCredentials) return [];
      const { tokenUrl, clientIdSetting, settings = {} } = clientCredentials;
      return [
        `credentials: access tokens come from ${JSON.stringify(tokenUrl)}, to which ${clientIdSetting} and ${setting} are sent; ${settings.tokenUrl} names another token endpoint, and must name one that is not at the service's own origins; ${settings.scope} says what they are to be good for`,
      ];
    });
  return [...new Set(questions)];
}

function serviceOf(
  root: DocumentNode,
  name: string,
  imported: ImportedService,
  members: readonly TakenOperation[],
  options: OpenApiOptions,
  errors: ServiceDefinition['errors'],
): PlannedService {
  const [{ servers }] = members as [TakenOperation];
  const credentials: CredentialRule[] = [];
  for (const { rules } of members) {
    for (const rule of rules) if (!credentials.some(({ setting }) => setting === rule.setting)) credentials.push(rule);
  }
  const docs = webAddress(textAt(root.at('externalDocs'), 'url'));
  // Only the service that the operator named has settings for its address; a name made of a server's has none.
  const isNamed = imported.baseUrlSetting !== undefined && name === imported.as;
  const { defaultEnvironment: chosen } = options;
  const byDefault =
    chosen !== undefined && (Object.hasOwn(servers.environments, chosen) || keysOf(servers).length > 1)
      ? chosen
      : servers.defaultEnvironment;
  // Where one has to be chosen, there has to be a setting for it, also for operations with servers of their own.
  const mayChoose =
    keysOf(servers).length > 0 &&
    (isNamed
      ? keysOf(servers).length > 1 || byDefault === undefined
      : imported.baseUrlSetting !== undefined && byDefault === undefined);
  const headers = [
    ...members.flatMap((member) => Object.entries(member.headers)),
    ...Object.entries(options.headers ?? {}),
  ];
  const service = defineService({
    name,
    // The document's own title could be another provider's, and messages say who takes keys.
    title: name,
    ...(docs !== undefined && { docs }),
    environments: servers.environments,
    ...(byDefault !== undefined && { defaultEnvironment: byDefault }),
    productionEnvironments: options.productionEnvironments ?? servers.productionEnvironments,
    ...(mayChoose && { environmentSetting: environmentSettingOf(name) }),
    ...(isNamed && { baseUrlSetting: baseUrlSettingOf(name) }),
    headers: Object.fromEntries(headers.map(([header, value]) => [header.toLowerCase(), value])),
    credentials,
    rateLimits: members.flatMap(({ plan, decision }): RateLimit[] =>
      decision.rateLimit ? [{ operation: plan.operation, ...decision.rateLimit }] : [],
    ),
    errors,
    imported,
  });
  return {
    service,
    plans: members.map(({ plan, rules }) => (isSame(rules, credentials) ? plan : { ...plan, credentials: rules })),
  };
}

/** The setting with the base URL of an imported service that the operator named. */
export function baseUrlSettingOf(service: string): string {
  return `${upperSnakeCase(service)}_BASE_URL`;
}

/** The setting with the environment of an imported service that the operator named. */
export function environmentSettingOf(service: string): string {
  return `${upperSnakeCase(service)}_ENV`;
}

/** Pages link to it. */
function webAddress(text: string | undefined): string | undefined {
  return text !== undefined && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? text : undefined;
}

/** Whether a task signs in as all of its service do, in whatever order. */
function isSame(rules: readonly CredentialRule[], credentials: readonly CredentialRule[]): boolean {
  return (
    rules.length === credentials.length &&
    rules.every((rule) => credentials.some((other) => JSON.stringify(other) === JSON.stringify(rule)))
  );
}

function keysOf({ environments }: Servers): string[] {
  return Object.keys(environments);
}

function keyOf({ environments }: Pick<Servers, 'environments'>): string {
  return JSON.stringify(environments);
}

function hostLabel({ environments }: Servers): string {
  const [first = ''] = Object.values(environments);
  return URL.canParse(first) ? (new URL(first).hostname.split('.')[0] ?? '') : '';
}

function textAt(node: DocumentNode | undefined, key: string): string | undefined {
  const value = node?.at(key)?.value;
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
