import type { TaskLine } from '../gateway/wire.js';
import { element } from './dom.js';

/** Shows the effect of a call, and whether it can be repeated, as small marks. */
export function effectMarks({ effect, deletes }: Pick<TaskLine, 'effect' | 'deletes'>): HTMLElement[] {
  const mark = (kind: string, text: string): HTMLElement => element('span', { class: `mark ${kind}`, text });
  if (effect === 'read') return [mark('plain', 'read only')];
  return [
    deletes
      ? mark('bad', 'deletes data')
      : effect === 'irreversible'
        ? mark('bad', 'cannot be undone')
        : mark('warn', 'changes data'),
    ...(effect === 'repeatSafe' ? [mark('good', 'safe to retry')] : []),
  ];
}
