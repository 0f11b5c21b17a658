import { openApiFromTasks } from '@temporal-http-tasks/openapi/internal/openapi-from-tasks';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { deletesData } from 'temporal-http-tasks/internal/tasks/effect';
import type { GatewayParts } from './parts';

/** Headers with which callers other than the page confirm a call. */
export const CONFIRM_TASK = 'x-http-tasks-confirm';
export const CONFIRM_ENVIRONMENT = 'x-http-tasks-environment';

type Json = { [key: string]: unknown };

/** The schema of `WireError`. */
const REFUSAL: Json = {
  type: 'object',
  description: 'Why the gateway did not take a request. Nothing was sent to the service.',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['type', 'message'],
      properties: {
        type: { type: 'string' },
        field: { type: 'string', description: 'The path of the first wrong field of the input, or a setting.' },
        message: { type: 'string' },
        needed: {
          type: 'object',
          description: 'What the call has to be confirmed with.',
          properties: { task: { type: 'string' }, environment: { type: 'string' } },
        },
      },
    },
  },
};

/**
 * Returns the OpenAPI document of this gateway: each task as a POST to /tasks/NAME, with its confirmations and every
 * possible response. `npm run fuzz` checks the gateway against it.
 */
export function openApiDocument({ catalogue, version }: GatewayParts): Json {
  const document = openApiFromTasks(catalogue.tasks, { version });
  const paths = document['paths'] as Record<string, { post: Json & { responses: Json } }>;
  for (const task of catalogue.tasks) {
    const operation = paths[`/tasks/${task.name}`]?.post;
    if (!operation) continue;
    const parameters = confirmationsOf(task);
    if (parameters.length > 0) operation['parameters'] = parameters;
    const { 200: responded, default: failed } = operation.responses;
    operation.responses = {
      200: responded,
      '4XX': refusal('The gateway does not take the request.'),
      502: failed,
      503: refusal('The ledger cannot be reached.'),
    };
  }
  const { schemas } = document['components'] as { schemas: Json };
  const components = { schemas: { ...schemas, Refusal: REFUSAL } };
  return {
    ...document,
    components: { ...components, securitySchemes: { gateway: { type: 'http', scheme: 'bearer' } } },
    security: [{ gateway: [] }],
  };
}

function refusal(description: string): Json {
  return { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Refusal' } } } };
}

/** Returns the confirmation headers that a call of this task may need. */
export function confirmationsOf(task: HttpTask): Json[] {
  const header = (name: string, description: string, value: string): Json => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string', enum: [value] },
  });
  const { productionEnvironments } = task.service;
  return [
    ...(task.effect === 'irreversible' || deletesData(task)
      ? [header(CONFIRM_TASK, 'Needed if the call cannot be undone or deletes data: the name of the task.', task.name)]
      : []),
    ...productionEnvironments
      .slice(0, 1)
      .map((name) => header(CONFIRM_ENVIRONMENT, "Needed where the gateway's keys are for real people's data.", name)),
  ];
}
