import { openApiFromTasks } from '../openapi/openapi-from-tasks';
import type { HttpTask } from '../tasks/define';
import type { GatewayParts } from './parts';

/** Headers with which whoever calls without the page confirms what it would ask for. */
export const CONFIRM_TASK = 'x-http-tasks-confirm';
export const CONFIRM_ENVIRONMENT = 'x-http-tasks-environment';

type Json = { [key: string]: unknown };

/** The catalogue as this gateway offers it: each task a POST to /tasks/NAME, with what it has to be confirmed with. */
export function openApiDocument({ catalogue, version }: GatewayParts, needsToken: boolean): Json {
  const document = openApiFromTasks(catalogue.tasks, { version });
  const paths = document['paths'] as Record<string, { post: Json }>;
  for (const task of catalogue.tasks) {
    const operation = paths[`/tasks/${task.name}`]?.post;
    const parameters = confirmationsOf(task);
    if (operation && parameters.length > 0) operation['parameters'] = parameters;
  }
  if (!needsToken) return document;
  const components = { ...(document['components'] as Json), securitySchemes: { gateway: { type: 'http', scheme: 'bearer' } } };
  return { ...document, components, security: [{ gateway: [] }] };
}

/** What a call of this task may have to be confirmed with. */
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
    ...(task.effect === 'irreversible' ? [header(CONFIRM_TASK, 'Needed where the call cannot be undone: the name of the task.', task.name)] : []),
    ...productionEnvironments.slice(0, 1).map((name) => header(CONFIRM_ENVIRONMENT, "Needed where the gateway's keys are for real people's data.", name)),
  ];
}
