import { CATALOGUE } from '../providers/catalogue';
import { CATALOGUE_SERVICES } from '../providers/catalogue-services';
import type { Accounts } from '../tasks/worker-accounts';
import { settingsOf } from '../tasks/service';
import type { ServiceDefinition } from '../tasks/service';
import { parsePostgresUrl } from '../transport/postgres-url';
import { AllowedOrigins, parseOrigin, readHttpReads } from './origins';
import { readUi } from './console-settings';
import { databaseFile, readLedger, readPlaintext, readSources } from './database-settings';
import { readNotify, readRequests } from './request-settings';
import type { RequestSettings } from './request-settings';
import type { LedgerSettings, SourceSettings } from './database-settings';
import { readAccounts } from './account-settings';
import { readEncryption } from './encryption-settings';
import type { EncryptionSettings } from './encryption-settings';
import { ProblemList, readChoice, readInteger, readList, readText } from './env';
import type { Env } from './env';
import { unknownSettings } from './known-settings';
import { readNamedClients, readNamedSecrets } from './named-secrets';
import { readProxy, readTlsIdentities } from './network-settings';
import { readProcess, readWorkLimits } from './process-settings';
import type { ProcessSettings, WorkLimits } from './process-settings';
import { SenderSettings } from './sender-settings';
import { readServiceSettings } from './service-settings';
import { SETTINGS } from './setting-table';
import type { ServiceSettings } from './service-settings';

/** Default task queue. */
export const DEFAULT_TASK_QUEUE = SETTINGS.HTTP_TASKS_TASK_QUEUE.default;

/** The settings that every process that talks to Temporal needs. */
export interface QueueSettings {
  taskQueue: string;
  /** Names of fields with a user's bearer token that may be in unencrypted histories, for example `user_token`. */
  allowSensitive: ReadonlySet<string>;
  /** The keys that encrypt payloads; without them, histories are not encrypted. */
  encryption?: EncryptionSettings;
}

/** All settings of a worker. */
export interface Settings extends QueueSettings {
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** Whether runs write search attributes, and the worker creates those that the namespace lacks. */
  searchAttributes: boolean;
  /**
   * Whether this package's own worker creates the runs whose input the Temporal UI copies into its Start Workflow page.
   */
  startTemplates: boolean;
  /** Whether a worker serves the operations of the Nexus service. */
  nexus: boolean;
  /** URL of the Temporal UI, if known. */
  ui?: string;
  sender: SenderSettings;
  ledger: LedgerSettings;
  /** Where sweeps may read their users from. */
  sources: SourceSettings;
  /** The register of requests and its clock. @default no public holidays, 24 months */
  requests?: RequestSettings;
  /** Concurrency limits of a worker process. */
  limits: WorkLimits;
  /** Accounts of providers besides their default ones, for example `courier/acme`. @default none */
  accounts?: readonly string[];
  /** Connections that may leave this machine without TLS, as listed in HTTP_TASKS_ALLOW_PLAINTEXT. */
  allowedPlaintext: readonly string[];
}

/**
 * Reads all settings of a worker. `HTTP_TASKS_SERVICES` (comma-separated names) selects services; only those need
 * credentials. Where some are required and it is not set, a service none of whose credentials is set is left out.
 *
 * @param required Services that are always read, such as those of the worker's own providers.
 * @param accounts Accounts of providers, instead of `HTTP_TASKS_ACCOUNTS`.
 * @throws SettingsError that lists every problem.
 */
export function readSettings(
  env: Env,
  services: readonly ServiceDefinition[] = CATALOGUE_SERVICES,
  required: readonly ServiceDefinition[] = [],
  accounts?: readonly string[],
): Settings {
  const problems = new ProblemList();
  return problems.finish(readTasks(env, { services, required, ...(accounts && { accounts }) }, problems));
}

/**
 * Reads all settings of this package's own worker process.
 *
 * @throws SettingsError that lists every problem.
 */
export function readWorkerSettings(
  env: Env,
  services: readonly ServiceDefinition[] = CATALOGUE_SERVICES,
  required: readonly ServiceDefinition[] = [],
): { settings: Settings; process: ProcessSettings } {
  const problems = new ProblemList();
  for (const { setting, message } of unknownSettings(env)) problems.add(setting, message);
  const settings = readTasks(env, { services, required }, problems);
  const process = readProcess(env, problems);
  return { settings: problems.finish(settings), process };
}

/**
 * Reads the settings needed to send calls of these services, and nothing else.
 *
 * @throws SettingsError that lists every problem.
 */
export function readSenderSettings(env: Env, services: readonly ServiceDefinition[]): SenderSettings {
  const problems = new ProblemList();
  return problems.finish(readSender(env, services, problems));
}

/**
 * Reads the settings needed to start workflows, and nothing else.
 *
 * @throws SettingsError that lists every problem.
 */
export function readQueueSettings(env: Env): QueueSettings {
  const problems = new ProblemList();
  return problems.finish(readQueue(env, problems));
}

