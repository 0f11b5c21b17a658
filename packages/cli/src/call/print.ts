import type { PreparedRequest } from 'temporal-http-tasks/internal/http/exchange';
import { MASK } from 'temporal-http-tasks/internal/http/redact';
import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { sensitiveFieldsIn, withMaskAt } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { PreparedCall } from '../curl/task-call';
import { CommandFailure, Refusal } from '../program/errors';
import type { Io } from '../program/io';
import { openApiWords } from '../tasks/openapi-tasks';
import type { OpenApiTasksOptions } from '../tasks/openapi-tasks';
import { agrees, isTerminal } from '../terminal/confirm';
import { printable, say } from '../terminal/output';

/** Shows a prepared request on stderr; keys and users' tokens are masked. */
export function showPrepared(io: Io, task: HttpTask, prepared: PreparedRequest): void {
  const { method, url, headers, body } = prepared.masked();
  const lines = [
    `${task.name}: ${task.summary} (${prepared.effect}, ${prepared.environment})`,
    `${method} ${url}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : ['', ...body.split('\n')]),
  ];
  for (const line of lines) say(io, `  ${printable(line)}`);
}

/** Prints on stderr which call a cURL command became, and what was left out of it; users' tokens are masked. */
export function showCurlCall(
  io: Io,
  { task, input, leftOut, notes }: PreparedCall,
  options: OpenApiTasksOptions,
): void {
  const document = CATALOGUE.includes(task) ? [] : openApiWords(options).map(quoted);
  const words = [
    'http-tasks call',
    task.name,
    ...document,
    '--input',
    quoted(JSON.stringify(withoutTokens(task, input))),
  ];
  say(io, printable(`The command is: ${words.join(' ')}`));
  for (const note of notes) say(io, printable(`Unlike cURL: ${note}.`));
  if (leftOut.length === 0) return;
  const instead = task.generic
    ? 'Write a credential as {{secret:NAME}}, which the settings hold'
    : 'Credentials come from the settings';
  say(io, printable(`Left out: ${leftOut.join(', ')}. ${instead}.`));
}

/** Returns a call's input in the form that may be shown. */
export function withoutTokens(task: HttpTask, input: unknown): unknown {
  return sensitiveFieldsIn(task, input).reduce((shown, field) => withMaskAt(shown, field, MASK), input);
}

/**
 * Asks before something that cannot be undone.
 *
 * @throws Refusal without a terminal.
 * @throws CommandFailure when it is not confirmed.
 */
export async function confirmIrreversible(io: Io, task: HttpTask, where: () => Promise<string>): Promise<void> {
  if (!isTerminal(io))
    throw new Refusal(
      'Usage',
      `${task.name} cannot be undone. Give --yes to send it without being asked. Nothing was sent.`,
      'yes',
    );
  if (await agrees(io, printable(`${task.name} cannot be undone (${await where()}). Send it? [y/N] `))) return;
  throw new CommandFailure('Interrupted', 'Not confirmed. Nothing was sent.');
}
