import type { OpenApiDocument } from './document/document';
import { DocumentNode } from './document/document-node';
import { ignoredIn } from './document/newer';
import { OpenApiError } from './document/openapi-error';
import { whyNotImported } from 'temporal-http-tasks/internal/tasks/imported-settings';
import type { ImportedService } from 'temporal-http-tasks/internal/tasks/service';
import { findOperations } from './operation/find-operations';
import type { FoundOperation } from './operation/find-operations';
import type { Allowance } from './operation/input';
import { camelCase } from './operation/names';
import { readOperation, summarize } from './operation/read-operation';
import type { OperationContext } from './operation/read-operation';
import { Security } from './operation/security';
import { readServers, serversAt } from './operation/servers';
import type { Servers } from './operation/servers';
import type {
  OpenApiOptions,
  OpenApiReport,
  OperationDecision,
  OperationSummary,
  ProviderDocumentOptions,
} from './options';
import { baseUrlSettingOf, environmentSettingOf, servicesOf } from './read-services';
import type { PlannedService, TakenOperation } from './read-services';
import { KnownFields } from './schema/known-fields';
import { SchemaReader } from './schema/read-schema';
import type { NamedShapes } from './schema/shape';

/** A document, read: services, and the plan of each task. */
export interface ReadApi {
  services: readonly PlannedService[];
  report: OpenApiReport;
  inputs: NamedShapes;
  outputs: NamedShapes;
}

/**
 * Reads the operations of a document. One that cannot be made a task is skipped and reported; the others are not.
 *
 * @throws OpenApiError when the document itself cannot be used.
 * @throws TypeError when an option names what the document does not have.
 */
export function readApi(document: OpenApiDocument, options: ProviderDocumentOptions = {}): ReadApi {
  const root = DocumentNode.root(document);
  const name = serviceName(root, options);
  refuseServiceName(options);
  const context = contextOf(root, document, name, options);
  const usual =
    options.baseUrl === undefined ? readServers(root.at('servers'), document.location) : serversAt(options.baseUrl);
  const imported = importedOf(name, usual, options);
  const { found, broken } = findOperations(root);
  const chosen = found.filter(chooser(options.operations, found));
  const skipped =
    options.operations === undefined ? broken.map(({ operation, error }) => ({ operation, why: error.message })) : [];
  const operations = chosen.length + skipped.length;
  const decisionFor = decider(options.decide, found);
  const allowanceFor = allower(options.allowUnknown, found);
  const taken: TakenOperation[] = [];
  for (const one of chosen) {
    const decision = decisionFor(one);
    try {
      const read = readOperation(one, context, decision, allowanceFor(one, decision));
      const servers = serversFor(one, usual, document, options);
      if (read.rules.length > 0 && servers !== usual && typeof options.service !== 'object')
        refuseOtherOrigins(one, servers, imported);
      taken.push({ ...read, node: one.node, decision, servers });
    } catch (error) {
      if (!(error instanceof OpenApiError)) throw error;
      skipped.push({ operation: one.operation, why: error.message });
    }
  }
  const { services, open } = servicesOf(root, name, usual, imported, taken, options, context.outputs);
  const decide = [
    ...(document.isNewer ? newerIn(document) : []),
    ...open.map((what) => ({ operation: '*', what })),
    ...taken.flatMap((one) => one.open.map((what) => ({ operation: one.plan.operation, what }))),
  ];
  return {
    services,
    report: { operations, imported: taken.length, skipped, decide },
    inputs: context.taken,
    outputs: context.outputs,
  };
}

/** How many places of one kind are named. */
const MOST_PLACES = 3;

/** What of OpenAPI 3.2 is ignored; operations that need what is not read are skipped instead. */
function newerIn(document: OpenApiDocument): OpenApiReport['decide'] {
  const ignored = document.locations.flatMap((location) => ignoredIn(document.file(location)));
  const byKind = new Map<string, string[]>();
  for (const { what, places } of ignored) byKind.set(what, [...(byKind.get(what) ?? []), ...places]);
  const lines = [...byKind].map(([what, places]) => {
    const more = places.length > MOST_PLACES ? ` and ${places.length - MOST_PLACES} more` : '';
    return `ignored in OpenAPI 3.2: ${what} (${places.slice(0, MOST_PLACES).join(', ')}${more})`;
  });
  return ['openapi: 3.2 is read as 3.1; what only 3.2 has is ignored, or its operation is skipped', ...lines].map(
    (what) => ({ operation: '*', what }),
  );
}

