import { CATALOGUE } from '../tasks/catalogue';
import type { HttpTask } from '../tasks/define';
import { Refusal } from './errors';

/** The task of this name, or a refusal that names tasks that are alike. */
export function catalogueTask(name: string): HttpTask {
  const task = CATALOGUE.find((candidate) => candidate.name === name);
  if (task) return task;
  const word = (name.split('.').pop() ?? name).toLowerCase();
  const alike = CATALOGUE.filter((candidate) => word !== '' && candidate.name.toLowerCase().includes(word));
  const shown = (alike.length > 0 ? alike : CATALOGUE).map((candidate) => candidate.name).join(', ');
  const help = alike.length > 0 ? `Did you mean ${shown}?` : `Tasks: ${shown}.`;
  throw new Refusal('Usage', `There is no task of this name. ${help} See http-tasks list.`, 'task');
}
