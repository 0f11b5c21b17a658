import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { openDocument } from './document/document';
import type { TaskPlan } from './operation/task-plan';
import type { OpenApiOptions, OpenApiReport } from './options';
import { readApi } from './read-api';
import { ZodShapes } from './schema/to-zod';

/** The tasks of a document. */
export interface OpenApiTasks {
  /** One for each operation that could be made one. */
  tasks: readonly HttpTask[];
  /** One, and one more for each set of operations that have other servers. */
  services: readonly ServiceDefinition[];
  report: OpenApiReport;
}

/**
 * Makes a task of every operation of an OpenAPI document (3.0 or 3.1), without generated code: give them to
 * `HttpTasksPlugin`. Nothing is sent.
 *
 * A call that is not GET or HEAD counts as irreversible until `decide` says otherwise, so that a lost response is never
 * resolved by sending it again. The report names what the document leaves open.
 *
 * @param document text (JSON or YAML), a value that was parsed before, or what `readOpenApiDocument` returned.
 * @throws OpenApiError with the place, when the document cannot be used. One bad operation is only skipped.
 */
export function tasksFromOpenApi(document: unknown, options: OpenApiOptions = {}): OpenApiTasks {
  const { services, report, inputs, outputs } = readApi(openDocument(document), options);
  const schemas = { input: new ZodShapes(inputs, 'input'), output: new ZodShapes(outputs, 'output') };
  const tasks = services.flatMap(({ service, plans }) => plans.map((plan) => taskOf(service, plan, schemas)));
  return { tasks, services: services.map(({ service }) => service), report };
}

function taskOf(
  service: ServiceDefinition,
  plan: TaskPlan,
  schemas: { input: ZodShapes; output: ZodShapes },
): HttpTask {
  return defineHttpTask({
    ...plan,
    service,
    input: schemas.input.of(plan.input),
    output: schemas.output.of(plan.output),
  });
}
