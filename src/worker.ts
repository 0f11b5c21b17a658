import { loadClientConnectConfig } from '@temporalio/envconfig';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Logger, LogLevel, LogMetadata, WorkerOptions } from '@temporalio/worker';
import { pino } from 'pino';
import { SettingsError } from './config/problems';
import { CATALOGUE_SERVICES, readSettings } from './config/settings';
import type { Settings } from './config/settings';
import type { LedgerEvent } from './ledger/open-ledger';
import { LedgerSettingError } from './ledger/setting-error';
import { EncryptionPlugin } from './encryption-plugin';
import { HttpTasksPlugin } from './plugin';

/** What a worker of the package's own is made of. */
export interface HttpTasksWorkerOptions {
  settings: Settings;
  connection: NativeConnection;
  namespace?: string;
  onLedgerEvent?: (event: LedgerEvent) => void;
  /** Called once the ledger is open, right before the worker polls. */
  onReady?: () => void;
  /** Anything else that Temporal's worker takes. */
  worker?: Partial<Pick<WorkerOptions, 'identity' | 'maxConcurrentActivityTaskExecutions' | 'shutdownGraceTime' | 'workflowBundle'>>;
}

/** An irreversible call in flight gets its whole time-out to be answered and recorded before a worker is ended. */
const SHUTDOWN_FORCE_TIME = '5 minutes';

/**
 * A worker with the catalogue's activities and the package's workflows, and encryption where the settings have a key. It
 * polls once `run` is called.
 */
export async function createHttpTasksWorker(options: HttpTasksWorkerOptions): Promise<Worker> {
  const { settings, connection, namespace = 'default', onLedgerEvent, onReady, worker = {} } = options;
  return Worker.create({
    connection,
    namespace,
    taskQueue: settings.taskQueue,
    ...(worker.workflowBundle ? {} : { workflowsPath: require.resolve('./workflow') }),
    shutdownForceTime: SHUTDOWN_FORCE_TIME,
    ...worker,
    plugins: [
      new HttpTasksPlugin({ settings, onLedgerEvent, onReady }),
      ...(settings.encryption ? [new EncryptionPlugin({ settings: settings.encryption })] : []),
    ],
  });
}

/**
 * Reads the configuration, reports everything that is wrong with it at once, connects and polls until SIGINT or SIGTERM.
 *
 * @throws SettingsError before anything is connected.
 */
export async function runWorker(env: NodeJS.ProcessEnv): Promise<void> {
  const settings = readSettings(env, CATALOGUE_SERVICES);
  const log = pino({ level: settings.logLevel, serializers: { error: describeError } }, pino.destination(2));
  Runtime.install({
    logger: temporalLogger(log),
    // Left to itself, the native half of the SDK would print its own lines to stdout.
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
    shutdownSignals: ['SIGINT', 'SIGTERM'],
  });
  const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(given) });
  const services = [...settings.sender.services.keys()];
  const connection = await NativeConnection.connect(connectionOptions);
  try {
    const worker = await createHttpTasksWorker({
      settings,
      connection,
      namespace,
      onLedgerEvent: (event) => log.info(event, 'ledger'),
      onReady: () => log.info({ taskQueue: settings.taskQueue, namespace: namespace ?? 'default', services }, 'polling'),
    });
    await worker.run();
  } finally {
    await connection.close();
  }
}

/** An error as a log line holds it. Its details and causes stay out: Temporal's hold payloads, and so users' ids. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack } = error;
  const type = error instanceof ApplicationFailure ? (error.type ?? undefined) : undefined;
  return { name, ...(type !== undefined && { type }), message, stack };
}

/** Temporal's log lines through pino. */
function temporalLogger(log: pino.Logger): Logger {
  const at = (level: Lowercase<LogLevel>) => (message: string, meta?: LogMetadata) => log[level](meta ?? {}, message);
  return {
    log: (level, message, meta) => at(level.toLowerCase() as Lowercase<LogLevel>)(message, meta),
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}

/** What went wrong before the worker polled, for the person who started it; `undefined` for anything unexpected. */
export function startupProblem(error: unknown): string | undefined {
  return error instanceof SettingsError || error instanceof LedgerSettingError ? error.message : undefined;
}

if (require.main === module) {
  runWorker(process.env).catch((error: unknown) => {
    process.stderr.write(`${startupProblem(error) ?? String(error)}\n`);
    process.exitCode = startupProblem(error) === undefined ? 1 : 2;
  });
}
