import type { History } from '@temporalio/common/lib/proto-utils';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils';

/** An event as JSON: its attributes refer to other events by fields whose names end in `EventId`. */
interface Event {
  eventId: string;
  eventType: string;
  [attributes: string]: unknown;
}

const LOCAL_ACTIVITY = 'core_local_activity';

/** The events of a workflow task, in their order. */
const OF_A_TASK = ['WORKFLOW_TASK_SCHEDULED', 'WORKFLOW_TASK_STARTED', 'WORKFLOW_TASK_COMPLETED'].map(
  (type) => `EVENT_TYPE_${type}`,
);

/** The number of local activities whose results a history has. */
export function localActivitiesIn({ events }: History): number {
  return (events ?? []).filter((event) => event.markerRecordedEventAttributes?.markerName === LOCAL_ACTIVITY).length;
}

/**
 * Returns the history as it is when a query arrives while each of its local activities runs: the result is recorded with the
 * response to the query, and what the workflow does next with a workflow task of its own.
 */
export function queriedDuringLocalActivities(history: History): History {
  const { events } = JSON.parse(historyToJSON(history)) as { events: Event[] };
  const made: Event[] = [];
  const ids = new Map<string, string>();
  // Commands after a result belong to the workflow task that was added.
  const completions = new Map<string, string>();
  const idFor = (id: string) => completions.get(id) ?? ids.get(id) ?? id;
  events.forEach((event, index) => {
    const eventId = String(made.length + 1);
    ids.set(event.eventId, eventId);
    made.push({ ...(withIds(event, idFor) as Event), eventId });
    const completion = completionOf(event);
    if (!isLocalActivity(event) || completion === undefined || completionOf(events[index + 1]) !== completion) return;
    made.push(...nextTask(made));
    completions.set(completion, String(made.length));
  });
  return historyFromJSON({ events: made });
}

function isLocalActivity({ markerRecordedEventAttributes: attributes }: Event): boolean {
  return (attributes as { markerName?: string } | undefined)?.markerName === LOCAL_ACTIVITY;
}

/** The workflow task whose completion brought the event, if it is a command. */
function completionOf(event: Event | undefined): string | undefined {
  const attributes = Object.values(event ?? {}) as { workflowTaskCompletedEventId?: string }[];
  return attributes.map((of) => of.workflowTaskCompletedEventId).find((id) => id !== undefined && id !== '0');
}

/** A workflow task like the last one of these events. */
function nextTask(events: readonly Event[]): Event[] {
  const ids = OF_A_TASK.map((_, index) => String(events.length + 1 + index));
  const eventTime = events.at(-1)?.['eventTime'];
  return OF_A_TASK.map((type, index) => {
    const last = events.findLast(({ eventType }) => eventType === type);
    if (!last) throw new Error(`No ${type} before a local activity.`);
    const idFor = (id: string) => ids[OF_A_TASK.findIndex((of) => typeOf(events, id) === of)] ?? id;
    return { ...(withIds(last, idFor) as Event), eventId: ids[index] ?? '', eventTime };
  });
}

function typeOf(events: readonly Event[], id: string): string | undefined {
  return events.find(({ eventId }) => eventId === id)?.eventType;
}

/** A copy with other IDs of events in it. */
function withIds(value: unknown, idFor: (id: string) => string): unknown {
  if (Array.isArray(value)) return value.map((inner) => withIds(inner, idFor));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key.endsWith('EventId') && typeof inner === 'string' ? idFor(inner) : withIds(inner, idFor),
    ]),
  );
}
