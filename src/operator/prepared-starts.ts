import type { Client } from '@temporalio/client';
import { exampleInputs } from '../policy/example-inputs';
import type { ExampleUser, WorkflowType } from '../policy/example-inputs';
import { makeStartTemplates } from './start-templates';
import type { StartTemplate } from './start-templates';

/** A link to a form of the Temporal UI that is prefilled except for the ID. */
export interface PreparedStart {
  workflowType: WorkflowType;
  url: string;
  /** The input in the form. */
  input: object;
}

/** Links to the forms of the Temporal UI that start this package's workflows and tasks. */
export interface PreparedStarts {
  workflows: PreparedStart[];
  /** The form for one task as a standalone activity. The UI cannot prefill its input. */
  task: { activityType: string; url: string; input: object };
}

const EXAMPLE_TASK = 'plaid.userItemsGet';

/**
 * Creates an example run for each workflow, because the namespace's retention removes older ones, and returns the
 * links.
 *
 * @param user The user in the examples; placeholders if omitted.
 */
export async function prepareStarts(
  client: Client,
  at: { uiUrl: string; taskQueue: string },
  user?: ExampleUser,
): Promise<PreparedStarts> {
  const { taskQueue } = at;
  const place = { ...at, namespace: client.options.namespace };
  const inputs = exampleInputs(user);
  const templates = await makeStartTemplates(client, { taskQueue, inputs });
  return {
    workflows: templates.map((template) => ({
      workflowType: template.workflowType,
      url: startLink(place, template),
      input: template.input,
    })),
    task: { activityType: EXAMPLE_TASK, url: taskLink(place, EXAMPLE_TASK), input: inputs.runHttpTask.input },
  };
}

/** Where the pages of the Temporal UI are. */
interface UiPlace {
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
function taskLink(place: UiPlace, task: string): string {
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
