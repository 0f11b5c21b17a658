import { Writable } from 'node:stream';
import { ApplicationFailure } from '@temporalio/common';
import type { Logger, LogLevel, LogMetadata } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import { pino } from 'pino';
import type { DestinationStream, Logger as Log } from 'pino';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { listenAddressText } from 'temporal-http-tasks/internal/config/process-settings';
import type { ListenAddress } from 'temporal-http-tasks/internal/config/process-settings';
import type { Settings } from 'temporal-http-tasks/internal/config/settings';
import { Scrubber } from 'temporal-http-tasks/internal/http/redact';
import { LATENCY_BUCKETS_MS, METRICS } from 'temporal-http-tasks/internal/observability/metric-names';
import { escapedJson, printableLines } from 'temporal-http-tasks/internal/policy/printable';

/** Options of a worker's log. */
export interface WorkerLogOptions {
  settings: Pick<Settings, 'logLevel' | 'sender' | 'ledger' | 'sources' | 'encryption'>;
  /** More secrets that must not appear in any line. @default none */
  moreSecrets?: readonly string[];
  /** @default standard error, written synchronously */
  to?: DestinationStream;
}

/** Creates the log of a worker process: one line of JSON per event, with the worker's secrets removed. */
export function createWorkerLog({ settings, moreSecrets = [], to = pino.destination(2) }: WorkerLogOptions): Log {
  const { sender, ledger, sources, encryption } = settings;
  const secrets = (): string[] =>
    [sender, ledger, sources, encryption].flatMap((holder) => holder?.secretValues() ?? []);
  const scrubberNow = (): Scrubber => new Scrubber([...secrets(), ...moreSecrets]);
  let { version } = sender;
  let scrubber = scrubberNow();
  const scrubbed = (line: string): string => {
    // Keys from files may have been replaced.
    if (version !== sender.version) {
      version = sender.version;
      scrubber = scrubberNow();
    }
    return escapedJson(scrubber.text(line));
  };
  return pino(
    {
      level: settings.logLevel,
      serializers: { error: describeError, err: describeError },
      hooks: { streamWrite: scrubbed },
    },
    to,
  );
}

/**
 * Returns a destination for {@link createWorkerLog} that writes lines for a person: time of day, level, message, fields.
 * What a log line contains may come from outside, so control characters are shown as U+FFFD and nothing is coloured.
 */
export async function readableLog(to: Pick<NodeJS.WritableStream, 'write'>): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      to.write(printableLines(chunk.toString()));
      done();
    },
  });
  return pretty({
    destination,
    colorize: false,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    singleLine: true,
  });
}

/** What the SDK says of a worker that runs activities only, as the two internal ones of each process do. */
const EXPECTED = /^No (workflows|Nexus services) registered, not polling/;
const INTERNAL_QUEUE = /\.internal(\.chunks)?$/;

/**
 * Returns a logger for Temporal that writes to pino: lines of the SDK, its native part, workflows and activities. What
 * it warns about and is as it should be becomes a debug line.
 */
export function temporalLogger(log: Log): Logger {
  const at = (level: Lowercase<LogLevel>) => (message: string, meta?: LogMetadata) => {
    const isExpected = EXPECTED.test(message) && INTERNAL_QUEUE.test(String(meta?.['taskQueue']));
    log[isExpected ? 'debug' : level](fieldsOf(meta), message);
  };
  return {
    log: (level, message, meta) => at(level.toLowerCase() as Lowercase<LogLevel>)(message, meta),
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}

/**
 * Returns the fields of a line with uniform names: `workflowId`, `runId`, `task` (what the activity runs), `attempt`
 * and all others. The task token is left out, because its holder could complete the activity.
 */
function fieldsOf(meta: LogMetadata = {}): LogMetadata {
  const { taskToken: _capability, workflowRunId, activityType, ...others } = meta;
  return {
    ...others,
    ...(workflowRunId !== undefined && { runId: workflowRunId as unknown }),
    ...(activityType !== undefined && { task: activityType as unknown }),
  };
}

/**
 * Returns the loggable parts of an error. Details and causes are left out, because Temporal's contain payloads and so
 * users' IDs.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack } = error;
  const type = error instanceof ApplicationFailure ? (error.type ?? undefined) : undefined;
  return { name, ...(type !== undefined && { type }), message, stack };
}

/** Signals on which a worker stops polling, finishes or returns its tasks, and exits. */
export const SHUTDOWN_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Installs Temporal's runtime for the package's own worker process: its log lines go to this log, and its metrics,
 * including the package's, to a Prometheus endpoint.
 *
 * @throws SettingsError when the metrics address cannot be listened on.
 */
export function installWorkerRuntime(log: Log, metrics: ListenAddress | undefined): void {
  try {
    Runtime.install({
      logger: temporalLogger(log),
      telemetryOptions: {
        // By default the native part of the SDK would print its lines to stdout.
        logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
        ...(metrics && {
          metrics: {
            prometheus: { bindAddress: listenAddressText(metrics), histogramBucketOverrides: ourBuckets() },
            attachServiceName: false,
          },
        }),
      },
      shutdownSignals: [...SHUTDOWN_SIGNALS],
    });
  } catch (error) {
    if (metrics === undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SettingsError([{ setting: 'HTTP_TASKS_METRICS_ADDRESS', message: `cannot be used: ${reason}` }]);
  }
}

/** Returns the buckets of the package's own metrics; the SDK's metrics keep theirs. */
function ourBuckets(): Record<string, number[]> {
  const histograms = Object.entries(METRICS).filter(([, { kind }]) => kind === 'histogram');
  return Object.fromEntries(histograms.map(([name]) => [name, LATENCY_BUCKETS_MS]));
}
