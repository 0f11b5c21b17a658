import type { Command } from 'commander';
import { catalogueTask } from './catalogue-task';
import { describeCommand, onRun } from './command';
import type { CommonOptions } from './command';
import type { Io } from './io';
import { addOpenApiOptions, openApiTasks } from './openapi-tasks';
import type { OpenApiTasksOptions } from './openapi-tasks';
import { paint, print, printJson, printLines } from './output';
import { printTable } from './table';
import { fieldRows, taskReference } from '@temporal-http-tasks/console/internal/reference/task-reference';
import type { TaskReference } from '@temporal-http-tasks/console/internal/reference/task-reference';

interface ShowOptions extends CommonOptions, OpenApiTasksOptions {}

/** `http-tasks show TASK`: the reference of one task. Needs no settings and sends nothing, except to read a document at a URL. */
export function defineShowCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description: 'Tasks are those of the catalogue and, with --openapi, of a document.',
    examples: [
      'http-tasks show plaid.userItemsRemove',
      'http-tasks show batch.customDataDelete --json',
      'http-tasks show desk.ticketOpen --openapi desk.yml --service desk',
    ],
  });
  addOpenApiOptions(command);
  onRun<ShowOptions>(command, io, async ({ json, ...document }, [name = '']) => {
    const reference = taskReference(catalogueTask(name, await openApiTasks(io, document)));
    if (json) printJson(io, reference);
    else printReference(io, reference);
    return 0;
  });
}

function printReference(io: Io, task: TaskReference): void {
  print(io, `${paint(io, 'bold', task.name)}  ${task.method} ${task.path}`);
  print(io, task.description || task.summary);
  if (task.docs) print(io, task.docs);
  printLines(io, `\nEffect: ${task.effect}. ${task.lostResponse}`);
  if (task.remedy) print(io, `Afterwards: ${task.remedy}`);
  if (task.settings.length > 0) print(io, `Settings: ${task.settings.join(', ')}`);
  printFields(io, 'Input', task.input);
  printFields(io, 'Output', task.output);
  printFailures(io, task);
  for (const limit of task.rateLimits)
    print(io, `Limit: ${limit.requestsPerMinute} calls a minute per ${limit.per} (${limit.source})`);
  const { connectMs, firstByteMs, bodyMs, totalMs } = task.timeouts;
  print(
    io,
    `Time-outs in ms: connect ${connectMs}, first byte ${firstByteMs}, silence ${bodyMs}, total ${totalMs}. Largest answer: ${task.maxResponseBytes} bytes.`,
  );
}

function printFields(io: Io, title: string, schema: unknown): void {
  const rows = fieldRows(schema).map(({ field, type, required, description }) => [
    field,
    type,
    required ? 'yes' : '',
    description,
  ]);
  if (rows.length > 0) printTable(io, [title, 'Type', 'Required', ''], rows);
}

function printFailures(io: Io, { failures }: TaskReference): void {
  if (failures.length === 0) return;
  const rows = failures.map(({ status, type, code, failure, mayHaveProcessed, advice = '' }) => [
    [status, type, code].filter((part) => part !== undefined).join(' '),
    failure,
    mayHaveProcessed ? 'may have been carried out' : advice,
  ]);
  printTable(io, ['Answer', 'Failure', ''], rows);
}
