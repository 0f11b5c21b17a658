import { defaultPayloadConverter } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** The header in which Temporal's own interceptors expect the trace of a call. */
const HEADER = '_tracer-data';

type Headers = Parameters<
  NonNullable<NonNullable<ReturnType<WorkflowInterceptorsFactory>['inbound']>[number]['execute']>
>[0]['headers'];

/**
 * Propagates the trace of a run's caller to everything that the run calls; without one, it starts a trace whose ID is
 * that of the run's first run. Bundled only where traces are on.
 *
 * Every call is passed on synchronously. Temporal's workflow interceptors await each call and so change the order in
 * which concurrent waits continue: a sweep that began without them could not be replayed.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let trace: Headers = {};
  const traced = <I extends { headers: Headers }>(input: I): I => ({
    ...input,
    headers: { ...trace, ...input.headers },
  });
  return {
    inbound: [
      {
        execute: (input, next) => {
          const given = input.headers[HEADER];
          trace = { [HEADER]: given ?? defaultPayloadConverter.toPayload({ traceparent: ownTrace() }) };
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(traced(input)),
        scheduleLocalActivity: (input, next) => next(traced(input)),
        startChildWorkflowExecution: (input, next) => next(traced(input)),
        continueAsNew: (input, next) => next(traced(input)),
      },
    ],
  };
};

/** A W3C trace context. Run IDs are UUIDs: 32 digits, like a trace ID. */
function ownTrace(): string {
  const id = workflowInfo().firstExecutionRunId.replaceAll('-', '');
  return `00-${id}-${id.slice(-16)}-01`;
}
