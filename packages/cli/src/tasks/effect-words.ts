import { deletesData } from 'temporal-http-tasks/internal/tasks/effect';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';

/** The heads of the two columns that {@link effectCells} fills. */
export const EFFECT_HEADS = ['Changes', 'Safe to retry'] as const;

/** What a call changes at the provider, and whether it can be repeated: the two questions that people ask of a task. */
export function effectCells(task: Pick<HttpTask, 'deletes' | 'effect' | 'method'>): [changes: string, retry: string] {
  return [changesOf(task), task.effect === 'irreversible' ? 'no' : 'yes'];
}

function changesOf(task: Pick<HttpTask, 'deletes' | 'effect' | 'method'>): string {
  if (task.effect === 'read') return 'nothing, reads only';
  if (deletesData(task)) return 'deletes data';
  return task.effect === 'irreversible' ? 'data, cannot be undone' : 'data';
}
