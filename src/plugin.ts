import { readFileSync } from 'node:fs';
import { SimplePlugin } from '@temporalio/plugin';
import { Runtime } from '@temporalio/worker';
import type { BundleOptions, Worker, WorkerOptions } from '@temporalio/worker';
import { InternalWorkers, retireWorker } from './internal-workers';
import { internalQueue, isInternalQueue } from './policy/internal-queue';
import { EncryptionCodec } from './codec/encryption-codec';
import { createHttpTaskActivities } from './activities/create-activities';
import type { HttpTaskActivities } from './activities/create-activities';
import { bindingLine, keyBindings } from './config/key-bindings';
import { readSettings } from './config/settings';
import { servicesFor } from './tasks/needed-services';
import { CATALOGUE_SERVICES } from './tasks/catalogue-services';
import type { Settings } from './config/settings';
import { LedgerUnavailableError } from './ledger/ledger';
import { nearMisses, unknownSettings } from './config/known-settings';
import type { SettingProblem } from './config/problems';
import { setupLine, setupText } from './config/setup-line';
import { withLimits } from './config/work-limits';
import type { WorkLimits } from './config/work-limits';
import type { LedgerEvent } from './ledger/open-ledger';
import { createSubjectHasher } from './ledger/subject';
import { createNexusService } from './nexus-handlers/create-nexus-service';
import type { SourceFactory } from './sources/open-source';
import { Catalogue, CATALOGUE } from './tasks/catalogue';
import type { HttpTask } from './tasks/define';
import { plaidService } from './tasks/plaid/service';
import { isPrebuilt } from './prebuilt-workflows';
import { checkBundle, checkingTheBundle } from './host-checks/check-bundle';
import type { BundleRules } from './host-checks/check-bundle';
import { refuseMixedVersions } from './host-checks/temporal-versions';
import { ensureSearchAttributes } from './operator/search-attributes';
import { startLink } from './operator/start-links';
import { makeStartTemplates } from './operator/start-templates';
import { exampleInputs } from './policy/example-inputs';

/**
 * A cancellation travels with a heartbeat, and a sweep that is paused or cancelled stops within ten seconds; left to
 * itself, the SDK would send a heartbeat every twelve.
 */
const HEARTBEAT_EVERY = '3 seconds';

const SEARCH_ATTRIBUTES_WITHIN_MS = 10_000;

const TEMPLATES_WITHIN_MS = 10_000;

type NexusService = NonNullable<WorkerOptions['nexusServices']>[number];

/** What the plugin can be given. Everything has a default. */
export interface HttpTasksPluginOptions {
  /**
   * Where settings and secrets are read from.
   * @default process.env
   */
  env?: Readonly<Record<string, string | undefined>>;
  /** Settings that were read before, instead of `env`. */
  settings?: Settings;
  /** Tasks of your own beside the catalogue's; their services need their settings too. */
  tasks?: readonly HttpTask[];
  /**
   * Sources of users of your own, for sweeps, by the name that the input's `source.custom.name` gives:
   * `{ closedAccounts: (options) => new ClosedAccounts(options) }` for `{"custom": {"name": "closedAccounts", "options": …}}`.
   * Whoever may start a workflow chooses the options, so that they must not be SQL, a path or a host.
   */
  sources?: Readonly<Record<string, SourceFactory>>;
  /**
   * Whether runs can be searched by `OffboardingStatus`, `OffboardingSweep` and `OffboardingSubject`; the worker creates
   * those that its namespace lacks.
   * @default what HTTP_TASKS_SEARCH_ATTRIBUTES says (`on` or `off`), else true
   */
  searchAttributes?: boolean;
  /**
   * Whether the worker, when it starts, makes a run for each workflow whose example input the Temporal UI copies into
   * its Start Workflow page: two events each, no call. With HTTP_TASKS_TEMPORAL_UI set, the links are logged.
   * @default false; the package's own worker makes them unless HTTP_TASKS_START_TEMPLATES is `off`
   */
  startTemplates?: boolean;
  /**
   * Whether the worker serves the Nexus service `offboarding`, for callers in other namespaces.
   * @default what HTTP_TASKS_NEXUS says (`on` or `off`), else true
   */
  nexus?: boolean;
  /**
   * Whether the worker runs the package's workflows. With `true`, a workflows file that uses nothing of the package is
   * refused, because runs of `offboardUser` and `offboardUsers` on its task queue would wait forever. Give `false` to a worker
   * that is there for the activities only, and to `bundleWorkflowCode` for its bundle.
   * @default true
   */
  workflows?: boolean;
  /**
   * How much this process does at a time, instead of what HTTP_TASKS_CALLS_PER_KEY, HTTP_TASKS_CONNECTIONS_PER_ORIGIN,
   * HTTP_TASKS_OPEN_USERS and HTTP_TASKS_CHUNK_SLOTS say; docs/deployment.md says what each costs.
   */
  limits?: Partial<WorkLimits>;
  /** Something about the ledger that an operator may want to see in a log. */
  onLedgerEvent?: (event: LedgerEvent) => void;
  /** Called once the ledger is open, right before the worker polls. */
  onReady?: () => void;
}

