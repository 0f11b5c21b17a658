import type { Effect, HttpTask } from './define';
import { effectOfHttpRequest } from './http/effect';
import type { HttpRequestInput } from './http/effect';

/** Returns what this task with this (valid) input does in the world; only for the generic task does the input matter. */
export function effectOf(task: HttpTask, input: unknown): Effect {
  return task.generic ? effectOfHttpRequest(input as HttpRequestInput) : task.effect;
}

/** Returns whether a successful call of this task deletes data. A task that does not state it deletes if its method is DELETE. */
export function deletesData({ deletes, effect, method }: Pick<HttpTask, 'deletes' | 'effect' | 'method'>): boolean {
  return effect !== 'read' && (deletes ?? method === 'DELETE');
}
