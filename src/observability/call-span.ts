import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import type { HttpTask } from '../tasks/define';
import type { TaskFailure } from '../tasks/failure';

// Without a provider, which only a process that exports spans registers, its spans record nothing.
const tracer = trace.getTracer('temporal-http-tasks');

/**
 * Starts the span of one call, or returns undefined if it is not recorded. The span has the task's name and its method,
 * and never an address, ID, input or header.
 */
export function beginCallSpan(task: HttpTask, attemptNow: () => number | undefined): Span | undefined {
  const span = tracer.startSpan(task.name, { kind: SpanKind.CLIENT });
  if (!span.isRecording()) return undefined;
  span.setAttributes({
    'http_tasks.task': task.name,
    'http_tasks.provider': task.service.name,
    // The method of a generic task comes from its input.
    ...(!task.generic && { 'http.request.method': task.method }),
  });
  const attempt = attemptNow();
  if (attempt !== undefined) span.setAttribute('http_tasks.attempt', attempt);
  return span;
}

/** The result of a call, for its span. */
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