/** The operations of a document, to be listed and searched, without reading any of them. */
export function listOperations(document: OpenApiDocument): (OperationSummary & { description: string })[] {
  return findOperations(DocumentNode.root(document)).found.map((found) => {
    const description = found.node.at('description')?.value;
    return { ...summarize(found), description: typeof description === 'string' ? description : '' };
  });
}

/** Words of titles that are not part of a name: "The Plaid API v3". */
const NO_NAME =
  /^(the|an?|rest|api|apis|http|json|openapi|swagger|spec|specification|documentation|docs|reference|public|v?\d.*)$/i;

/** The name of a document's service: a given one, or up to three words of the title. */
export function serviceName(root: DocumentNode, { service }: OpenApiOptions): string {
  if (service !== undefined) return typeof service === 'string' ? service : service.name;
  const title = readable(root, 'info')?.at('title')?.value;
  const words = (typeof title === 'string' ? title : '')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '' && !NO_NAME.test(word));
  return (
    camelCase(
      words
        .slice(0, 3)
        .map((word) => word.toLowerCase())
        .join(' '),
    ) || 'api'
  );
}

/** What is only shown to people, and what is left out where it cannot be read. */
function readable(root: DocumentNode, key: string): DocumentNode | undefined {
  try {
    return root.follow(key);
  } catch {
    return undefined;
  }
}

/** Reports why an operator's name for an imported service cannot be used; undefined when it can. */
export function whyNotServiceName(name: string): string | undefined {
  if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) return 'must start with a small letter and contain letters and digits only';
  for (const setting of [baseUrlSettingOf(name), environmentSettingOf(name)]) {
    const why = whyNotImported(setting);
    if (why !== undefined)
      return `"${name}" would make ${setting} a setting of the imported service, but ${why}; choose another name`;
  }
  return undefined;
}

function refuseServiceName({ service }: OpenApiOptions): void {
  const why = typeof service === 'string' ? whyNotServiceName(service) : undefined;
  if (why !== undefined) throw new TypeError(`service: ${why}.`);
}

/** Where the keys of the service may go: to origins that the operator names, else to the servers for all operations. */
function importedOf(name: string, usual: Servers, { service, origins }: OpenApiOptions): ImportedService {
  const own = usual.isOpen
    ? []
    : Object.values(usual.environments).flatMap((url) => (URL.canParse(url) ? [new URL(url).origin] : []));
  const bound = origins?.map(originIn);
  return {
    as: name,
    origins: [...new Set(bound ?? own)],
    ...(typeof service === 'string' && { baseUrlSetting: baseUrlSettingOf(service) }),
  };
}

/** @throws TypeError for what is more or less than an origin. */
function originIn(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && [url.origin, `${url.origin}/`].includes(text.toLowerCase()))
    return url.origin;
  throw new TypeError(
    `origins: "${text}" is not an origin; write scheme, host and port only, for example https://api.example.com.`,
  );
}

/** An operation of a document must not send the service's keys to a server of its own choice. */
function refuseOtherOrigins({ node }: FoundOperation, { environments }: Servers, { origins }: ImportedService): void {
  const foreign = Object.values(environments)
    .map((url) => (URL.canParse(url) ? new URL(url).origin : url))
    .find((origin) => !origins.includes(origin));
  if (foreign === undefined) return;
  const bound = origins.length === 0 ? 'no origin' : origins.join(', ');
  node.refuse(
    `signs in and has a server of its own at ${foreign}, and the keys are bound to ${bound}; say that ${foreign} may get them (--origin, or origins in code), or set the base URL in code`,
  );
}

