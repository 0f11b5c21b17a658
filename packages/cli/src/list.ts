import type { Command } from 'commander';
import { Catalogue, CATALOGUE } from 'temporal-http-tasks/internal/tasks/catalogue';
import { describeCommand, onRun } from './command';
import type { CommonOptions } from './command';
import type { Io } from './io';
import { addOpenApiOptions, openApiTasks } from './openapi-tasks';
import type { OpenApiTasksOptions } from './openapi-tasks';
import { printJson, say } from './output';
import { printTable } from './table';

interface ListOptions extends CommonOptions, OpenApiTasksOptions {}

/** `http-tasks list [query]`: the tasks of the catalogue and of a document. Needs no settings and sends nothing, except to read a document at a URL. */
export function defineListCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description:
      'With a query only those whose name, summary, path or tags contain each of its words. Tasks are those of the catalogue and, with --openapi, of a document.',
    examples: [
      'http-tasks list',
      'http-tasks list "batch removal"',
      'http-tasks list ticket --openapi desk.yml --service desk',
      'http-tasks list --json',
    ],
  });
  addOpenApiOptions(command);
  onRun<ListOptions>(command, io, async ({ json, ...document }, [query]) => {
    const tasks = new Catalogue([...CATALOGUE, ...(await openApiTasks(io, document))])
      .search(query)
      .map(({ name, summary, method, path, effect }) => ({ name, summary, method, path, effect }));
    if (json) printJson(io, tasks);
    else if (tasks.length === 0) say(io, 'No task matches. Try fewer words, or http-tasks list for all.');
    else
      printTable(
        io,
        ['Task', 'What it does', 'Method', 'Path', 'Effect'],
        tasks.map((task) => Object.values(task)),
      );
    return 0;
  });
}
