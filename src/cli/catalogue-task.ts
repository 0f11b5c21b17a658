import { CATALOGUE } from '../tasks/catalogue';
import type { HttpTask } from '../tasks/define';
import { Refusal } from './errors';

/** A document may have hundreds. */
const MOST_SHOWN = 12;

/** The task of this name, or a refusal that names tasks that are alike. */
export function catalogueTask(name: string, tasks: readonly HttpTask[] = CATALOGUE): HttpTask {
  const task = tasks.find((candidate) => candidate.name === name);
  if (task) return task;
  const word = (name.split('.').pop() ?? name).toLowerCase();
  const alike = tasks.filter((candidate) => word !== '' && candidate.name.toLowerCase().includes(word));
  const shown = (alike.length > 0 ? alike : CATALOGUE).slice(0, MOST_SHOWN).map((candidate) => candidate.name).join(', ');
  const help = alike.length > 0 ? `Did you mean ${shown}?` : `Tasks: ${shown}.`;
  throw new Refusal('Usage', `There is no task of this name. ${help} See http-tasks list.`, 'task');
}
