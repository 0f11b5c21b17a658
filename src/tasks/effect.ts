import type { Effect, HttpTask } from './define';
import { effectOfHttpRequest } from './http/effect';
import type { HttpRequestInput } from './http/effect';

/** Returns the effect of this task with this (valid) input; the input matters only for the generic task. */
export function effectOf(task: HttpTask, input: unknown): Effect {
  return task.generic ? effectOfHttpRequest(input as HttpRequestInput) : task.effect;
}

/** Returns whether a successful call of this task deletes data. By default it does if its method is DELETE. */
export function deletesData({ deletes, effect, method }: Pick<HttpTask, 'deletes' | 'effect' | 'method'>): boolean {
  return effect !== 'read' && (deletes ?? method === 'DELETE');
}
