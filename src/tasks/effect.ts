import type { Effect, HttpTask } from './define';
import { effectOfHttpRequest } from './http/tasks';

/** What this task with this (valid) input does in the world; only for the generic task does the input matter. */
export function effectOf(task: HttpTask, input: unknown): Effect {
  return task.generic ? effectOfHttpRequest(input as { method?: string; effect?: Effect }) : task.effect;
}
