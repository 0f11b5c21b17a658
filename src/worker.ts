import { isGrpcServiceError } from '@temporalio/client';
import { NativeConnection, TransportError, Worker } from '@temporalio/worker';
import type { WorkerDeploymentOptions, WorkerOptions, WorkerPlugin } from '@temporalio/worker';
import type { Logger } from 'pino';
import { environmentSecrets } from './config/environment-secrets';
import { nearMisses } from './config/known-settings';
import { SettingsError } from './config/problems';
import { DEFAULT_SHUTDOWN_MS } from './config/process-settings';
import type { Deployment, ProcessSettings } from './config/process-settings';
import { readWorkerSettings } from './config/settings';
import { CATALOGUE_SERVICES } from './tasks/catalogue-services';
import type { Settings } from './config/settings';
import { setupLine } from './config/setup-line';
import { readTemporalConnection } from './config/temporal-connection';
import type { TemporalConnection } from './config/temporal-connection';
import { openLedger } from './ledger/open-ledger';
import type { LedgerEvent } from './ledger/open-ledger';
import { LedgerUnavailableError } from './ledger/ledger';
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
import { readPrebuiltWorkflows, TRACE_INTERCEPTORS } from './prebuilt-workflows';

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
 * A worker with the catalogue's activities and the package's workflows, and encryption where the settings have a key. It
 * polls once `run` is called.
 */
export function createHttpTasksWorker({ onLedgerEvent, onReady, ...options }: HttpTasksWorkerOptions): Promise<Worker> {
  const { settings } = options;
  return createWorkerAround(
    new HttpTasksPlugin({ settings, startTemplates: settings.startTemplates, onLedgerEvent, onReady }),
    options,
  );
}

async function createWorkerAround(
  plugin: HttpTasksPlugin,
  {
    settings,
    connection,
    namespace = 'default',
    plugins = [],
    worker: more = {},
  }: Omit<HttpTasksWorkerOptions, 'onLedgerEvent' | 'onReady'>,
): Promise<Worker> {
  return Worker.create({
    connection,
    namespace,
    taskQueue: settings.taskQueue,
    ...(more.workflowBundle ? {} : { workflowsPath: require.resolve('./workflow') }),
    shutdownForceTime: DEFAULT_SHUTDOWN_MS,
    ...more,
    plugins: [
      plugin,
      ...(settings.encryption ? [new EncryptionPlugin({ settings: settings.encryption })] : []),
      ...plugins,
    ],
  });
}

/**
 * Reads the configuration, reports everything that is wrong with it at once, connects and polls until SIGINT or SIGTERM.
 * Then it takes no more tasks, finishes or hands back what it has, and ends, at the latest after HTTP_TASKS_SHUTDOWN_MS.
 * Asked to end before it polls, it ends within seconds.
 *
 * @throws SettingsError before anything is connected; what kept it from polling otherwise.
 */
export async function runWorker(env: NodeJS.ProcessEnv): Promise<void> {
  const { settings, process: own } = readWorkerSettings(env, CATALOGUE_SERVICES);
  const { connectionOptions, namespace = 'default' } = readTemporalConnection(env);
  // It may be in Temporal's configuration file instead of the environment.
  const { apiKey } = connectionOptions;
  const log = createWorkerLog({
    settings,
    moreSecrets: [...environmentSecrets(env), ...(typeof apiKey === 'string' ? [apiKey] : [])],
  });
  const stopping = new Stopping(own, log);
  const closing: Closing[] = [];
  let worker: Worker | undefined;
  let connection: NativeConnection | undefined;
  const onLedgerEvent = (event: LedgerEvent): void => log.info(event, 'ledger');
  const services = [...settings.sender.services.keys()];
  const temporal = `${connectionOptions.address} (${connectionOptions.tls ? 'TLS' : 'no TLS'})`;
  log.info(
    {
      ...setupLine(
        settings,
        CATALOGUE_SERVICES.map(({ name }) => name),
      ),
      temporal,
      namespace,
    },
    'starting',
  );
  for (const { setting, message } of nearMisses(env, CATALOGUE_SERVICES))
    log.warn({ setting }, `The environment variable ${setting} ${message}`);
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
  try {
    // Before anything that may take its time, so that whoever started the process sees that it lives.
    const health =
      own.health &&
      (await HealthServer.listen(own.health, {
        '/healthz': () => readiness.alive(),
        '/readyz': () => readiness.ready(),
      }));
    closing.push(() => health?.close());
    const { bundle, why } = await readPrebuiltWorkflows({
      encrypted: settings.encryption !== undefined,
      traced: own.tracing !== undefined,
    });
    if (why !== undefined) log.info({ why }, 'bundling the workflows, which takes some seconds');
    const tracing = own.tracing && (await startTracing(own.tracing, TRACE_INTERCEPTORS, log));
    closing.push(() => tracing?.stop());
    // Last, since it keeps the process alive until a worker or a connection has been there and gone.
    installWorkerRuntime(log, own.metrics);
    connection = await stopping.during(connectInTime(connectionOptions));
    closing.push(() => (worker?.getState() === 'INITIALIZED' ? undefined : connection?.close()));
    await stopping.during(refuseUnknownNamespace(connection, namespace));
    await stopping.during(tryLedger(settings, onLedgerEvent));
    const creating = createWorkerAround(plugin, {
      settings,
      connection,
      namespace,
      plugins: tracing ? [tracing.plugin] : [],
      worker: {
        shutdownForceTime: own.shutdownMs,
        ...(bundle && { workflowBundle: bundle }),
        ...(own.deployment && { workerDeploymentOptions: versionOf(own.deployment) }),
      },
    });
    worker = await stopping.during(creating);
    await stopping.untilRunning(worker, worker.run());
  } catch (error) {
    if (!(error instanceof StoppedEarlyError)) throw error;
    log.info('stopped before it polled');
    // What was begun, for example the bundle, cannot be stopped and would keep the process.
    exitSoon();
  } finally {
    for (const close of closing.reverse()) await close()?.catch((error: unknown) => log.warn({ error }, 'not closed'));
    stopping.end();
  }
}

