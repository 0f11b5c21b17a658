import { Runtime } from '@temporalio/worker';
import type { Logger as Log } from 'pino';
import { listenAddressText } from 'temporal-http-tasks/internal/config/process-settings';
import type { ListenAddress } from 'temporal-http-tasks/internal/config/process-settings';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { LATENCY_BUCKETS_MS, METRICS } from 'temporal-http-tasks/internal/observability/metric-names';
import { temporalLogger } from './worker-log';

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