/**
 * Adds the HTTP tasks to a Temporal worker: an activity for each task, and the activities of the off-boarding
 * workflows. Your own workflows and activities stay. Your workflows file has to say
 * `export * from 'temporal-http-tasks/workflow'`; the plugin changes neither it nor your data converter. Unless your
 * worker says otherwise, heartbeats go to the server every three seconds, so that a cancellation arrives in time.
 *
 * The off-boarding workflows' own activities are served on two internal task queues, `<queue>.internal` and
 * `<queue>.internal.chunks`, by two more workers that the plugin runs beside yours and that share its connection.
 *
 * The ledger is opened, and brought up to date, before the worker polls. One plugin may serve several workers of a process,
 * which then share the ledger and the connections to providers: the first opens them and the last to stop closes them.
 *
 * Settings are read when the first worker is created, so that a bundle can be made where there are no secrets.
 *
 * @throws SettingsError with every missing or wrong setting at once, from `Worker.create`.
 * A workflow of yours with the name of one of ours is refused when the bundle is made, or, for a bundle made before,
 * when the worker is created; if the bundle cannot be loaded outside a workflow, its names are not compared.
 *
 * @throws TypeError naming both, when an activity, workflow or Nexus service of yours has the name of one of ours; from
 *   `Worker.create` or `bundleWorkflowCode`.
 */
export class HttpTasksPlugin extends SimplePlugin {
  readonly #options: HttpTasksPluginOptions;
  readonly #catalogue: Catalogue;
  /** Made when the first worker is created. */
  #made: Parts | undefined;
  /** The names of the internal task queues that this plugin serves. */
  readonly #internal = new Set<string>();

  constructor(options: HttpTasksPluginOptions = {}) {
    super({ name: 'temporal-http-tasks.HttpTasksPlugin' });
    refuseMixedVersions();
    this.#options = options;
    this.#catalogue = new Catalogue([...CATALOGUE, ...(options.tasks ?? [])]);
  }

  /**
   * How long ago the ledger last answered, in milliseconds, for a readiness check of the host's own; it is asked every
   * five seconds. Undefined while no worker runs.
   */
  get ledgerLagMs(): number | undefined {
    return this.#made?.activities.ledgerLagMs;
  }

  get #parts(): Parts {
    return (this.#made ??= partsOf(this.#options, this.#catalogue));
  }

