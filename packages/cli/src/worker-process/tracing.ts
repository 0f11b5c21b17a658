import { diag, DiagLogLevel } from '@opentelemetry/api';
import type { SpanExporter } from '@opentelemetry/sdk-trace-node';
import { SimplePlugin } from '@temporalio/plugin';
import type { WorkerPlugin } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { TracingSettings } from 'temporal-http-tasks/internal/config/process-settings';

/** The tracing of a worker process. */
export interface Tracing {
  /** Creates Temporal's spans of activities, in the trace of the calling run. */
  plugin: WorkerPlugin;
  /** Exports the remaining spans and shuts down. */
  stop(): Promise<void>;
}

/**
 * Registers OpenTelemetry for this process with its standard settings: endpoint, headers, queue size and service name.
 * Only the package's own worker does this; a host registers its own.
 *
 * @param workflowInterceptors The module that propagates a run's trace, for the workflow bundle.
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
  // Loaded only here, because a worker without tracing does not need them.
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
  // Levels below error do not concern the operator.
}
