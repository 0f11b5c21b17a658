import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { Span } from '@opentelemetry/api';
import type { TaskResponse } from '../../http/read-response';
import type { TaskSender } from '../../http/send-task';
import { beginCallSpan, endCallSpan } from '../../observability/call-span';
import type { CallEnding } from '../../observability/call-span';
import type { Metrics } from '../../observability/metrics';
import type { HttpTask, TaskOutput } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import { TaskTags } from './task-tags';

/**
 * Wraps a sender to count, time and trace its calls. With metrics and tracing off, it only checks whether they are on.
 */
export function observeSender(sender: TaskSender, metrics: Metrics): TaskSender {
  const byTask = new TaskTags('outcome');
  const note = (task: HttpTask, { outcome, status }: CallEnding, beganAtMs: number): void => {
    metrics.add('http_tasks_calls', byTask.with(task, outcome));
    if (status !== undefined)
      metrics.record('http_tasks_call_latency_milliseconds', byTask.of(task), performance.now() - beganAtMs);
  };
  const watched = async <T extends HttpTask>(
    send: () => Promise<TaskResponse<TaskOutput<T>>>,
    task: T,
    span: Span | undefined,
  ): Promise<TaskResponse<TaskOutput<T>>> => {
    const beganAtMs = performance.now();
    const ended = (ending: CallEnding): void => {
      note(task, ending, beganAtMs);
      if (span) endCallSpan(span, ending);
    };
    try {
      const response = await send();
      ended({ outcome: 'ok', status: response.status });
      return response;
    } catch (error) {
      ended(endingOf(error));
      throw error;
    }
  };
  return {
    prepare: (task, input) => sender.prepare(task, input),
    // Not async: a sweep makes thousands of calls per second, and each would wait for one more promise.
    send: (task, input, options) => {
      const span = beginCallSpan(task, attemptNow);
      if (!span && !metrics.isOn) return sender.send(task, input, options);
      return watched(() => sender.send(task, input, options), task, span);
    },
    close: () => sender.close(),
  };
}

function endingOf(error: unknown): CallEnding {
  if (error instanceof CancelledFailure) return { outcome: 'cancelled' };
  if (!(error instanceof ApplicationFailure)) return { outcome: 'error' };
  const { status, code } = (error.details?.[0] ?? {}) as Partial<TaskFailure>;
  return {
    outcome: error.type ?? 'error',
    ...(status !== undefined && { status }),
    ...(code !== undefined && { code }),
  };
}

/** Returns the attempt number of the activity that makes the call. */
function attemptNow(): number | undefined {
  try {
    return Context.current().info.attempt;
  } catch {
    return undefined;
  }
}
