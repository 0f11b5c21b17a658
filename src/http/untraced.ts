import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';

/** The context key with which OpenTelemetry packages suppress tracing. Keys with the same name are the same key. */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const SUPPRESSED = ROOT_CONTEXT.setValue(SUPPRESS_TRACING, true);

/**
 * Runs something without the host's instrumentation. Instrumentation of undici would otherwise add trace headers to
 * calls to third parties and put their URLs, which may contain a key, into spans.
 */
export function untraced<T>(work: () => T): T {
  return context.with(SUPPRESSED, work);
}
