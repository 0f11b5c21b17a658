import type { PreparedRequest } from '../http/prepared-request';
import type { HttpTask } from '../tasks/define';
import { agrees } from './confirm';
import { CommandFailure, Refusal } from './errors';
import type { Io } from './io';
import { printable, say } from './output';

/** Shows a prepared request on stderr; keys and users' tokens are masked. */
export function showPrepared(io: Io, task: HttpTask, prepared: PreparedRequest): void {
  const { method, url, headers, body } = prepared.masked();
  const lines = [
    `${task.name}: ${task.summary} (${prepared.effect}, ${prepared.environment})`,
    `${method} ${url}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : ['', body]),
  ];
  for (const line of lines) say(io, `  ${printable(line)}`);
}

/**
 * Asks before something that cannot be undone.
 *
 * @throws Refusal when there is nobody to ask.
 * @throws CommandFailure when the answer is no.
 */
export async function confirmIrreversible(io: Io, task: HttpTask, where: string): Promise<void> {
  const what = `${task.name} cannot be undone (${where}).`;
  if (!io.stdin.isTTY) throw new Refusal('Usage', `${what} Give --yes to send it without being asked. Nothing was sent.`, 'yes');
  if (await agrees(io, `${what} Send it? [y/N] `)) return;
  throw new CommandFailure('Interrupted', 'Not confirmed. Nothing was sent.');
}
