import nodeModule from 'node:module';
import { isGrpcServiceError } from '@temporalio/client';
import { NativeConnection, TransportError } from '@temporalio/worker';
import type { Worker, WorkerDeploymentOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import { environmentSecrets } from 'temporal-http-tasks/internal/config/process-settings';
import { nearMisses } from 'temporal-http-tasks/internal/config/known-settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import type { Deployment, ProcessSettings } from 'temporal-http-tasks/internal/config/process-settings';
import { readWorkerSettings, setupLine } from 'temporal-http-tasks/internal/config/settings';
import type { Provider } from 'temporal-http-tasks/internal/providers/definition';
import { servicesOf } from 'temporal-http-tasks/internal/providers/provider-set';
import { CATALOGUE_SERVICES } from 'temporal-http-tasks/internal/providers/catalogue-services';
import { Accounts } from 'temporal-http-tasks/internal/tasks/worker-accounts';
import { PolicyError } from 'temporal-http-tasks/internal/operator-policy/policy-error';
import { readPolicy } from 'temporal-http-tasks/internal/operator-policy/read-policy';
import type { Settings } from 'temporal-http-tasks/internal/config/settings';
import { readTemporalConnection } from '../temporal/config';
import type { TemporalConnection } from '../temporal/config';
import { openLedger } from 'temporal-http-tasks/internal/ledger/open-ledger';
import type { LedgerEvent } from 'temporal-http-tasks/internal/ledger/open-ledger';
import { LedgerUnavailableError } from 'temporal-http-tasks/internal/ledger/ledger';
import { LedgerSettingError } from 'temporal-http-tasks/internal/ledger/setting-error';
import { HealthServer, isPolling, Readiness } from './health';
import { startTracing } from './tracing';
import { createWorkerLog, installWorkerRuntime, readableLog, SHUTDOWN_SIGNALS } from './worker-log';
import { HttpTasksPlugin } from 'temporal-http-tasks/internal/plugin';
import { printableLines } from 'temporal-http-tasks/internal/policy/printable';
import { TRACE_INTERCEPTORS } from 'temporal-http-tasks/internal/workflow-modules';
import { createWorkerAround } from 'temporal-http-tasks/internal/worker';
import { readPrebuiltWorkflows } from './prebuilt-workflows';

/**
 * Reads the configuration, reports all problems with it, connects, and polls until SIGINT or SIGTERM. Then it takes no
 * more tasks, finishes or returns what is in progress, and ends, at the latest after HTTP_TASKS_SHUTDOWN_MS. If it is
 * asked to end before it polls, it ends within seconds.
 *
 * @param providers In addition to Plaid and Batch.
 * @throws SettingsError before anything is connected; otherwise whatever prevented it from polling.
 */
export async function runWorker(env: NodeJS.ProcessEnv, providers: readonly Provider[] = []): Promise<void> {
  const required = servicesOf(providers);
  // The plugin reads it too; here it is reported before anything is connected.
  const policy = readPolicy(env);
  const { settings, process: own } = readWorkerSettings(env, CATALOGUE_SERVICES, required);
  const main = [...CATALOGUE_SERVICES, ...required];
  const known = [...main, ...new Accounts(settings.accounts).servicesAt(main)];
  const { connectionOptions, namespace = 'default' } = readTemporalConnection(env);
  // The API key may be in Temporal's configuration file instead of the environment.
  const { apiKey } = connectionOptions;
  const log = createWorkerLog({
    settings,
    moreSecrets: [...environmentSecrets(env), ...(typeof apiKey === 'string' ? [apiKey] : [])],
    ...(process.stderr.isTTY && { to: await readableLog(process.stderr) }),
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
        known.map(({ name }) => name),
      ),
      temporal,
      namespace,
      policy: policy ? `${policy.file} (sha256 ${policy.digest})` : 'none',
    },
    'starting',
  );
  for (const { setting, message } of nearMisses(env, known))
    log.warn({ setting }, `The environment variable ${setting} ${message}`);
  const plugin = new HttpTasksPlugin({
    env,
    settings,
    providers,
    startTemplates: settings.startTemplates,
    onLedgerEvent,
    onReady: () => {
      keepCompiled();
      log.info({ taskQueue: settings.taskQueue, namespace, services }, 'polling');
    },
  });
  const readiness = new Readiness({
    state: () => worker?.getState(),
    ledgerLagMs: () => plugin.ledgerLagMs,
    isPolling: async () => worker !== undefined && connection !== undefined && isPolling(connection, worker.options),
  });
  try {
    // Starts before anything slow, so that liveness probes succeed from the beginning.
    const health =
      own.health &&
      (await HealthServer.listen(own.health, {
        '/healthz': () => readiness.alive(),
        '/readyz': () => readiness.ready(),
      }));
    closing.push(() => health?.close());
    const prebuilt = readPrebuiltWorkflows({
      encrypted: settings.encryption !== undefined,
      traced: own.tracing !== undefined,
    });
    const tracing = own.tracing && (await startTracing(own.tracing, TRACE_INTERCEPTORS, log));
    closing.push(() => tracing?.stop());
    // Last, because it keeps the process alive until a worker or a connection has existed and ended.
    installWorkerRuntime(log, own.metrics);
    connection = await stopping.during(connectInTime(connectionOptions));
    closing.push(() => (worker?.getState() === 'INITIALIZED' ? undefined : connection?.close()));
    await stopping.during(refuseUnknownNamespace(connection, namespace));
    await stopping.during(tryLedger(settings, onLedgerEvent));
    const { bundle, why } = await prebuilt;
    if (why !== undefined) log.info({ why }, 'bundling the workflows, which takes some seconds');
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
    log.info('stopped before polling');
    // Work that has begun, for example bundling, cannot be stopped and would keep the process alive.
    exitSoon();
  } finally {
    for (const close of closing.reverse()) await close()?.catch((error: unknown) => log.warn({ error }, 'not closed'));
    stopping.end();
  }
}

