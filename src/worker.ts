import { isGrpcServiceError } from '@temporalio/client';
import { NativeConnection, TransportError, Worker } from '@temporalio/worker';
import type { WorkerDeploymentOptions, WorkerOptions, WorkerPlugin } from '@temporalio/worker';
import type { Logger } from 'pino';
import { environmentSecrets } from './config/environment-secrets';
import { nearMisses } from './config/known-settings';
import { SettingsError } from './config/problems';
import { DEFAULT_SHUTDOWN_MS } from './config/process-settings';
import type { Deployment, ProcessSettings } from './config/process-settings';
import { CATALOGUE_SERVICES, readWorkerSettings } from './config/settings';
import type { Settings } from './config/settings';
import { setupLine } from './config/setup-line';
import { readTemporalConnection } from './config/temporal-connection';
import type { TemporalConnection } from './config/temporal-connection';
import { openLedger } from './ledger/open-ledger';
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
  const { connectionOptions, namespace = 'default' } = readTemporalConnection(env);
  // It may be in Temporal's configuration file instead of the environment.
  const { apiKey } = connectionOptions;
  const log = createWorkerLog({ settings, moreSecrets: [...environmentSecrets(env), ...(typeof apiKey === 'string' ? [apiKey] : [])] });
  let worker: Worker | undefined;
  let connection: NativeConnection | undefined;
  const onLedgerEvent = (event: LedgerEvent): void => log.info(event, 'ledger');
  const services = [...settings.sender.services.keys()];
  const temporal = `${connectionOptions.address} (${connectionOptions.tls ? 'TLS' : 'no TLS'})`;
  log.info({ ...setupLine(settings, CATALOGUE_SERVICES.map(({ name }) => name)), temporal, namespace }, 'starting');
  for (const { setting, message } of nearMisses(env, CATALOGUE_SERVICES)) log.warn({ setting }, `The environment variable ${setting} ${message}`);
  const plugin = new HttpTasksPlugin({
    settings,
    startTemplates: settings.startTemplates,
    onLedgerEvent,
    onReady: () => log.info({ taskQueue: settings.taskQueue, namespace, services }, 'polling'),
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
    connection = await connectInTime(connectionOptions);
    await refuseUnknownNamespace(connection, namespace);
    await tryLedger(settings, onLedgerEvent);
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

/** Whoever starts a worker waits for it: what does not answer by then is said not to. */
const CONNECT_MS = 5_000;
const GRPC_NOT_FOUND = 5;

async function connectInTime(options: TemporalConnection['connectionOptions']): Promise<NativeConnection> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TransportError(`No answer within ${CONNECT_MS / 1_000} s.`)), CONNECT_MS);
  });
  const connecting = NativeConnection.connect(options);
  try {
    return await Promise.race([connecting, tooLate]);
  } catch (error) {
    void connecting.then((late) => late.close(), () => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The SDK finds out only after the workflows are bundled. A server that does not let this process ask decides later. */
async function refuseUnknownNamespace(connection: NativeConnection, namespace: string): Promise<void> {
  const asked = connection.withDeadline(Date.now() + CONNECT_MS, () => connection.workflowService.describeNamespace({ namespace }));
  await asked.catch((error: unknown) => {
    if (isGrpcServiceError(error) && Number(error.code) === GRPC_NOT_FOUND) throw new TransportError(`Namespace ${namespace} not found`);
  });
}

/** Opens the ledger once before the workflows are bundled, which takes several seconds, so that a wrong setting is known at once. */
async function tryLedger({ ledger: { url, subjectKey, plaintextAllowed } }: Settings, onEvent: (event: LedgerEvent) => void): Promise<void> {
  const ledger = await openLedger({ url, subjectKey, plaintextAllowed, onEvent });
  await ledger.close();
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

/** How long a process that could not go on has for its last words, in milliseconds. */
const LINGER_MS = 1_000;

/** Ends this process, with the exit code that is set by then, also when the native half of the SDK keeps it alive. */
export function exitSoon(): void {
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

if (require.main === module) {
  runWorker(process.env).catch((error: unknown) => {
    process.stderr.write(`${printableLines(startupProblem(error) ?? String(error))}\n`);
    process.exitCode = startupProblem(error) === undefined ? 1 : 2;
    exitSoon();
  });
}
