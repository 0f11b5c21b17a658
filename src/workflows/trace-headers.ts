import { defaultPayloadConverter } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** Where Temporal's own interceptors look for the trace of a call. */
const HEADER = '_tracer-data';

type Headers = Parameters<
  NonNullable<NonNullable<ReturnType<WorkflowInterceptorsFactory>['inbound']>[number]['execute']>
>[0]['headers'];

/**
 * Has all that a run calls belong to one trace: the one of whoever started it, else one of the run's own, whose id is
 * that of its first run. Bundled only where traces are on.
 *
 * Every call is passed on as it is, without a step of its own. Temporal's interceptors for workflows await each one, and
 * so let what waits at the same time go on in another order: a sweep that began without them could not be replayed.
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

/** A W3C trace context. Run ids are UUIDs: 32 digits, as an id of a trace has. */
function ownTrace(): string {
  const id = workflowInfo().firstExecutionRunId.replaceAll('-', '');
  return `00-${id}-${id.slice(-16)}-01`;
}
