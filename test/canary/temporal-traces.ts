import type { Client, WorkflowHandle } from '@temporalio/client';
import { textIn } from './haystack';

/** Everything that Temporal keeps of a run, as text, split by what may hold the ids of a user and what may not. */
export interface RunTraces {
  /** The whole history with all payloads decoded, descriptions and query results. Inputs and results hold ids. */
  everything: string;
  /** Summaries and details as the UI shows them. */
  shown: string;
  /** Messages, stack traces and details of failures. */
  failures: string;
}

/** Reads what Temporal keeps of one run. */
export async function tracesOf(client: Client, workflowId: string): Promise<RunTraces> {
  const handle = client.workflow.getHandle(workflowId);
  const [history, description] = await Promise.all([handle.fetchHistory(), handle.describe()]);
  const events = history.events ?? [];
  const responses = await Promise.all(
    ['progress', 'receipts', 'compensations', '__temporal_workflow_metadata', '__stack_trace'].map((name) =>
      responseTo(handle, name),
    ),
  );
  const metadata = responses[3];
  const failures = events.flatMap((event) => [
    event.activityTaskFailedEventAttributes?.failure,
    event.activityTaskTimedOutEventAttributes?.failure,
    event.activityTaskStartedEventAttributes?.lastFailure,
    event.workflowExecutionFailedEventAttributes?.failure,
    event.workflowTaskFailedEventAttributes?.failure,
  ]);
  return {
    everything: [textIn(events), JSON.stringify(history), textIn(description.raw), textIn(responses)].join('\n'),
    shown: [textIn(events.map(({ userMetadata }) => userMetadata)), textIn(metadata)].join('\n'),
    failures: textIn(failures),
  };
}

/** A run that was refused immediately has no handlers for our queries. */
async function responseTo(handle: WorkflowHandle, name: string): Promise<unknown> {
  return handle.query(name).catch((error: unknown) => String(error));
}
