import { fieldRows, taskReference } from '@temporal-http-tasks/console/internal/reference/task-reference';
import type { TaskReference } from '@temporal-http-tasks/console/internal/reference/task-reference';
import { defineCommand } from '../program/command';
import type { CommonOptions } from '../program/command';
import type { Io } from '../program/io';
import { catalogueTask } from '../tasks/catalogue-task';
import { EFFECT_HEADS, effectCells } from '../tasks/effect-words';
import { OPENAPI_OPTIONS, openApiTasks } from '../tasks/openapi-tasks';
import type { OpenApiTasksOptions } from '../tasks/openapi-tasks';
import { paint, print, printJson, printLines } from '../terminal/output';
import { printTable } from '../terminal/table';

interface ShowOptions extends CommonOptions, OpenApiTasksOptions {}

/** `http-tasks show TASK`: the reference of one task. Needs no settings and sends nothing, except to read a document at a URL. */
export const showCommand = defineCommand<ShowOptions>({
  description: 'Tasks are those of the catalogue and, with --openapi, of a document.',
  examples: [
    'http-tasks show plaid.userItemsRemove',
    'http-tasks show batch.customDataDelete --json',
    'http-tasks show desk.ticketOpen --openapi desk.yml --service desk',
  ],
  options: [OPENAPI_OPTIONS],
  run: async (io, { json, ...document }, [name = '']) => {
    const task = catalogueTask(name, await openApiTasks(io, document));
    const reference = taskReference(task);
    if (json) printJson(io, reference);
    else printReference(io, reference, effectCells(task));
    return 0;
  },
});

function printReference(io: Io, task: TaskReference, [changes, retry]: readonly [string, string]): void {
  print(io, `${paint(io, 'bold', task.name)}  ${task.method} ${task.path}`);
  print(io, task.description || task.summary);
  if (task.notes) print(io, task.notes);
  if (task.docs) print(io, task.docs);
  printLines(io, `\n${EFFECT_HEADS[0]}: ${changes}. ${EFFECT_HEADS[1]}: ${retry}. ${task.lostResponse}`);
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
    `Timeouts in ms: connect ${connectMs}, first byte ${firstByteMs}, silence ${bodyMs}, total ${totalMs}. ` +
      `Largest response: ${task.maxResponseBytes} bytes.`,
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
  const rows = failures.map(
    ({ status, documentedStatus, name, type, code, failure, mayHaveProcessed, advice = '' }) => [
      [status ?? documentedStatus, name ?? type, code].filter((part) => part !== undefined).join(' '),
      failure,
      mayHaveProcessed ? 'may have been carried out' : advice,
    ],
  );
  printTable(io, ['Response', 'Failure', ''], rows);
}
