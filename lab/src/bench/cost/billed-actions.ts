import type { Client } from '@temporalio/client';

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

/** The search attribute of the SDK's patches, which is not billed. */
const OF_PATCHES = 'TemporalChangeVersion';

/** Returns the history of a run that has not continued as new. */
export async function historyOf(client: Client, workflowId: string): Promise<HistoryEvent[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  if (events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId)
    throw new Error('The run continued as new, so that its last history does not contain all events.');
  return events ?? [];
}

/**
 * Returns how many actions Temporal Cloud bills for a history, by the rules that it documents: starts of workflows,
 * activities with each retry, timers, signals, updates, Nexus operations and search attributes, two for a child, and one
 * for the markers of each workflow task. Heartbeats and queries are billed too, and are in no history.
 */
export function billedActions(events: readonly HistoryEvent[]): number {
  const tasksWithMarkers = new Set<string>();
  let actions = 0;
  for (const event of events) {
    actions += actionsOf(event);
    const marked = event.markerRecordedEventAttributes?.workflowTaskCompletedEventId;
    if (marked !== undefined && marked !== null) tasksWithMarkers.add(String(marked));
  }
  return actions + tasksWithMarkers.size;
}

function actionsOf(event: HistoryEvent): number {
  // Of a retried activity, the history contains the last start with its number.
  if (event.activityTaskStartedEventAttributes) return event.activityTaskStartedEventAttributes.attempt ?? 1;
  if (event.startChildWorkflowExecutionInitiatedEventAttributes) return 2;
  const fields = event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields;
  if (fields) return Object.keys(fields).every((name) => name === OF_PATCHES) ? 0 : 1;
  const isBilled =
    event.workflowExecutionStartedEventAttributes ??
    event.timerStartedEventAttributes ??
    event.workflowExecutionSignaledEventAttributes ??
    event.workflowExecutionUpdateAcceptedEventAttributes ??
    event.nexusOperationScheduledEventAttributes;
  return isBilled ? 1 : 0;
}
