import type { Client } from '@temporalio/client';
import { startLink, taskLink } from './start-links';
import { makeStartTemplates } from './start-templates';
import { exampleInputs } from '../policy/example-inputs';
import type { ExampleUser, WorkflowType } from '../policy/example-inputs';

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
