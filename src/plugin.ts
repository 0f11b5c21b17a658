import { readFileSync } from 'node:fs';
import { SimplePlugin } from '@temporalio/plugin';
import { Runtime } from '@temporalio/worker';
import type { BundleOptions, Worker, WorkerOptions } from '@temporalio/worker';
import { InternalWorkers, retireWorker } from './internal-workers';
import { internalQueue, isInternalQueue } from './policy/internal-queue';
import type { HttpTaskActivities } from './activities/create-activities';
import { LedgerUnavailableError } from './ledger/ledger';
import { Catalogue, CATALOGUE } from './providers/catalogue';
import type { HttpTasksPluginOptions } from './plugin-options';
import { noteSetup, ownProviders, partsOf } from './plugin-parts';
import type { NexusService, PluginParts } from './plugin-parts';
import { refuseClashes } from './providers/clashes';
import { isOwnBundle } from './host-checks/own-bundles';
import { checkBundle, checkingTheBundle } from './host-checks/check-bundle';
import type { BundleRules } from './host-checks/check-bundle';
import { refuseMixedVersions } from './host-checks/temporal-versions';
import { ensureSearchAttributes } from './operator/search-attributes';
import { findWaitingRuns } from './operator/waiting-runs';
import { startLink } from './operator/prepared-starts';
import { makeStartTemplates } from './operator/start-templates';
import { exampleInputs } from './policy/example-inputs';

/**
 * Maximum heartbeat interval. Cancellation is delivered with heartbeats, and a paused or cancelled sweep has to stop
 * within ten seconds; the SDK's default interval is up to twelve.
 */
const HEARTBEAT_EVERY = '3 seconds';

const SEARCH_ATTRIBUTES_WITHIN_MS = 10_000;

/** Maximum duration of a search for runs that wait for a person, in milliseconds. */
const SEARCH_WITHIN_MS = 10_000;

const TEMPLATES_WITHIN_MS = 10_000;

/**
 * Adds the HTTP tasks to a Temporal worker: an activity for each task, and the activities of the offboarding workflows.
 * Your own workflows and activities are unaffected. Your workflows file needs
 * `export * from 'temporal-http-tasks/workflow'`; the plugin changes neither that file nor your data converter. Unless
 * your worker sets another interval, heartbeats are sent at least every three seconds, or every six by a sweep that waits
 * for a rate limit, so that cancellation arrives in time.
 *
 * The offboarding workflows' own activities run on two internal task queues, `<queue>.internal` and
 * `<queue>.internal.chunks`, in two more workers that the plugin runs next to yours and that share its connection.
 *
 * The ledger is opened and migrated before the worker polls. One plugin may serve several workers in a process, which
 * share the ledger and the connections to providers: the first worker opens them and the last one closes them.
 *
 * Settings are read when the first worker is created, so that a bundle can be built where there are no secrets.
 *
 * A workflow of yours with the same name as one of ours is refused when the bundle is built, or, for a bundle built
 * earlier, when the worker is created. If the bundle cannot be loaded outside a workflow, its names are not compared.
 *
 * @throws SettingsError from `Worker.create` that lists every missing or wrong setting.
 * @throws TypeError that names both if an activity, workflow or Nexus service of yours has the same name as one of
 * ours; from `Worker.create` or `bundleWorkflowCode`.
 */
export class HttpTasksPlugin extends SimplePlugin {
  readonly #options: HttpTasksPluginOptions;
  readonly #catalogue: Catalogue;
  /** Created with the first worker. */
  #made: PluginParts | undefined;
  /** Names of the internal task queues that this plugin serves. */
  readonly #internal = new Set<string>();

  constructor(options: HttpTasksPluginOptions = {}) {
    super({ name: 'temporal-http-tasks.HttpTasksPlugin' });
    refuseMixedVersions();
    this.#options = options;
    const { tasks = [] } = options;
    const providers = ownProviders(options);
    refuseClashes(providers);
    this.#catalogue = new Catalogue([...CATALOGUE, ...tasks, ...providers.flatMap((provider) => provider.tasks)]);
  }

  /**
   * Milliseconds since the ledger last responded, for a readiness check in the host; it is probed every five seconds.
   * Undefined while no worker runs.
   */
  get ledgerLagMs(): number | undefined {
    return this.#made?.activities.ledgerLagMs;
  }

  get #parts(): PluginParts {
    return (this.#made ??= partsOf(this.#options, this.#catalogue));
  }

