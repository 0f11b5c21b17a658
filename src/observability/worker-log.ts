import { ApplicationFailure } from '@temporalio/common';
import type { Logger, LogLevel, LogMetadata } from '@temporalio/common';
import { pino } from 'pino';
import type { DestinationStream, Logger as Log } from 'pino';
import type { Settings } from '../config/settings';
import { Scrubber } from '../http/redact';
import { escapedJson } from '../policy/printable';

/** How a worker logs. */
export interface WorkerLogOptions {
  settings: Pick<Settings, 'logLevel' | 'sender' | 'ledger' | 'sources' | 'encryption'>;
  /** What else may stand in no line, whoever writes it. @default nothing */
  moreSecrets?: readonly string[];
  /** @default standard error, written at once */
  to?: DestinationStream;
}

/** The log of a worker process: a line of JSON for each event, without any of the worker's secrets. */
export function createWorkerLog({ settings, moreSecrets = [], to = pino.destination(2) }: WorkerLogOptions): Log {
  const { sender, ledger, sources, encryption } = settings;
  const secrets = (): string[] =>
    [sender, ledger, sources, encryption].flatMap((holder) => holder?.secretValues() ?? []);
  const scrubberNow = (): Scrubber => new Scrubber([...secrets(), ...moreSecrets]);
  let { version } = sender;
  let scrubber = scrubberNow();
  const scrubbed = (line: string): string => {
    // Keys from files may have been replaced meanwhile.
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

/** Temporal's log lines through pino: of the SDK, its native half, workflows and activities. */
export function temporalLogger(log: Log): Logger {
  const at = (level: Lowercase<LogLevel>) => (message: string, meta?: LogMetadata) =>
    log[level](fieldsOf(meta), message);
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
 * The fields of a line under one name each: `workflowId`, `runId`, `task` (what the activity runs) and `attempt`, and
 * whatever else is told. The token with which anybody could end the activity stays out.
 */
function fieldsOf(meta: LogMetadata = {}): LogMetadata {
  const { taskToken: _capability, workflowRunId, activityType, ...others } = meta;
  return {
    ...others,
    ...(workflowRunId !== undefined && { runId: workflowRunId as unknown }),
    ...(activityType !== undefined && { task: activityType as unknown }),
  };
}

/** An error as a log line holds it. Its details and causes stay out: Temporal's hold payloads, and so users' ids. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack } = error;
  const type = error instanceof ApplicationFailure ? (error.type ?? undefined) : undefined;
  return { name, ...(type !== undefined && { type }), message, stack };
}
