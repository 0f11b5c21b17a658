import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { WorkerDeploymentOptions, WorkerOptions, WorkerPlugin } from '@temporalio/worker';
import type { Logger } from 'pino';
import { SettingsError } from './config/problems';
import { DEFAULT_SHUTDOWN_MS } from './config/process-settings';
import type { Deployment, ProcessSettings } from './config/process-settings';
import { CATALOGUE_SERVICES, readWorkerSettings } from './config/settings';
import type { Settings } from './config/settings';
import { tracingSecrets } from './config/tracing-settings';
import type { LedgerEvent } from './ledger/open-ledger';
import { LedgerSettingError } from './ledger/setting-error';
import { EncryptionPlugin } from './encryption-plugin';
import { HealthServer } from './observability/health-server';
import { isPolling } from './observability/is-polling';
import { Readiness } from './observability/readiness';
import { startTracing } from './observability/tracing';
import { createWorkerLog } from './observability/worker-log';
import { installWorkerRuntime, SHUTDOWN_SIGNALS } from './observability/worker-runtime';
import { HttpTasksPlugin } from './plugin';
import { printableLines } from './policy/printable';

/** What a worker of the package's own is made of. */
export interface HttpTasksWorkerOptions {
  settings: Settings;
  connection: NativeConnection;
  namespace?: string;
  onLedgerEvent?: (event: LedgerEvent) => void;
  /** Called once the ledger is open, right before the worker polls. */
  onReady?: () => void;
  /** Beside the package's own. */
  plugins?: WorkerPlugin[];
  /** Anything else that Temporal's worker takes. */
  worker?: Partial<
    Pick<
      WorkerOptions,
      'identity' | 'maxConcurrentActivityTaskExecutions' | 'shutdownGraceTime' | 'shutdownForceTime' | 'workflowBundle' | 'workerDeploymentOptions'
    >
  >;
}

/**
 * A worker with the catalogue's activities and the package's workflows, and encryption where the settings have a key. It
 * polls once `run` is called.
 */
export function createHttpTasksWorker({ onLedgerEvent, onReady, ...options }: HttpTasksWorkerOptions): Promise<Worker> {
  const { settings } = options;
  return createWorkerAround(new HttpTasksPlugin({ settings, startTemplates: settings.startTemplates, onLedgerEvent, onReady }), options);
}

async function createWorkerAround(
  plugin: HttpTasksPlugin,
  { settings, connection, namespace = 'default', plugins = [], worker: more = {} }: Omit<HttpTasksWorkerOptions, 'onLedgerEvent' | 'onReady'>,
): Promise<Worker> {
  return Worker.create({
    connection,
    namespace,
    taskQueue: settings.taskQueue,
    ...(more.workflowBundle ? {} : { workflowsPath: require.resolve('./workflow') }),
    shutdownForceTime: DEFAULT_SHUTDOWN_MS,
    ...more,
    plugins: [plugin, ...(settings.encryption ? [new EncryptionPlugin({ settings: settings.encryption })] : []), ...plugins],
  });
}

/**
 * Reads the configuration, reports everything that is wrong with it at once, connects and polls until SIGINT or SIGTERM.
 * Then it takes no more tasks, finishes or hands back what it has, and ends, at the latest after HTTP_TASKS_SHUTDOWN_MS.
 *
 * @throws SettingsError before anything is connected.
 */
export async function runWorker(env: NodeJS.ProcessEnv): Promise<void> {
  const { settings, process: own } = readWorkerSettings(env, CATALOGUE_SERVICES);
  const log = createWorkerLog({ settings, moreSecrets: tracingSecrets(env) });
  let worker: Worker | undefined;
  let connection: NativeConnection | undefined;
  const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: givenIn(env) });
  const services = [...settings.sender.services.keys()];
  const plugin = new HttpTasksPlugin({
    settings,
    startTemplates: settings.startTemplates,
    onLedgerEvent: (event) => log.info(event, 'ledger'),
    onReady: () => log.info({ taskQueue: settings.taskQueue, namespace: namespace ?? 'default', services }, 'polling'),
  });
  const readiness = new Readiness({
    state: () => worker?.getState(),
    ledgerLagMs: () => plugin.ledgerLagMs,
    isPolling: async () => worker !== undefined && connection !== undefined && isPolling(connection, worker.options),
  });
  // Before anything that may take its time, so that whoever started the process sees that it lives.
  const health = own.health && (await HealthServer.listen(own.health, { '/healthz': () => readiness.alive(), '/readyz': () => readiness.ready() }));
  const tracing = own.tracing && (await startTracing(own.tracing, require.resolve('./workflows/trace-headers'), log));
  // Last, since it keeps the process alive until a worker or a connection has been there and gone.
  installWorkerRuntime(log, own.metrics);
  const endedInTime = endInTime(own, log);
  try {
    connection = await NativeConnection.connect(connectionOptions);
    worker = await createWorkerAround(plugin, {
      settings,
      connection,
      namespace,
      plugins: tracing ? [tracing.plugin] : [],
      worker: { shutdownForceTime: own.shutdownMs, ...(own.deployment && { workerDeploymentOptions: versionOf(own.deployment) }) },
    });
    await worker.run();
  } finally {
    await connection?.close();
    await tracing?.stop().catch((error: unknown) => log.warn({ error }, 'tracing'));
    await health?.close();
    endedInTime();
  }
}

function givenIn(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function versionOf({ name, buildId, behavior }: Deployment): WorkerDeploymentOptions {
  return {
    version: { deploymentName: name, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: behavior === 'pinned' ? 'PINNED' : 'AUTO_UPGRADE',
  };
}

/** Closing the connections to providers may take as long as the longest call. */
const CLOSING_MS = 2_000;

/**
 * Ends the process when it has not ended by itself in time after it was asked to. What is under way then is given to
 * another worker, which looks before it sends anything again.
 */
function endInTime({ shutdownMs }: ProcessSettings, log: Logger): () => void {
  let timer: NodeJS.Timeout | undefined;
  const begin = (signal: NodeJS.Signals): void => {
    ignoreSignals();
    log.info({ signal, shutdownMs }, 'stopping');
    timer = setTimeout(() => {
      log.error({ shutdownMs }, 'ended before everything was finished');
      process.exit(1);
    }, shutdownMs + CLOSING_MS);
  };
  // A second signal then ends the process at once.
  const ignoreSignals = (): void => {
    for (const signal of SHUTDOWN_SIGNALS) process.off(signal, begin);
  };
  for (const signal of SHUTDOWN_SIGNALS) process.on(signal, begin);
  return () => {
    ignoreSignals();
    clearTimeout(timer);
  };
}

/** What went wrong before the worker polled, for the person who started it; `undefined` for anything unexpected. */
export function startupProblem(error: unknown): string | undefined {
  return error instanceof SettingsError || error instanceof LedgerSettingError ? error.message : undefined;
}

if (require.main === module) {
  runWorker(process.env).catch((error: unknown) => {
    process.stderr.write(`${printableLines(startupProblem(error) ?? String(error))}\n`);
    process.exitCode = startupProblem(error) === undefined ? 1 : 2;
  });
}