/** The services that a worker may use, and those that it has to have. */
interface WantedServices {
  services: readonly ServiceDefinition[];
  required: readonly ServiceDefinition[];
  accounts?: readonly string[];
}

function readTasks(env: Env, wanted: WantedServices, problems: ProblemList): Settings | undefined {
  const accounts = readAccounts(env, providersOf(wanted), problems, wanted.accounts);
  const sender = readSender(env, chosenServices(env, wanted, accounts, problems), problems);
  const ledger = readLedger(env, problems);
  const sources = readSources(env, problems);
  const queue = readQueue(env, problems);
  const logLevel = readChoice(env, 'HTTP_TASKS_LOG_LEVEL', problems);
  const searchAttributes = readChoice(env, 'HTTP_TASKS_SEARCH_ATTRIBUTES', problems) === 'on';
  const startTemplates = readChoice(env, 'HTTP_TASKS_START_TEMPLATES', problems) === 'on';
  const nexus = readChoice(env, 'HTTP_TASKS_NEXUS', problems) === 'on';
  const ui = readUi(env, problems);
  const notify = readNotify(env, sender.httpAllow, problems);
  const requests = { ...readRequests(env, problems), ...(notify && { notify }) };
  const limits = readWorkLimits(env, problems);
  const allowedPlaintext = readPlaintext(env, new ProblemList()).items;
  return (
    ledger && {
      ...queue,
      logLevel,
      searchAttributes,
      startTemplates,
      nexus,
      ...(ui !== undefined && { ui }),
      sender,
      sources,
      ledger,
      requests,
      limits,
      ...(accounts.listed.length > 0 && { accounts: accounts.listed }),
      allowedPlaintext,
    }
  );
}

/** The services that may have accounts. */
function providersOf({ services, required }: WantedServices): ServiceDefinition[] {
  const own = CATALOGUE_SERVICES.filter(({ name }) => services.some((service) => service.name === name));
  return [...own.filter(({ name }) => !required.some((one) => one.name === name)), ...required];
}

/** A provider with accounts may have no default account: none of its keys is set then. */
function chosenServices(
  env: Env,
  wanted: WantedServices,
  accounts: Accounts,
  problems: ProblemList,
): ServiceDefinition[] {
  const main = mainServices(env, wanted, problems).filter(
    (service) => accounts.of(service.name).length === 0 || isBegun(env, service),
  );
  return [...main, ...accounts.servicesAt(providersOf(wanted))];
}

function mainServices(
  env: Env,
  { services: some, required }: WantedServices,
  problems: ProblemList,
): ServiceDefinition[] {
  const services = [...some.filter(({ name }) => !required.some((one) => one.name === name)), ...required];
  const names = readList(env, 'HTTP_TASKS_SERVICES');
  if (names.length === 0) {
    // Who has providers of their own need not have accounts at those that come with the package.
    return required.length === 0
      ? services
      : services.filter((service) => required.includes(service) || isBegun(env, service));
  }
  for (const name of names) {
    if (services.some((service) => service.name === name)) continue;
    problems.add(
      'HTTP_TASKS_SERVICES',
      `"${name}" is not a service; allowed: ${services.map((service) => service.name).join(', ')}.`,
    );
  }
  // A service without credentials is always included; its own allowlist protects it.
  return services.filter(
    (service) => required.includes(service) || names.includes(service.name) || service.credentials.length === 0,
  );
}

/** Whether any credential of a service is set; also where it needs none. */
function isBegun(env: Env, { credentials }: ServiceDefinition): boolean {
  const settings = credentials.flatMap(settingsOf);
  return settings.length === 0 || settings.some((setting) => env[setting] ?? env[`${setting}_FILE`]);
}

function readSender(env: Env, services: readonly ServiceDefinition[], problems: ProblemList): SenderSettings {
  const read = new Map<string, ServiceSettings>();
  for (const service of services) {
    const routePrefix = routePrefixOf(service);
    const settings = readServiceSettings(env, service, problems, routePrefix === undefined ? {} : { routePrefix });
    if (settings) read.set(service.name, settings);
  }
  const totalTimeoutMs = readInteger(env, 'HTTP_TASKS_TOTAL_TIMEOUT_MS', problems);
  const httpAllowPrivate = readOrigins(env, 'HTTP_TASKS_HTTP_ALLOW_PRIVATE', problems);
  const namedSecrets = readNamedSecrets(env, problems);
  const proxy = readProxy(env, problems);
  return new SenderSettings({
    services: read,
    httpAllow: readAllowed(env, 'HTTP_TASKS_HTTP_ALLOW', httpAllowPrivate, problems),
    httpAllowPrivate,
    httpReads: readHttpReads(env, problems),
    namedSecrets,
    namedClients: readNamedClients(env, new Set(namedSecrets.keys()), problems),
    tlsIdentities: readTlsIdentities(env, problems),
    ...(proxy && { proxy }),
    ...(totalTimeoutMs !== undefined && { totalTimeoutMs }),
  });
}

