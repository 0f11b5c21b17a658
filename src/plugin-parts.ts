import { ONLY_ENVIRONMENT } from './policy/user-ids';
import { Runtime } from '@temporalio/worker';
import type { Worker, WorkerOptions } from '@temporalio/worker';
import { createHttpTaskActivities } from './activities/create-activities';
import type { HttpTaskActivities } from './activities/create-activities';
import { EncryptionCodec } from './codec/encryption-codec';
import { bindingLine, keyBindings } from './config/service-settings';
import { nearMisses, unknownSettings } from './config/known-settings';
import type { SettingProblem } from './config/env';
import { readSettings, setupLine, setupText } from './config/settings';
import type { Settings } from './config/settings';
import { withLimits } from './config/process-settings';
import { createSubjectHasher } from './ledger/subject';
import { createNexusService } from './nexus-handlers/create-nexus-service';
import { readPolicy, refuseMisspelledNames } from './operator-policy/read-policy';
import type { HttpTasksPluginOptions } from './plugin-options';
import type { Provider } from './providers/definition';
import { ProviderSet, servicesOf } from './providers/provider-set';
import { batch, plaid } from './providers/catalogue';
import type { Catalogue } from './providers/catalogue';
import { CATALOGUE_SERVICES } from './providers/catalogue-services';
import { mainServiceOf } from './tasks/accounts';
import { Accounts } from './tasks/worker-accounts';
import { servicesFor } from './tasks/needed-services';

/** A service of Nexus as a worker takes it. */
export type NexusService = NonNullable<WorkerOptions['nexusServices']>[number];

/** What is created from the settings. */
export interface PluginParts {
  activities: HttpTaskActivities;
  nexusService: NexusService | undefined;
  searchAttributes: boolean;
  chunkSlots: number;
  uiUrl: string | undefined;
  /** What to log at startup in a host's worker. */
  notes: Notes | undefined;
  /** Where keys of imported services are sent, to be logged before the first call. */
  keyLines: readonly string[];
}

/**
 * Creates what the plugin needs from its options; nothing is connected or opened.
 *
 * @throws SettingsError that lists every missing or wrong setting.
 * @throws PolicyError for a policy file that is not valid, or has a misspelled name of a service or environment.
 */
export function partsOf(options: HttpTasksPluginOptions, catalogue: Catalogue): PluginParts {
  const { env = process.env, settings, sources, searchAttributes, nexus, onLedgerEvent } = options;
  const providers = ownProviders(options);
  const tasks = [...(options.tasks ?? []), ...providers.flatMap((provider) => provider.tasks)];
  const services = [...new Set([...CATALOGUE_SERVICES, ...tasks.map(({ service }) => service)])];
  const needed = [
    ...CATALOGUE_SERVICES,
    ...servicesFor(tasks).filter(({ name }) => !CATALOGUE_SERVICES.some((own) => own.name === name)),
  ];
  const required = servicesOf(providers);
  const policy = readPolicy(env);
  if (policy) refuseMisspelledNames(policy, services);
  const given = settings ?? readSettings(env, needed, required, options.accounts);
  const accounts = new Accounts(given.accounts);
  const missing = required.find(({ name }) => !given.sender.services.has(name) && accounts.of(name).length === 0);
  if (missing) throw new TypeError(`The settings that were given have none of the provider ${missing.name}.`);
  const read = { ...given, limits: withLimits(given.limits, options.limits) };
  const misspelt = settings
    ? []
    : [...unknownSettings(env), ...nearMisses(env, [...services, ...accounts.servicesAt(services)])];
  return {
    activities: createHttpTaskActivities({
      settings: read,
      catalogue,
      providers: new ProviderSet(providers, accounts),
      sources,
      policy,
      onLedgerEvent,
    }),
    nexusService: (nexus ?? read.nexus) ? nexusServiceOf(read, catalogue, accounts) : undefined,
    searchAttributes: searchAttributes ?? read.searchAttributes,
    chunkSlots: read.limits.chunkSlots,
    uiUrl: read.ui,
    notes: settings
      ? undefined
      : { settings: read, services: [...services, ...accounts.servicesAt(services)].map(({ name }) => name), misspelt },
    keyLines: keyBindings(env, needed)
      .filter(({ service }) => read.sender.services.has(service))
      .map(bindingLine),
  };
}

/** Returns the host's own providers; those of the package are in every worker, and may be listed, too. */
export function ownProviders({ providers = [] }: HttpTasksPluginOptions): Provider[] {
  return providers.filter((one): one is Provider => one !== plaid && one !== batch);
}

/** What to log at startup of a host's worker. */
interface Notes {
  settings: Settings;
  services: readonly string[];
  misspelt: readonly SettingProblem[];
}

/** Logs the setup. A host's process may have variables for other software, so misspelled settings are only warnings. */
export function noteSetup({ settings, services, misspelt }: Notes, { options }: Worker, plugin: string): void {
  const { taskQueue, loadedDataConverter, workflowsPath, workflowBundle } = options;
  const { logger } = Runtime.instance();
  for (const { setting, message } of misspelt)
    logger.warn(`The environment variable ${setting} ${message}`, { plugin });
  const codecs = loadedDataConverter.payloadCodecs;
  // The host decides whether payloads are encrypted, whatever the settings say.
  const own = codecs.some((codec) => codec instanceof EncryptionCodec)
    ? {}
    : { encryption: codecs.length > 0 ? "by the host's own codec" : 'off' };
  const workflows = workflowsPath !== undefined || workflowBundle !== undefined;
  logger.info(setupText(setupLine(settings, services, { taskQueue, workflows, ...own })), { plugin });
}

function nexusServiceOf({ ledger, sender }: Settings, catalogue: Catalogue, accounts: Accounts): NexusService {
  return createNexusService({
    hasher: createSubjectHasher(ledger.subjectKey),
    serviceNameAt: (provider, account) => accounts.serviceNameAt(provider, account),
    environmentOf: (name) =>
      sender.services.get(name)?.environment ??
      CATALOGUE_SERVICES.find((service) => service.name === mainServiceOf(name))?.defaultEnvironment ??
      ONLY_ENVIRONMENT,
    catalogue,
  });
}
