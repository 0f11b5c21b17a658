import { readAccounts } from 'temporal-http-tasks/internal/config/account-settings';
import { ProblemList } from 'temporal-http-tasks/internal/config/env';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { defineCommand, flag, literalOption } from '../program/command';
import type { CallOptions } from './run';
import { Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { catalogueTask } from '../tasks/catalogue-task';
import { readJsonInput } from '../tasks/json-input';
import { OPENAPI_OPTIONS, openApiTasks } from '../tasks/openapi-tasks';
import { TEMPORAL_OPTIONS } from '../temporal/options';
import { printable } from '../terminal/output';

/** `http-tasks call TASK`, or `--curl COMMAND` in its place: one call of one task. */
export const callCommand = defineCommand<CallOptions>({
  description: [
    'Needs the keys of the service that the task calls, and no others. Asks before anything irreversible, unless --yes',
    'says so; goes to production only when PLAID_ENV=production is set. With HTTP_TASKS_SUBJECT_KEY set, a call that',
    'changes something obeys holds and leaves receipts in the ledger. With --curl, a cURL command describes the call: the',
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
  options: [
    literalOption('--input <json>', "the task's input as JSON, or @file"),
    literalOption('--curl <command>', 'a cURL command, in place of the task and --input'),
    literalOption('--account <name>', "the account of the task's provider (else its default account)"),
    flag('--yes', 'do not ask before an irreversible call'),
    flag('--dry-run', 'stop before sending'),
    flag('--durable', 'run it through Temporal, as the workflow runHttpTask'),
    OPENAPI_OPTIONS,
    TEMPORAL_OPTIONS,
  ],
  run: async (io, options, [name = '']) => {
    if (options.curl !== undefined) return callCurl(io, options.curl, name, options);
    if (name === '') throw new Refusal('Usage', 'Name a task (http-tasks list shows them), or give --curl.', 'task');
    const imported = await openApiTasks(io, options);
    const task = catalogueTask(name, imported);
    if (options.input === undefined)
      throw new Refusal('Usage', `--input is required; http-tasks show ${task.name} lists the fields.`, 'input');
    const input = await readJsonInput('--input', options.input);
    const { runCall } = await import('./run.js');
    return runCall(io, atAccount(io, task, options.account), input, options, {
      look: atAccount(io, lookOf(task, imported), options.account),
    });
  },
});

/** @throws Refusal for an account that the task's provider does not have here. */
function atAccount<Task extends HttpTask | undefined>(
  { env }: Io,
  task: Task,
  account: string | undefined,
): Task | HttpTask {
  if (account === undefined || task === undefined) return task;
  const problems = new ProblemList();
  const accounts = problems.finish(readAccounts(env, undefined, problems));
  const { name } = task.service;
  if (accounts.accountAt(name, account) !== undefined) return accounts.taskOf(task, account);
  const known = accounts.of(name).join(', ') || 'none';
  throw new Refusal(
    'Usage',
    `--account: ${name} has no account of this name here; known: ${known}. List it in HTTP_TASKS_ACCOUNTS as ` +
      `${name}/${printable(account)}.`,
    'account',
  );
}

async function callCurl(io: Io, command: string, name: string, options: CallOptions): Promise<ExitCode> {
  if (name !== '' || options.input !== undefined) {
    throw new Refusal(
      'Usage',
      '--curl says which task is called and with what; leave out the task and --input.',
      'curl',
    );
  }
  const { callFromCurl } = await import('../curl/curl-call.js');
  const imported = await openApiTasks(io, options);
  const call = callFromCurl(command, io.env, [...CATALOGUE, ...imported]);
  const [{ showCurlCall }, { runCall }] = await Promise.all([import('./print.js'), import('./run.js')]);
  showCurlCall(io, call, options);
  return runCall(io, atAccount(io, call.task, options.account), call.input, options, {
    curl: call,
    look: atAccount(io, lookOf(call.task, imported), options.account),
  });
}

/** The task that reads whether a call with a lost response was carried out. */
function lookOf({ settle }: HttpTask, imported: readonly HttpTask[]): HttpTask | undefined {
  return settle?.by === 'look' ? [...CATALOGUE, ...imported].find(({ name }) => name === settle.with) : undefined;
}
