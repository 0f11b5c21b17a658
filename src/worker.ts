import { Worker } from '@temporalio/worker';
import type { NativeConnection, WorkerOptions, WorkerPlugin } from '@temporalio/worker';
import { DEFAULT_SHUTDOWN_MS } from './config/process-settings';
import type { Settings } from './config/settings';
import { EncryptionPlugin } from './encryption-plugin';
import type { LedgerEvent } from './ledger/open-ledger';
import { HttpTasksPlugin } from './plugin';
import { SHARED_MODULES, WORKFLOWS } from './workflow-modules';
import type { Provider } from './providers/definition';

/** Options of this package's own worker. */
export interface HttpTasksWorkerOptions {
  settings: Settings;
  /** Providers in addition to Plaid and Batch. The settings must have been read with their services. @default none */
  providers?: readonly Provider[];
  connection: NativeConnection;
  namespace?: string;
  onLedgerEvent?: (event: LedgerEvent) => void;
  /** Called once the ledger is open, right before the worker polls. */
  onReady?: () => void;
  /** Plugins in addition to the package's own. */
  plugins?: WorkerPlugin[];
  /** Other options of Temporal's worker. */
  worker?: Partial<
    Pick<
      WorkerOptions,
      | 'identity'
      | 'maxConcurrentActivityTaskExecutions'
      | 'shutdownGraceTime'
      | 'shutdownForceTime'
      | 'workflowBundle'
      | 'workerDeploymentOptions'
    >
  >;
}

/**
 * Creates a worker with the catalogue's activities and the package's workflows, and with encryption if the settings
 * contain a key. It polls once `run` is called.
 */
export function createHttpTasksWorker({
  providers = [],
  onLedgerEvent,
  onReady,
  ...options
}: HttpTasksWorkerOptions): Promise<Worker> {
  const { settings } = options;
  return createWorkerAround(
    new HttpTasksPlugin({ settings, providers, startTemplates: settings.startTemplates, onLedgerEvent, onReady }),
    options,
  );
}

/** Creates the worker around an existing plugin. */
export async function createWorkerAround(
  plugin: HttpTasksPlugin,
  {
    settings,
    connection,
    namespace = 'default',
    plugins = [],
    worker: more = {},
  }: Omit<HttpTasksWorkerOptions, 'providers' | 'onLedgerEvent' | 'onReady'>,
): Promise<Worker> {
  return Worker.create({
    connection,
    namespace,
    taskQueue: settings.taskQueue,
    ...(more.workflowBundle ? {} : { workflowsPath: WORKFLOWS, bundlerOptions: { preloadModules: SHARED_MODULES } }),
    shutdownForceTime: DEFAULT_SHUTDOWN_MS,
    ...more,
    plugins: [
      plugin,
      ...(settings.encryption ? [new EncryptionPlugin({ settings: settings.encryption })] : []),
      ...plugins,
    ],
  });
}
