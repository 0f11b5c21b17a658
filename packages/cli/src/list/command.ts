import { Catalogue, CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineCommand } from '../program/command';
import type { CommonOptions } from '../program/command';
import { EFFECT_HEADS, effectCells } from '../tasks/effect-words';
import { OPENAPI_OPTIONS, openApiTasks } from '../tasks/openapi-tasks';
import type { OpenApiTasksOptions } from '../tasks/openapi-tasks';
import { printJson, say } from '../terminal/output';
import { printTable } from '../terminal/table';

interface ListOptions extends CommonOptions, OpenApiTasksOptions {}

/**
 * `http-tasks list [query]`: lists the tasks of the catalogue and of a document. Needs no settings and sends nothing, except
 * to read a document at a URL.
 */
export const listCommand = defineCommand<ListOptions>({
  description:
    'With a query only those whose name, summary, path or tags contain each of its words. Tasks are those of the ' +
    'catalogue and, with --openapi, of a document.',
  examples: [
    'http-tasks list',
    'http-tasks list "batch removal"',
    'http-tasks list ticket --openapi desk.yml --service desk',
    'http-tasks list --json',
  ],
  options: [OPENAPI_OPTIONS],
  run: async (io, { json, ...document }, [query]) => {
    const tasks = new Catalogue([...CATALOGUE, ...(await openApiTasks(io, document))]).search(query);
    if (json)
      printJson(
        io,
        tasks.map(({ name, summary, method, path, effect }) => ({ name, summary, method, path, effect })),
      );
    else if (tasks.length === 0) say(io, 'No task matches. Try fewer words, or http-tasks list for all.');
    else
      printTable(
        io,
        ['Task', 'What it does', 'Method', 'Path', ...EFFECT_HEADS],
        tasks.map((task) => [task.name, task.summary, task.method, task.path, ...effectCells(task)]),
      );
    return 0;
  },
});
