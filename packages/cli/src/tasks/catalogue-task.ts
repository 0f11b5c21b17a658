import { editDistance } from 'temporal-http-tasks/internal/tasks/nearest';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { Refusal } from '../program/errors';

/** Maximum number of names in a message: a document may have hundreds. */
const MOST_SHOWN = 12;

/**
 * Returns the task with this name, or this method and path, from the catalogue or a document.
 *
 * @throws Refusal that names similar tasks, or else some that exist, those of the document first.
 */
export function catalogueTask(name: string, ofDocument: readonly HttpTask[] = []): HttpTask {
  const tasks = [...ofDocument, ...CATALOGUE];
  const task = tasks.find((candidate) => candidate.name === name);
  if (task) return task;
  const route = asRoute(name);
  const sent = tasks.filter(({ method, path, generic }) => !generic && `${method} ${path}` === route);
  if (sent.length > 1) {
    const names = sent.map((candidate) => candidate.name).join(', ');
    throw new Refusal('Usage', `Several tasks have this method and path; name one of ${names}.`, 'task');
  }
  if (sent[0]) return sent[0];
  const alike = similar(name, tasks);
  const shown = (alike.length > 0 ? alike : tasks.map((candidate) => candidate.name)).slice(0, MOST_SHOWN).join(', ');
  const help =
    alike.length > 0 ? `Did you mean ${shown}?` : `Tasks: ${shown}${tasks.length > MOST_SHOWN ? ', …' : ''}.`;
  const list = ofDocument.length > 0 ? 'http-tasks list with the same --openapi' : 'http-tasks list';
  throw new Refusal('Usage', `There is no task of this name. ${help} See ${list}.`, 'task');
}

/** `delete /users/{id}` as `DELETE /users/{id}`; any other text as it is. */
export function asRoute(text: string): string {
  const [, method = '', path = ''] = /^([A-Za-z]+) +(\/.*)$/.exec(text.trim()) ?? [];
  return method === '' ? text : `${method.toUpperCase()} ${path}`;
}

/** Names that contain the one looked for, or differ from it by a typo; the closest first. */
function similar(name: string, tasks: readonly HttpTask[]): string[] {
  const wanted = name.toLowerCase();
  const word = wanted.split('.').pop() ?? wanted;
  if (word === '') return [];
  const mostTypos = Math.max(1, Math.floor(word.length / 4));
  const rated = tasks.map(({ name: candidate, operation }) => {
    const contains = candidate.toLowerCase().includes(word);
    return {
      candidate,
      distance: Math.min(
        contains ? mostTypos : Infinity,
        editDistance(word, operation.toLowerCase()),
        editDistance(wanted, candidate.toLowerCase()),
      ),
    };
  });
  return rated
    .filter(({ distance }) => distance <= mostTypos)
    .sort((one, other) => one.distance - other.distance)
    .map(({ candidate }) => candidate);
}
