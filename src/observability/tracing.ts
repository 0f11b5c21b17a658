import { diag, DiagLogLevel } from '@opentelemetry/api';
import type { SpanExporter } from '@opentelemetry/sdk-trace-node';
import { SimplePlugin } from '@temporalio/plugin';
import type { WorkerPlugin } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { TracingSettings } from '../config/tracing-settings';

/** Spans of a worker process, on their way to a collector. */
export interface Tracing {
  /** Has Temporal's spans of activities made, in the trace of the run that called them. */
  plugin: WorkerPlugin;
  /** Sends what is left, and ends. */
  stop(): Promise<void>;
}

/**
 * Registers OpenTelemetry for this process, by its standard settings: where spans go, with which headers, how many are
 * kept, and what the service is called. Only the package's own worker does this; a host registers its own.
 *
 * @param workflowInterceptors The module that passes a run's trace on, for the bundle of workflows.
 */
export async function startTracing(
  { protocol }: TracingSettings,
  workflowInterceptors: string,
  log: Logger,
): Promise<Tracing> {
  diag.setLogger(
    {
      error: (message) => log.warn({ message }, 'tracing'),
      warn: ignore,
      info: ignore,
      debug: ignore,
      verbose: ignore,
    },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
  // Loaded only here: a worker without traces needs none of it.
  const [
    { BatchSpanProcessor, NodeTracerProvider },
    { detectResourcesSync, envDetectorSync, Resource },
    interceptors,
    exporter,
  ] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/resources'),
    import('@temporalio/interceptors-opentelemetry'),
    createExporter(protocol),
  ]);
  const named = new Resource({ 'service.name': 'http-tasks-worker' });
  const resource = Resource.default()
    .merge(named)
    .merge(detectResourcesSync({ detectors: [envDetectorSync] }));
  const provider = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter)] });
  provider.register();
  const plugin = new SimplePlugin({
    name: 'temporal-http-tasks.Tracing',
    workerInterceptors: {
      workflowModules: [workflowInterceptors],
      activity: [(context) => ({ inbound: new interceptors.OpenTelemetryActivityInboundInterceptor(context) })],
    },
  });
  return { plugin, stop: () => provider.shutdown() };
}

async function createExporter(protocol: TracingSettings['protocol']): Promise<SpanExporter> {
  switch (protocol) {
    case 'http/protobuf': {
      const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
      return new OTLPTraceExporter();
    }
    case 'http/json': {
      const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
      return new OTLPTraceExporter();
    }
  }
}

function ignore(): void {
  // Less than an error says nothing to whoever runs a worker.
}
