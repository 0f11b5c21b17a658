import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import type { HttpTask } from '../tasks/define';
import type { TaskFailure } from '../tasks/failure';

// Without a provider, which only a process that wants spans registers, this makes spans that record nothing.
const tracer = trace.getTracer('temporal-http-tasks');

/**
 * Begins the span of one call; undefined when nobody records it. It is named after its task and says which method it
 * uses, and never holds an address, an id, an input or a header.
 */
export function beginCallSpan(task: HttpTask, attemptNow: () => number | undefined): Span | undefined {
  const span = tracer.startSpan(task.name, { kind: SpanKind.CLIENT });
  if (!span.isRecording()) return undefined;
  span.setAttributes({
    'http_tasks.task': task.name,
    'http_tasks.provider': task.service.name,
    // A generic task is told its method in its input.
    ...(!task.generic && { 'http.request.method': task.method }),
  });
  const attempt = attemptNow();
  if (attempt !== undefined) span.setAttribute('http_tasks.attempt', attempt);
  return span;
}

/** How a call ended, for its span. */
export interface CallEnding extends Pick<TaskFailure, 'status' | 'code'> {
  /** `ok`, `cancelled`, or the type of the failure. */
  outcome: string;
}

export function endCallSpan(span: Span, { outcome, status, code }: CallEnding): void {
  span.setAttribute('http_tasks.outcome', outcome);
  if (status !== undefined) span.setAttribute('http.response.status_code', status);
  if (code !== undefined) span.setAttribute('http_tasks.provider_code', code);
  if (outcome !== 'ok' && outcome !== 'cancelled') span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
  span.end();
}
