import { prepareStarts } from '../operator/prepared-starts';
import { GatewayRefusal } from './http-error';
import { withTemporal } from './parts';
import type { GatewayParts } from './parts';
import type { StartForms } from './wire';

/** A server that is away must not keep the page waiting for its links. */
const MAKE_MS = 8_000;

/**
 * Links to the forms of the Temporal UI that start an off-boarding, a sweep or one task, with an example in each that
 * changes nothing. The examples are runs that never work; those that are missing or old are made.
 *
 * @throws GatewayRefusal when nobody says where the UI is, or the server does not answer.
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
