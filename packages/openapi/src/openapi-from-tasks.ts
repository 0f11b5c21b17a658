import { z } from 'zod';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { TASK_FAILURE_TYPES } from 'temporal-http-tasks/internal/tasks/failure';
import { EXTENSION } from './operation/extension';

/** What the document says about the host that runs the tasks. */
export interface OpenApiFromTasksOptions {
  /** @default HTTP tasks */
  title?: string;
  /** @default 1.0.0 */
  version?: string;
  /** Where the tasks can be called. @default /, which is wherever the document came from */
  servers?: readonly { url: string; description?: string }[];
  /** The path at which a task is called. @default /tasks/NAME */
  pathOf?: (task: HttpTask) => string;
}

type Json = { [key: string]: unknown };

/**
 * Describes a catalogue as an OpenAPI 3.1 document: each task is a POST with the task's input as its body and the task's
 * output as its response, as a gateway offers it. Keys of providers are put in behind it and stand nowhere in it. What
 * OpenAPI has no words for (the provider's own method and path, the effect, what can be done afterwards) is in
 * `x-http-task`, where `tasksFromOpenApi` finds it again.
 */
export function openApiFromTasks(tasks: Iterable<HttpTask>, options: OpenApiFromTasksOptions = {}): Json {
  const {
    title = 'HTTP tasks',
    version = '1.0.0',
    servers = [{ url: '/' }],
    pathOf = ({ name }) => `/tasks/${name}`,
  } = options;
  const all = [...tasks];
  const services = [...new Set(all.map(({ service }) => service))];
  const schemas = new NamedSchemas();
  const paths = Object.fromEntries(all.map((task) => [pathOf(task), { post: operationOf(task, schemas) }]));
  return {
    openapi: '3.1.0',
    info: { title, version },
    servers: [...servers],
    tags: services.map(({ name, title: description, docs }) => ({
      name,
      description,
      ...(docs !== '' && { externalDocs: { url: docs } }),
    })),
    paths,
    components: { schemas: schemas.schemas },
  };
}

/** As the type `TaskFailure`. */
const FAILURE: Json = {
  type: 'object',
  description: 'Why a task failed. It never holds a URL, a header, a body or a secret.',
  required: ['type', 'service', 'message'],
  properties: {
    type: { type: 'string', enum: [...TASK_FAILURE_TYPES] },
    service: { type: 'string' },
    task: { type: 'string' },
    status: { type: 'integer', description: 'The HTTP status, when a response arrived.' },
    code: { type: 'string', description: "The provider's own code." },
    requestId: { type: 'string', description: "The provider's ID of the request." },
    field: { type: 'string', description: 'The path of the first wrong field of the input.' },
    perhapsDone: {
      type: 'boolean',
      description: 'The provider may have carried it out, although repeating it does no harm.',
    },
    message: { type: 'string' },
  },
};

function operationOf(task: HttpTask, schemas: NamedSchemas): Json {
  const { name, service, summary, description, docs, tags } = task;
  return {
    operationId: name,
    summary,
    ...(description !== '' && { description }),
    ...(docs !== '' && { externalDocs: { url: docs } }),
    tags: [...new Set([service.name, ...tags])],
    requestBody: { required: true, content: { 'application/json': { schema: schemas.of(task.input, 'input', name) } } },
    responses: {
      200: {
        description: 'The response of the provider.',
        content: { 'application/json': { schema: schemas.of(task.output, 'output', name) } },
      },
      default: {
        description: 'The task failed.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/TaskFailure' } } },
      },
    },
    [EXTENSION]: extensionOf(task),
  };
}

function extensionOf({
  name,
  method,
  path,
  effect,
  answerMeans,
  settle,
  remedy,
  sensitive,
  subjectFields,
  absentCodes,
}: HttpTask): Json {
  return {
    task: name,
    method,
    path,
    effect,
    ...(effect !== 'read' && { answerMeans, settle, remedy }),
    ...(sensitive.length > 0 && {
      sensitive: sensitive.map(({ field, when }) => (when ? { field, when: when.source } : field)),
    }),
    ...(subjectFields.length > 0 && { subjectFields }),
    ...(absentCodes.length > 0 && { absentCodes }),
  };
}

/** Schemas of tasks, with those that they name next to the others of the document. */
class NamedSchemas {
  readonly schemas: Record<string, Json> = { TaskFailure: FAILURE };

  /** Rules between fields, which JSON Schema cannot say, are left to the task. */
  of(schema: z.ZodType, io: 'input' | 'output', owner: string): unknown {
    const { $schema: _, $defs = {}, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'ref' });
    const prefix = `${owner}.${io}`;
    const all = relocated(json, prefix);
    const named = relocated($defs, prefix) as Record<string, Json>;
    for (const [name, inner] of Object.entries(named)) this.schemas[`${prefix}.${name}`] = inner;
    const whole = { $ref: `#/components/schemas/${prefix}.all` };
    // Only a schema that leads back to itself as a whole needs a name.
    if (!JSON.stringify([all, named]).includes(JSON.stringify(whole))) return all;
    this.schemas[`${prefix}.all`] = all as Json;
    return whole;
  }
}

/** Pointers from a schema's own root become pointers from the document's. */
function relocated(value: unknown, prefix: string): unknown {
  if (Array.isArray(value)) return value.map((entry) => relocated(entry, prefix));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref, ...rest } = value as { $ref?: unknown };
  const moved = Object.fromEntries(Object.entries(rest).map(([key, entry]) => [key, relocated(entry, prefix)]));
  if (typeof $ref !== 'string') return $ref === undefined ? moved : { ...moved, $ref: relocated($ref, prefix) };
  const name = $ref === '#' ? 'all' : $ref.replace(/^#\/\$defs\//, '');
  return { ...moved, $ref: `#/components/schemas/${prefix}.${name}` };
}