  override configureWorker(options: WorkerOptions): WorkerOptions {
    // The plugin's own internal workers are configured here too if the connection has the plugin.
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
        `Your worker's activity "${name}" and the activity "${name}" of ${this.name} have the same name. Rename yours: the plugin's name is part of its contract.`,
      );
    }
    const bundle = bundleCodeOf(options);
    if (bundle !== undefined && !isOwnBundle(options.workflowBundle))
      checkBundle(
        this.#bundleRules(() => Runtime.instance().logger),
        bundle,
      );
    return super.configureWorker({
      ...options,
      ...(nexusService && { nexusServices: this.#withNexusService(nexusService, options) }),
      ...(options.maxHeartbeatThrottleInterval === undefined && { maxHeartbeatThrottleInterval: HEARTBEAT_EVERY }),
      activities: { ...own, ...activities.activities },
    });
  }

  #withNexusService(ours: NexusService, { nexusServices = [] }: WorkerOptions): NexusService[] {
    const { name } = ours.definition;
    if (nexusServices.every(({ definition }) => definition.name !== name)) return [...nexusServices, ours];
    throw new TypeError(
      `Your worker's Nexus service "${name}" and that of ${this.name} have the same name. Rename yours, or turn the plugin's off with {nexus: false}.`,
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

  /** Prepares everything the worker needs, then runs it. Rejects with whatever prevents the start. */
  override async runWorker(worker: Worker, next: (worker: Worker) => Promise<void>): Promise<void> {
    if (this.#internal.has(worker.options.taskQueue)) return next(worker);
    try {
      await this.#serve(worker, next);
    } finally {
      // A worker that never ran would keep its connection open and the process alive.
      if (worker.getState() === 'INITIALIZED')
        await retireWorker(worker, next).catch((error: unknown) => this.#noteUnclosed(error));
    }
  }

  async #serve(worker: Worker, next: (worker: Worker) => Promise<void>): Promise<void> {
    const { activities, notes, keyLines, chunkSlots } = this.#parts;
    const { taskQueue } = worker.options;
    // The runtime exists only now; requesting it earlier would create it without metrics and refuse the host's own
    // settings.
    if (notes) noteSetup(notes, worker, this.name);
    await activities.open(Runtime.instance().metricMeter);
    let record: Awaited<ReturnType<HttpTaskActivities['announce']>> | undefined;
    let templates: Promise<void> | undefined;
    let internal: InternalWorkers | undefined;
    try {
      record = await activities.announce(worker.options);
      await this.#warnOfUnknownHolds();
      if (this.#parts.searchAttributes) await this.#useSearchAttributes(worker);
      this.#watchRuns(worker);
      if (this.#options.startTemplates) templates = this.#makeTemplates(worker);
      for (const which of ['short', 'chunks'] as const) this.#internal.add(internalQueue(taskQueue, which));
      internal = await InternalWorkers.create(worker, { activities: activities.activities, chunkSlots });
      for (const line of keyLines) Runtime.instance().logger.info(`Imported service ${line}`, { plugin: this.name });
      this.#options.onReady?.();
      await internal.runWith(() => super.runWorker(worker, next));
    } finally {
      await templates;
      // Errors here must not hide why the worker ended.
      for (const end of [() => internal?.discard(), () => record?.end(), () => activities.close()]) {
        await end()?.catch((error: unknown) => this.#noteUnclosed(error));
      }
    }
  }

  #noteUnclosed(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    Runtime.instance().logger.warn(`Could not close a resource when the worker ended: ${why}`, {
      plugin: this.name,
    });
  }

  /**
   * Holds of version 0.1.0 are hashes for one environment that cannot be determined, so they may not apply to this
   * worker's.
   */
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
        'The ledger could not be searched for holds of version 0.1.0, which have to be set again; http-tasks hold list shows them.',
        { plugin: this.name },
      );
    }
  }

  /** Without search attributes only searches are missing, so problems here do not stop the worker. */
  async #useSearchAttributes({ connection, options: { namespace } }: Worker): Promise<void> {
    if (!connection) return;
    const { usable, problems } = await connection.withDeadline(Date.now() + SEARCH_ATTRIBUTES_WITHIN_MS, () =>
      ensureSearchAttributes(connection.operatorService, namespace),
    );
    for (const problem of problems) Runtime.instance().logger.warn(problem, { plugin: this.name });
    this.#parts.activities.useSearchAttributes(namespace, usable);
  }

  /** A run of one user that waits for a person is known to the server only. */
  #watchRuns({ connection, options: { namespace, taskQueue } }: Worker): void {
    if (!connection || !this.#parts.searchAttributes) return;
    this.#parts.activities.watchRuns(() =>
      connection.withDeadline(Date.now() + SEARCH_WITHIN_MS, () =>
        findWaitingRuns(connection.workflowService, { namespace, taskQueue }),
      ),
    );
  }

  /** Templates only help people in the UI, so they are created in the background, and a failure is only logged. */
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
        logger.info(`To start ${template.workflowType} manually: ${url}`, { plugin: this.name });
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      logger.warn(
        `The examples for the Temporal UI's Start Workflow page could not be created (${why}); http-tasks links creates them later.`,
        { plugin: this.name },
      );
    }
  }
}

function activitiesOf({ activities }: WorkerOptions): Record<string, unknown> {
  if (!activities) return {};
  return activities instanceof Map ? Object.fromEntries(activities as Map<string, unknown>) : { ...activities };
}

/** Returns the code of a prebuilt bundle; a bundle that is still to be built is checked by `configureBundler`. */
function bundleCodeOf({ workflowBundle }: WorkerOptions): string | undefined {
  if (!workflowBundle) return undefined;
  return 'code' in workflowBundle ? workflowBundle.code : readFileSync(workflowBundle.codePath, 'utf8');
}
