import { z } from 'zod';
import { deletesData } from 'temporal-http-tasks/internal/tasks/effect';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { CONFIRM_ENVIRONMENT, CONFIRM_TASK } from './openapi-document';
import type { GatewayParts } from './parts';

type Json = { [key: string]: unknown };

/** The field of a tool's input that contains the task's input. */
const BODY = 'input';

/**
 * Returns the catalogue as a UTCP manual, so that agents and other tools can find and call the tasks. A tool's `input`
 * is the task's input; confirmations are separate arguments. The client substitutes its variable
 * `HTTP_TASKS_CONSOLE_TOKEN`, the gateway's token.
 */
export function utcpManual({ catalogue, version }: GatewayParts, baseUrl: string): Json {
  return {
    utcp_version: '1.0.1',
    manual_version: version,
    tools: catalogue.tasks.map((task) => toolOf(task, baseUrl)),
  };
}

const SIGNED = {
  auth: {
    auth_type: 'api_key',
    api_key: 'Bearer ${HTTP_TASKS_CONSOLE_TOKEN}',
    var_name: 'authorization',
    location: 'header',
  },
};

function toolOf(task: HttpTask, baseUrl: string): Json {
  const confirmed = task.effect === 'irreversible' || deletesData(task);
  const real = task.service.productionEnvironments[0];
  const { $schema: _, $defs, ...input } = z.toJSONSchema(task.input, { io: 'input', unrepresentable: 'any' });
  const { $schema: __, ...outputs } = z.toJSONSchema(task.output, { unrepresentable: 'any' });
  return {
    name: task.name,
    description: [task.summary, task.description, effectText(task)].filter(Boolean).join('. ').replaceAll('..', '.'),
    tags: [...new Set([task.service.name, ...task.tags])],
    inputs: {
      type: 'object',
      // References in a schema start at the root of the whole document.
      ...($defs && { $defs }),
      properties: {
        [BODY]: input,
        ...(confirmed && {
          [CONFIRM_TASK]: {
            type: 'string',
            const: task.name,
            description: 'This call deletes data or cannot be undone; a person has to agree to it.',
          },
        }),
        ...(real !== undefined && {
          [CONFIRM_ENVIRONMENT]: {
            type: 'string',
            const: real,
            description: "Only where the gateway's keys are for real people's data.",
          },
        }),
      },
      required: [BODY, ...(confirmed ? [CONFIRM_TASK] : [])],
    },
    outputs,
    tool_call_template: {
      call_template_type: 'http',
      http_method: 'POST',
      url: `${baseUrl}/tasks/${encodeURIComponent(task.name)}`,
      content_type: 'application/json',
      body_field: BODY,
      header_fields: [...(confirmed ? [CONFIRM_TASK] : []), ...(real === undefined ? [] : [CONFIRM_ENVIRONMENT])],
      ...SIGNED,
    },
  };
}

function effectText({ effect, remedy }: HttpTask): string {
  switch (effect) {
    case 'read':
      return 'It changes nothing';
    case 'repeatSafe':
      return 'It changes something; repeating it does no harm';
    case 'irreversible':
      return `It cannot be undone. ${remedy}`;
  }
}
