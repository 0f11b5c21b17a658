import type { Command } from 'commander';
import { CATALOGUE } from 'temporal-http-tasks/internal/tasks/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { catalogueTask } from './catalogue-task';
import { describeCommand, literalOption, onRun } from './command';
import { Refusal } from './errors';
import type { ExitCode, Io } from './io';
import { readJsonInput } from './json-input';
import { addOpenApiOptions, openApiTasks } from './openapi-tasks';
import { addTemporalOptions } from './temporal-options';
import type { CallOptions } from './call-run';

/** `http-tasks call TASK`, or `--curl COMMAND` in its place: the Test request, one call of one task. */
export function defineCallCommand(command: Command, io: Io): void {
  describeCommand(command, {
    description: [
      'Needs the keys of the service that the task calls, and no others. Asks before anything irreversible, unless --yes',
      'says so; goes to production only when PLAID_ENV=production is set. With HTTP_TASKS_SUBJECT_KEY set, a call that',
      'changes something obeys holds and leaves receipts in the ledger. With --curl, a cURL command says what to call: the',
      'task with that address, or http.request. Its credentials are left out; those of the settings are used. Tasks are those',
      'of the catalogue and, with --openapi, of a document.',
    ].join(' '),
    examples: [
      `http-tasks call plaid.userItemsGet --input '{"user_id":"usr_1"}'`,
      `http-tasks call batch.customDataDelete --input '{"id":"1001","app":"ios"}' --dry-run`,
      'http-tasks call plaid.userItemsRemove --input @input.json --yes --durable --json',
      'http-tasks call desk.ticketsSearch --openapi desk.yml --service desk --input @search.json',
      `http-tasks call --dry-run --curl "curl https://sandbox.plaid.com/user/items/get --json '{\\"user_id\\":\\"usr_1\\"}'"`,
    ],
  });
  command
    .addOption(literalOption('--input <json>', "the task's input as JSON, or @file"))
    .addOption(literalOption('--curl <command>', 'a cURL command, in place of the task and --input'))
    .option('--yes', 'do not ask before an irreversible call')
    .option('--dry-run', 'stop before sending')
    .option('--durable', 'run it through Temporal, as the workflow runHttpTask');
  addTemporalOptions(addOpenApiOptions(command));
  onRun<CallOptions>(command, io, async (options, [name = '']) => {
    if (options.curl !== undefined) return callCurl(io, options.curl, name, options);
    if (name === '') throw new Refusal('Usage', 'Name a task (http-tasks list shows them), or give --curl.', 'task');
    const imported = await openApiTasks(io, options);
    const task = catalogueTask(name, imported);
    if (options.input === undefined)
      throw new Refusal('Usage', `--input is required; http-tasks show ${task.name} lists the fields.`, 'input');
    const input = await readJsonInput('--input', options.input);
    const { runCall } = await import('./call-run.js');
    return runCall(io, task, input, options, { look: lookOf(task, imported) });
  });
}

async function callCurl(io: Io, command: string, name: string, options: CallOptions): Promise<ExitCode> {
  if (name !== '' || options.input !== undefined) {
    throw new Refusal(
      'Usage',
      '--curl says which task is called and with what; leave out the task and --input.',
      'curl',
    );
  }
  const { callFromCurl } = await import('./curl/curl-call.js');
  const imported = await openApiTasks(io, options);
  const call = callFromCurl(command, io.env, [...CATALOGUE, ...imported]);
  const [{ showCurlCall }, { runCall }] = await Promise.all([import('./call-preview.js'), import('./call-run.js')]);
  showCurlCall(io, call, options);
  return runCall(io, call.task, call.input, options, { curl: call, look: lookOf(call.task, imported) });
}

/** The task that reads what became of a call whose response is lost. */
function lookOf({ settle }: HttpTask, imported: readonly HttpTask[]): HttpTask | undefined {
  return settle?.by === 'look' ? [...CATALOGUE, ...imported].find(({ name }) => name === settle.with) : undefined;
}
