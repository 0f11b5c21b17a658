import { Runtime } from '@temporalio/worker';
import type { Logger as Log } from 'pino';
import { listenAddressText } from '../config/listen-address';
import type { ListenAddress } from '../config/listen-address';
import { SettingsError } from '../config/problems';
import { LATENCY_BUCKETS_MS, METRICS } from './metric-names';
import { temporalLogger } from './worker-log';

/** On these a worker stops taking tasks, finishes or hands back what it has, and ends. */
export const SHUTDOWN_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Sets up Temporal's runtime for a worker process of the package's own: its log lines go to ours, and its metrics, with
 * our own among them, to an endpoint for Prometheus.
 *
 * @throws SettingsError when nothing can listen on the address for metrics.
 */
export function installWorkerRuntime(log: Log, metrics: ListenAddress | undefined): void {
  try {
    Runtime.install({
      logger: temporalLogger(log),
      telemetryOptions: {
        // Left to itself, the native half of the SDK would print its own lines to stdout.
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

/** The SDK's own metrics keep its own. */
function ourBuckets(): Record<string, number[]> {
  const histograms = Object.entries(METRICS).filter(([, { kind }]) => kind === 'histogram');
  return Object.fromEntries(histograms.map(([name]) => [name, LATENCY_BUCKETS_MS]));
}
