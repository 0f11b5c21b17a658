import type { StartTemplate } from './start-templates';

/** Where the pages of the Temporal UI are. */
export interface UiPlace {
  /** URL of the UI, including the path under which it is served. */
  uiUrl: string;
  namespace: string;
  taskQueue: string;
}

/**
 * Returns the URL of the Start Workflow page, prefilled with type, task queue and the template's input; the workflow ID
 * is left to the user. The link never contains a workflow ID, because the page would then copy the input of the latest
 * run with that ID, which may be another user's.
 */
export function startLink(
  place: UiPlace,
  { workflowType, runId }: Pick<StartTemplate, 'workflowType' | 'runId'>,
): string {
  return pageOf(place, 'workflows/start-workflow', { taskQueue: place.taskQueue, workflowType, runId });
}

/**
 * Returns the URL of the page that runs one task as a standalone activity, prefilled except for activity ID and input.
 */
export function taskLink(place: UiPlace, task: string): string {
  return pageOf(place, 'activities/start', {
    taskQueue: place.taskQueue,
    activityType: task,
    startToCloseTimeout: '300s',
    scheduleToCloseTimeout: '600s',
  });
}

function pageOf({ uiUrl, namespace }: UiPlace, page: string, query: Record<string, string>): string {
  return `${uiUrl.replace(/(?<!\/)\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}/${page}?${new URLSearchParams(query).toString()}`;
}
