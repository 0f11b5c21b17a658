import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';

/** By this key OpenTelemetry's packages know that something is not to be traced; keys of one name are one key. */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
const SUPPRESSED = ROOT_CONTEXT.setValue(SUPPRESS_TRACING, true);

/**
 * Does something that no instrumentation of the host's may see. One that watches undici would otherwise put trace
 * headers into calls to third parties, and their addresses, which may hold a key, into spans.
 */
export function untraced<T>(work: () => T): T {
  return context.with(SUPPRESSED, work);
}