/**
 * Writes what was compiled for the next start; a worker that is killed would not. Does nothing where there is no cache, and
 * with a release of Node.js that has none.
 */
function keepCompiled(): void {
  (nodeModule as { flushCompileCache?: () => void }).flushCompileCache?.();
}

/** Closes a resource of the worker; a rejection is logged and does not replace another error. */
type Closing = () => Promise<void> | undefined;

/** Time limit for Temporal's responses at startup, in milliseconds. */
const CONNECT_MS = 5_000;
const GRPC_NOT_FOUND = 5;

async function connectInTime(options: TemporalConnection['connectionOptions']): Promise<NativeConnection> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TransportError(`No response within ${CONNECT_MS / 1_000} s.`)), CONNECT_MS);
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

/**
 * Checks the namespace early: the SDK finds out only after bundling the workflows. Other errors, for example missing
 * permission, are left to the SDK.
 */
async function refuseUnknownNamespace(connection: NativeConnection, namespace: string): Promise<void> {
  const asked = connection.withDeadline(Date.now() + CONNECT_MS, () =>
    connection.workflowService.describeNamespace({ namespace }),
  );
  await asked.catch((error: unknown) => {
    if (isGrpcServiceError(error) && Number(error.code) === GRPC_NOT_FOUND)
      throw new TransportError(`Namespace ${namespace} not found`);
  });
}

/**
 * Opens the ledger once before the workflows are bundled, which takes several seconds, so that a wrong setting is
 * reported immediately.
 */
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

/** Additional time, in milliseconds: closing the connections to providers may take as long as the longest call. */
const CLOSING_MS = 2_000;

/** The process was asked to end before its worker polled. */
class StoppedEarlyError extends Error {
  override readonly name = 'StoppedEarlyError';
}

/**
 * Handles the signals that ask the process to end.
 *
 * - waiting: initially. The SDK handles the same signals and stops a running worker.
 * - stopping: from the first signal on. Startup is abandoned, and the process is ended if it has not ended in time;
 *   another worker then takes over what is in progress and reads the provider's state before it sends anything again. A
 *   second signal ends the process immediately.
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

  /**
   * Rejects as soon as the process is asked to end.
   *
   * @throws StoppedEarlyError if the process is asked to end.
   */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#early]);
  }

  /** Like {@link during}, but a worker that already runs stops by itself and is waited for. */
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
      this.#log.error({ shutdownMs }, 'ended before all work was finished');
      process.exit(1);
    }, shutdownMs + CLOSING_MS);
    this.#giveUp(new StoppedEarlyError(`Stopped by ${signal}.`));
  };
}

/** Returns why a worker could not start, for the person who started it, and the exit code: 2 if a setting is wrong. */
function startupProblem(error: unknown): { message: string; exitCode: 1 | 2 } {
  if (error instanceof SettingsError || error instanceof LedgerSettingError || error instanceof PolicyError)
    return { message: error.message, exitCode: 2 };
  if (error instanceof TransportError)
    return {
      message: `TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS: the Temporal server cannot be used: ${error.message}`,
      exitCode: 1,
    };
  return { message: error instanceof LedgerUnavailableError ? error.message : String(error), exitCode: 1 };
}

/** Time for pending output before a failed process exits, in milliseconds. */
const LINGER_MS = 1_000;

/** Ends this process with the exit code that is set by then, even if the native part of the SDK would keep it alive. */
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