/** Returns the first path segment that all routes of a service share, for example `/1.0`. */
function routePrefixOf(service: ServiceDefinition): string | undefined {
  const prefixes = new Set(
    CATALOGUE.filter((task) => task.service.name === (service.account?.of ?? service).name).map(
      (task) => /^\/[^/{]+(?=\/)/.exec(task.path)?.[0],
    ),
  );
  return prefixes.size === 1 ? [...prefixes][0] : undefined;
}

function readQueue(env: Env, problems: ProblemList): QueueSettings {
  const encryption = readEncryption(env, problems);
  const allowSensitive = readList(env, 'HTTP_TASKS_ALLOW_SENSITIVE');
  for (const field of allowSensitive) {
    if (/^[A-Za-z_][A-Za-z0-9_.]*$/.test(field)) continue;
    problems.add(
      'HTTP_TASKS_ALLOW_SENSITIVE',
      'contains an entry that is not a field name; write for example user_token,access_token.',
    );
    break;
  }
  return {
    taskQueue: readText(env, 'HTTP_TASKS_TASK_QUEUE') ?? DEFAULT_TASK_QUEUE,
    allowSensitive: new Set(allowSensitive),
    ...(encryption && { encryption }),
  };
}

function readAllowed(env: Env, setting: string, more: Iterable<string>, problems: ProblemList): AllowedOrigins {
  const allowed = new AllowedOrigins();
  for (const entry of readList(env, setting)) {
    const wrong = allowed.add(entry);
    if (wrong !== undefined) problems.add(setting, wrong);
  }
  for (const origin of more) allowed.add(origin);
  return allowed;
}

function readOrigins(env: Env, setting: string, problems: ProblemList): ReadonlySet<string> {
  const origins = new Set<string>();
  for (const entry of readList(env, setting)) {
    const origin = parseOrigin(entry);
    if (typeof origin === 'string') problems.add(setting, origin);
    else origins.add(origin.origin);
  }
  return origins;
}

/** The effective setup of a worker, for its log; contains no credentials. */
export interface SetupLine {
  taskQueue: string;
  /** Environment of each configured service. */
  environments: Readonly<Record<string, string>>;
  ledger: string;
  encryption: string;
  /** Names that `source.query` may use. */
  sources: readonly string[];
  /** Connections that may leave this machine without TLS. */
  allowedPlaintext: readonly string[];
  off: readonly string[];
}

/**
 * Returns the setup of a worker with these settings, and which protections and services are off.
 *
 * @param known Names of the services that the worker could serve.
 * @param own What a worker in a host's process decides itself. @default the settings
 */
export function setupLine(
  settings: Settings,
  known: readonly string[],
  own: { taskQueue?: string; encryption?: string; workflows?: boolean } = {},
): SetupLine {
  const { sender, ledger, encryption, sources, allowedPlaintext } = settings;
  const {
    taskQueue = settings.taskQueue,
    encryption: encrypted = encryption ? `on, plain-text inputs: ${encryption.plaintext}` : 'off',
    workflows = true,
  } = own;
  const services = [...sender.services.values()];
  const environments = Object.fromEntries(services.map(({ service, environment }) => [service, environment]));
  const off = [
    ...(encrypted === 'off' ? ['encryption'] : []),
    ...(encrypted === 'on, plain-text inputs: accept' ? ['refusal of plain-text inputs'] : []),
    ...allowedPlaintext.map((item) => `TLS for ${item}`),
    ...known.filter((service) => !sender.services.has(service)).map((service) => `service ${service}`),
    ...(settings.searchAttributes ? [] : ['search attributes']),
    ...(settings.nexus ? [] : ['Nexus']),
    ...(workflows ? [] : ['workflows (this worker has activities only)']),
  ];
  return {
    taskQueue,
    environments,
    ledger: ledgerText(ledger),
    encryption: encrypted,
    sources: sources.queryNames,
    allowedPlaintext,
    off,
  };
}

/** Formats the setup as one sentence, for a host's log. */
export function setupText({ taskQueue, environments, ledger, encryption, sources, off }: SetupLine): string {
  const services = Object.entries(environments).map(([service, environment]) => `${service} (${environment})`);
  const parts = [
    `task queue ${taskQueue}`,
    `services ${services.join(', ')}`,
    `ledger ${ledger}`,
    `encryption ${encryption}`,
    `sources ${sources.join(', ') || 'none'}`,
    `off: ${off.join(', ') || 'nothing'}`,
  ];
  return `HTTP tasks: ${parts.join('; ')}.`;
}

const VERIFIED = {
  full: 'TLS, server verified',
  ca: 'TLS, authority verified',
  none: 'TLS, server not verified',
} as const;

function ledgerText({ url, plaintextAllowed }: LedgerSettings): string {
  if (url.startsWith('file:')) return `file:${databaseFile(url) ?? ''}`;
  const target = parsePostgresUrl(url, { item: 'ledger', plaintextAllowed });
  return typeof target === 'string'
    ? 'unusable'
    : `${target.label} (${target.tls ? VERIFIED[target.tls.verify] : 'no TLS'})`;
}
