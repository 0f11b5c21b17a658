import { diag, DiagLogLevel } from '@opentelemetry/api';
import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-node';
import type { WorkerPlugin } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { TracingSettings } from '../config/tracing-settings';

/** Spans of a worker process, on their way to a collector. */
export interface Tracing {
  /** Has Temporal's own spans made: of workflows, and of activities under the workflow that called them. */
  plugin: WorkerPlugin;
  /** Sends what is left, and ends. */
  stop(): Promise<void>;
}

/**
 * Registers OpenTelemetry for this process, by its standard settings: where spans go, with which headers, how many are
 * kept, and what the service is called. Only the package's own worker does this; a host registers its own.
 */
export async function startTracing({ protocol }: TracingSettings, log: Logger): Promise<Tracing> {
  diag.setLogger(
    { error: (message) => log.warn({ message }, 'tracing'), warn: ignore, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
  // Loaded only here: a worker without traces needs none of it.
  const [{ BatchSpanProcessor, NodeTracerProvider }, { detectResourcesSync, envDetectorSync, Resource }, { OpenTelemetryPlugin }, exporter] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/resources'),
    import('@temporalio/interceptors-opentelemetry'),
    createExporter(protocol),
  ]);
  const spanProcessor: SpanProcessor = new BatchSpanProcessor(exporter);
  const named = new Resource({ 'service.name': 'http-tasks-worker' });
  const resource = Resource.default().merge(named).merge(detectResourcesSync({ detectors: [envDetectorSync] }));
  const provider = new NodeTracerProvider({ resource, spanProcessors: [spanProcessor] });
  provider.register();
  return {
    plugin: new OpenTelemetryPlugin({ resource, spanProcessor }),
    stop: () => provider.shutdown(),
  };
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
