import type { Command } from 'commander';
import { CATALOGUE_SERVICES } from '../config/settings';
import type { HttpTask } from '../tasks/define';
import { literalOption } from './command';
import { Refusal } from './errors';
import type { Io } from './io';
import { say } from './output';

/** Where tasks beside those of the catalogue come from. */
export interface OpenApiTasksOptions {
  openapi?: string;
  service?: string;
}

/** Adds the options that name an OpenAPI document. */
export function addOpenApiOptions(command: Command): Command {
  return command
    .addOption(literalOption('--openapi <spec>', 'an OpenAPI document whose operations can be called too'))
    .addOption(literalOption('--service <name>', "the name of that document's service; default: made of its title"));
}

/**
 * The tasks of the OpenAPI document that the options name; none when they name none.
 *
 * @throws Refusal when the document cannot be read, or its service has the name of one in the catalogue.
 */
export async function openApiTasks(io: Io, { openapi, service }: OpenApiTasksOptions): Promise<readonly HttpTask[]> {
  if (openapi === undefined) {
    if (service !== undefined) throw new Refusal('Usage', '--service belongs to --openapi, which is missing.', 'openapi');
    return [];
  }
  const [{ readOpenApiDocument }, { tasksFromOpenApi }] = await Promise.all([import('../openapi/document/read-document.js'), import('../openapi/tasks-from-openapi.js')]);
  const { tasks, report } = tasksFromOpenApi(await readOpenApiDocument(openapi), service === undefined ? {} : { service });
  const clash = CATALOGUE_SERVICES.find(({ name }) => tasks.some((task) => task.service.name === name));
  if (clash) throw new Refusal('Usage', `The package has a service called ${clash.name}; choose another name with --service.`, 'service');
  say(io, `${report.imported} of ${report.operations} operations of ${openapi} can be called.`);
  return tasks;
}