  override configureWorker(options: WorkerOptions): WorkerOptions {
    // Its own internal workers come here when the connection brings the plugin.
    if (this.#internal.has(options.taskQueue)) return options;
    if (isInternalQueue(options.taskQueue)) {
      throw new TypeError(
        `${this.name}: the task queue ${options.taskQueue} ends like the name of an internal queue. Choose another name.`,
      );
    }
    const { activities, nexusService } = this.#parts;
    const own = activitiesOf(options);
    for (const name of Object.keys(activities.activities)) {
      if (!(name in own)) continue;
      throw new TypeError(
        `Your worker's activity "${name}" and the activity "${name}" of ${this.name} have one name. Rename yours: the plugin's name is part of its contract.`,
      );
    }
    const bundle = bundleCodeOf(options);
    if (bundle !== undefined && !isPrebuilt(options.workflowBundle))
      checkBundle(
        this.#bundleRules(() => Runtime.instance().logger),
        bundle,
      );
    return super.configureWorker({
      ...options,
      ...(nexusService && { nexusServices: this.#beside(nexusService, options) }),
      ...(options.maxHeartbeatThrottleInterval === undefined && { maxHeartbeatThrottleInterval: HEARTBEAT_EVERY }),
      activities: { ...own, ...activities.activities },
    });
  }

  #beside(ours: NexusService, { nexusServices = [] }: WorkerOptions): NexusService[] {
    const { name } = ours.definition;
    if (nexusServices.every(({ definition }) => definition.name !== name)) return [...nexusServices, ours];
    throw new TypeError(
      `Your worker's Nexus service "${name}" and that of ${this.name} have one name. Rename yours, or switch the plugin's off with {nexus: false}.`,
    );
  }

  override configureBundler(options: BundleOptions): BundleOptions {
    const configured = super.configureBundler(options);
    return {
      ...configured,
      webpackConfigHook: checkingTheBundle(
        this.#bundleRules(() => configured.logger),
        configured,
      ),
    };
  }

  #bundleRules(logger: BundleRules['logger']): BundleRules {
    return { pluginName: this.name, wantsOurs: this.#options.workflows ?? true, logger };
  }

  /** Runs a worker once everything it needs is there. What keeps it from starting is what this rejects with. */
  override async runWorker(worker: Worker, next: (worker: Worker) => Promise<void>): Promise<void> {
    if (this.#internal.has(worker.options.taskQueue)) return next(worker);
    try {
      await this.#serve(worker, next);
    } finally {
      // A worker that was refused has not run, and would keep its connection from being closed and its process from ending.
      if (worker.getState() === 'INITIALIZED')
        await retireWorker(worker, next).catch((error: unknown) => this.#noteUnclosed(error));
    }
  }

  async #serve(worker: Worker, next: (worker: Worker) => Promise<void>): Promise<void> {
    const { activities, notes, keyLines, chunkSlots } = this.#parts;
    const { taskQueue } = worker.options;
    // A worker has a runtime; asked for earlier, it would be made with no metrics, and the host's own settings refused.
    if (notes) noteSetup(notes, worker, this.name);
    await activities.open(Runtime.instance().metricMeter);
    let record: Awaited<ReturnType<HttpTaskActivities['announce']>> | undefined;
    let templates: Promise<void> | undefined;
    let internal: InternalWorkers | undefined;
    try {
      record = await activities.announce(worker.options);
      await this.#warnOfUnknownHolds();
      if (this.#parts.searchAttributes) await this.#useSearchAttributes(worker);
      if (this.#options.startTemplates) templates = this.#makeTemplates(worker);
      for (const which of ['short', 'chunks'] as const) this.#internal.add(internalQueue(taskQueue, which));
      internal = await InternalWorkers.create(worker, { activities: activities.activities, chunkSlots });
      for (const line of keyLines) Runtime.instance().logger.info(`Imported service ${line}`, { plugin: this.name });
      this.#options.onReady?.();
      await internal.runBeside(() => super.runWorker(worker, next));
    } finally {
      await templates;
      // What goes wrong here must not take the place of why the worker ended.
      for (const end of [() => internal?.discard(), () => record?.end(), () => activities.close()]) {
        await end()?.catch((error: unknown) => this.#noteUnclosed(error));
      }
    }
  }

  #noteUnclosed(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    Runtime.instance().logger.warn(`While the worker ended, something could not be closed: ${why}`, {
      plugin: this.name,
    });
  }

  /** Holds of 0.1.0 are hashes for one environment, which cannot be told from them: this worker may be in another one. */
  async #warnOfUnknownHolds(): Promise<void> {
    const { logger } = Runtime.instance();
    try {
      const holds = await this.#parts.activities.countUnknownHolds();
      if (holds === 0) return;
      const which = holds === 1 ? '1 hold of this ledger covers' : `${holds} holds of this ledger cover`;
      logger.warn(
        `${which} one unknown environment only (set by version 0.1.0), perhaps not this worker's. Set ${holds === 1 ? 'it' : 'them'} again: see http-tasks hold list.`,
        {
          plugin: this.name,
          holds,
        },
      );
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      logger.warn(
        'The ledger could not be asked for holds of version 0.1.0, which have to be set again; http-tasks hold list shows them.',
        { plugin: this.name },
      );
    }
  }

  /** A namespace without them costs searches only, so that nothing here keeps the worker from its work. */
  async #useSearchAttributes({ connection, options: { namespace } }: Worker): Promise<void> {
    if (!connection) return;
    const { usable, problems } = await connection.withDeadline(Date.now() + SEARCH_ATTRIBUTES_WITHIN_MS, () =>
      ensureSearchAttributes(connection.operatorService, namespace),
    );
    for (const problem of problems) Runtime.instance().logger.warn(problem, { plugin: this.name });
    this.#parts.activities.useSearchAttributes(namespace, usable);
  }

  /** They serve people at the UI only, so that they are made beside the work, and a failure is told and no more. */
  async #makeTemplates({ client, options: { namespace, taskQueue } }: Worker): Promise<void> {
    const { logger } = Runtime.instance();
    try {
      if (!client) return;
      const inputs = exampleInputs();
      const templates = await client.withDeadline(Date.now() + TEMPLATES_WITHIN_MS, () =>
        makeStartTemplates(client, { taskQueue, inputs }),
      );
      const { uiUrl } = this.#parts;
      if (uiUrl === undefined) return;
      for (const template of templates) {
        const url = startLink({ uiUrl, namespace, taskQueue }, template);
        logger.info(`To start ${template.workflowType} by hand: ${url}`, { plugin: this.name });
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      logger.warn(
        `The examples for the Temporal UI's Start Workflow page could not be made (${why}); http-tasks links makes them later.`,
        { plugin: this.name },
      );
    }
  }
}

/** What settings become. */
interface Parts {
  activities: HttpTaskActivities;
  nexusService: NexusService | undefined;
  searchAttributes: boolean;
  chunkSlots: number;
  uiUrl: string | undefined;
  /** What a host should see in its log when the worker starts. */
  notes: Notes | undefined;
  /** Which keys of imported services go where, to be logged before the first call. */
  keyLines: readonly string[];
}

/** @throws SettingsError with every missing or wrong setting at once. */
function partsOf(options: HttpTasksPluginOptions, catalogue: Catalogue): Parts {
  const { env = process.env, settings, tasks = [], sources, searchAttributes, nexus, onLedgerEvent } = options;
  const services = [...new Set([...CATALOGUE_SERVICES, ...tasks.map(({ service }) => service)])];
  const needed = [
    ...CATALOGUE_SERVICES,
    ...servicesFor(tasks).filter(({ name }) => !CATALOGUE_SERVICES.some((own) => own.name === name)),
  ];
  const given = settings ?? readSettings(env, needed);
  const read = { ...given, limits: withLimits(given.limits, options.limits) };
  const misspelt = settings ? [] : [...unknownSettings(env), ...nearMisses(env, services)];
  return {
    activities: createHttpTaskActivities({ settings: read, catalogue, sources, onLedgerEvent }),
    nexusService: (nexus ?? read.nexus) ? nexusServiceOf(read, catalogue) : undefined,
    searchAttributes: searchAttributes ?? read.searchAttributes,
    chunkSlots: read.limits.chunkSlots,
    uiUrl: read.ui,
    notes: settings ? undefined : { settings: read, services: services.map(({ name }) => name), misspelt },
    keyLines: keyBindings(env, needed)
      .filter(({ service }) => read.sender.services.has(service))
      .map(bindingLine),
  };
}

/** What is said about a host's worker when it starts. */
interface Notes {
  settings: Settings;
  services: readonly string[];
  misspelt: readonly SettingProblem[];
}

/** A host's process may have variables for others, so that a misspelt one is a warning there. */
function noteSetup({ settings, services, misspelt }: Notes, { options }: Worker, plugin: string): void {
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

function nexusServiceOf({ ledger, sender }: Settings, catalogue: Catalogue): NexusService {
  return createNexusService({
    hasher: createSubjectHasher(ledger.subjectKey),
    plaidEnvironment:
      sender.services.get(plaidService.name)?.environment ?? plaidService.defaultEnvironment ?? 'sandbox',
    catalogue,
  });
}

function activitiesOf({ activities }: WorkerOptions): Record<string, unknown> {
  if (!activities) return {};
  return activities instanceof Map ? Object.fromEntries(activities as Map<string, unknown>) : { ...activities };
}

/** The code of a bundle that was made before; one that is yet to be made goes through `configureBundler`. */
function bundleCodeOf({ workflowBundle }: WorkerOptions): string | undefined {
  if (!workflowBundle) return undefined;
  return 'code' in workflowBundle ? workflowBundle.code : readFileSync(workflowBundle.codePath, 'utf8');
}
