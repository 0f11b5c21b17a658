import { prepareStarts } from 'temporal-http-tasks/internal/operator/prepared-starts';
import { GatewayRefusal } from './http-error';
import { withTemporal } from './parts';
import type { GatewayParts } from './parts';
import type { StartForms } from './wire';

/** Time limit in milliseconds, so that an unavailable server does not delay the page. */
const MAKE_MS = 8_000;

/**
 * Returns links to the forms of the Temporal UI that start an offboarding, a sweep or one task, each with an example
 * that changes nothing. The examples are runs that never execute; missing or old ones are created.
 *
 * @throws GatewayRefusal if the URL of the UI is not configured, or the server does not respond.
 */
export async function startForms(parts: GatewayParts): Promise<StartForms> {
  return withTemporal(parts, async ({ client, ui }) => {
    if (ui === undefined)
      throw new GatewayRefusal(409, 'Settings', 'Say where the Temporal UI is, in HTTP_TASKS_TEMPORAL_UI.', {
        field: 'HTTP_TASKS_TEMPORAL_UI',
      });
    const { taskQueue } = parts.place;
    const { workflows } = await client.withDeadline(Date.now() + MAKE_MS, () =>
      prepareStarts(client, { uiUrl: ui, taskQueue }),
    );
    return { workflows: workflows.map(({ workflowType, url }) => ({ workflowType, url })) };
  });
}