function contextOf(
  root: DocumentNode,
  document: OpenApiDocument,
  service: string,
  options: ProviderDocumentOptions,
): OperationContext {
  const security = new Security(root, {
    service,
    named: typeof options.service === 'string',
    schemes: options.credentials ?? {},
    fields: options.secretFields ?? {},
    ...(options.signIn && { signIn: options.signIn }),
    ...(options.security && { preferred: options.security }),
    ...(options.signInWith && { undescribed: options.signInWith }),
    ...(typeof options.service === 'object' && { given: options.service.credentials }),
  });
  const link = readable(root, 'externalDocs')?.at('url')?.value;
  const inputs = new SchemaReader(root, document.version, 'input');
  return {
    inputs,
    taken: new KnownFields(inputs),
    outputs: new SchemaReader(root, document.version, 'output'),
    security,
    decisions: options.ignoreDecisions ? 'ignored' : options.trustDecisions ? 'trusted' : 'careful',
    docs: options.docs ?? (typeof link === 'string' ? link : undefined),
  };
}

function serversFor(
  { node, pathItem }: FoundOperation,
  usual: Servers,
  document: OpenApiDocument,
  { baseUrl }: OpenApiOptions,
): Servers {
  const own = node.at('servers') ?? pathItem.at('servers');
  return own === undefined || baseUrl !== undefined ? usual : readServers(own, document.location);
}

function chooser(
  operations: OpenApiOptions['operations'],
  found: readonly FoundOperation[],
): (operation: FoundOperation) => boolean {
  if (operations === undefined) return () => true;
  if (typeof operations === 'function') return (operation) => operations(summarize(operation));
  refuseUnknown('operations', operations, found);
  return (operation) => operations.some((wanted) => isCalled(operation, wanted));
}

function decider(
  decide: OpenApiOptions['decide'],
  found: readonly FoundOperation[],
): (operation: FoundOperation) => OperationDecision {
  if (decide === undefined) return () => ({});
  if (typeof decide === 'function') return (operation) => decide(summarize(operation)) ?? {};
  refuseUnknown('decide', Object.keys(decide), found);
  return (operation) => Object.entries(decide).find(([wanted]) => isCalled(operation, wanted))?.[1] ?? {};
}

function allower(
  allowUnknown: OpenApiOptions['allowUnknown'] = [],
  found: readonly FoundOperation[],
): (operation: FoundOperation, decision: OperationDecision) => Allowance {
  const named =
    allowUnknown === true ? [] : allowUnknown.flatMap((text) => (text === '*' ? [] : namedField(text, found)));
  return (one, { allowUnknown: own = [] }) => ({
    all: allowUnknown === true || allowUnknown.includes('*') || own === true,
    fields: [
      ...named.flatMap(({ operation, path }) => (operation === one.operation ? [path] : [])),
      ...(own === true ? [] : own),
    ],
  });
}

/** `OPERATION:PATH`; an operation's ID may have a colon of its own. */
function namedField(text: string, found: readonly FoundOperation[]): { operation: string; path: string } {
  for (const one of found) {
    const name = namesOf(one).find((called) => text.startsWith(`${called}:`));
    if (name !== undefined) return { operation: one.operation, path: text.slice(name.length + 1) };
  }
  throw new TypeError(
    `allowUnknown: ${JSON.stringify(text)} does not begin with an operation of the document; write OPERATION:PATH, for example alertsUpdate:alerts.id.`,
  );
}

/** A decision about a misspelt operation would be lost without a word. */
function refuseUnknown(option: string, wanted: readonly string[], found: readonly FoundOperation[]): void {
  const missing = wanted.find((name) => !found.some((operation) => isCalled(operation, name)));
  if (missing !== undefined)
    throw new TypeError(`${option}: the document has no operation ${JSON.stringify(missing)}.`);
}

function isCalled(found: FoundOperation, wanted: string): boolean {
  return namesOf(found).includes(wanted);
}

/** What an operation may be called by: its name, the document's ID for it, and its method and path. */
export function namesOf({
  operation,
  operationId,
  method,
  path,
}: Pick<OperationSummary, 'operation' | 'operationId' | 'method' | 'path'>): string[] {
  return [operation, ...(operationId === undefined ? [] : [operationId]), `${method} ${path}`];
}
