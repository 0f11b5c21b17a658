import { SettingsError } from '../config/problems';
import { CATALOGUE_SERVICES } from '../config/settings';
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
 * Refuses a call to real people's data that nobody asked for on purpose: the address is production's, and the setting
 * that names the environment does not say so.
 *
 * @throws SettingsError naming that setting.
 */
export function refuseAccidentalProduction(prepared: PreparedRequest, env: Io['env']): void {
  for (const { title, environments, productionEnvironments, environmentSetting } of CATALOGUE_SERVICES) {
    if (environmentSetting === undefined) continue;
    const named = productionEnvironments.filter((name) => new URL(environments[name] ?? '').origin === prepared.origin);
    if (named.length === 0 || named.includes(env[environmentSetting]?.trim() ?? '')) continue;
    throw new SettingsError([
      {
        setting: environmentSetting,
        message: `this call would go to ${title}'s production (${prepared.origin}). Set ${environmentSetting}=${named[0]} if that is what you want. Nothing was sent.`,
      },
    ]);
  }
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