/** Closes what a worker used; what it rejects with is logged, and takes the place of nothing. */
type Closing = () => Promise<void> | undefined;

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
    void connecting.then(
      (late) => late.close(),
      () => undefined,
    );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The SDK finds out only after the workflows are bundled. A server that does not let this process ask decides later. */
async function refuseUnknownNamespace(connection: NativeConnection, namespace: string): Promise<void> {
  const asked = connection.withDeadline(Date.now() + CONNECT_MS, () =>
    connection.workflowService.describeNamespace({ namespace }),
  );
  await asked.catch((error: unknown) => {
    if (isGrpcServiceError(error) && Number(error.code) === GRPC_NOT_FOUND)
      throw new TransportError(`Namespace ${namespace} not found`);
  });
}

/** Opens the ledger once before the workflows are bundled, which takes several seconds, so that a wrong setting is known at once. */
async function tryLedger(
  { ledger: { url, subjectKey, plaintextAllowed } }: Settings,
  onEvent: (event: LedgerEvent) => void,
): Promise<void> {
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

/** The process was asked to end before its worker polled. */
class StoppedEarlyError extends Error {
  override readonly name = 'StoppedEarlyError';
}

/**
 * Follows the signals that ask the process to end.
 *
 * - waiting: at first. The SDK listens to the same signals and stops a worker that runs.
 * - stopping: from the first signal on. Startup is given up, and the process is ended when it has not ended by itself in
 *   time; what is in progress then is given to another worker, which looks before it sends anything again. A second signal
 *   ends the process immediately.
 * - ended: by `end`.
 */
class Stopping {
  readonly #own: ProcessSettings;
  readonly #log: Logger;
  readonly #early: Promise<never>;
  #giveUp: (error: Error) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(own: ProcessSettings, log: Logger) {
    this.#own = own;
    this.#log = log;
    this.#early = new Promise((_, reject) => {
      this.#giveUp = reject;
    });
    this.#early.catch(() => undefined);
    for (const signal of SHUTDOWN_SIGNALS) process.on(signal, this.#begin);
  }

  /** @throws StoppedEarlyError as soon as the process is asked to end. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#early]);
  }

  /** As {@link during}, until the worker runs: then it stops by itself and is waited for. */
  untilRunning(worker: Worker, running: Promise<void>): Promise<void> {
    const early = this.#early.catch((error: unknown) => {
      if (worker.getState() === 'INITIALIZED') throw error;
      return running;
    });
    return Promise.race([running, early]);
  }

  end(): void {
    for (const signal of SHUTDOWN_SIGNALS) process.off(signal, this.#begin);
    clearTimeout(this.#timer);
  }

  readonly #begin = (signal: NodeJS.Signals): void => {
    const { shutdownMs } = this.#own;
    for (const each of SHUTDOWN_SIGNALS) process.off(each, this.#begin);
    this.#log.info({ signal, shutdownMs }, 'stopping');
    this.#timer = setTimeout(() => {
      this.#log.error({ shutdownMs }, 'ended before everything was finished');
      process.exit(1);
    }, shutdownMs + CLOSING_MS);
    this.#giveUp(new StoppedEarlyError(`Stopped by ${signal}.`));
  };
}

/** What kept a worker from polling, for the person who started it, and the exit code: 2 where a setting is wrong. */
function startupProblem(error: unknown): { message: string; exitCode: 1 | 2 } {
  if (error instanceof SettingsError || error instanceof LedgerSettingError)
    return { message: error.message, exitCode: 2 };
  if (error instanceof TransportError)
    return {
      message: `TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS: the Temporal server cannot be used: ${error.message}`,
      exitCode: 1,
    };
  return { message: error instanceof LedgerUnavailableError ? error.message : String(error), exitCode: 1 };
}

/** How long a process that could not go on has for its last words, in milliseconds. */
const LINGER_MS = 1_000;

/** Ends this process, with the exit code that is set by then, also when the native half of the SDK keeps it alive. */
export function exitSoon(): void {
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

if (require.main === module) {
  runWorker(process.env).catch((error: unknown) => {
    const { message, exitCode } = startupProblem(error);
    process.stderr.write(`${printableLines(message)}\n`);
    process.exitCode = exitCode;
    exitSoon();
  });
}
