import type { StartTemplate } from './start-templates';

/** Where the Temporal UI shows what. */
export interface UiPlace {
  /** The address of the UI, with the path under which it is served. */
  uiUrl: string;
  namespace: string;
  taskQueue: string;
}

/**
 * The Start Workflow page with type, task queue and the template's input in its form; the workflow id is left to the
 * person. The link never names a workflow id: the page would then copy whatever ran last under it, which may be somebody
 * else's input.
 */
export function startLink(
  place: UiPlace,
  { workflowType, runId }: Pick<StartTemplate, 'workflowType' | 'runId'>,
): string {
  return pageOf(place, 'workflows/start-workflow', { taskQueue: place.taskQueue, workflowType, runId });
}

/** The page that runs one task as a standalone activity, with everything in its form but activity id and input. */
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
