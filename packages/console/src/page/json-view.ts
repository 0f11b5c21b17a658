import { button, copyButton, element, fill } from './dom.js';
import type { Child } from './dom.js';

/** Larger texts are shown as they are: a tree of them would be slow. */
const MOST_CHARACTERS = 300_000;
/** Lists and objects with more entries are folded at first. */
const MOST_OPEN = 100;
/** Those below this depth, too. */
const OPEN_DEPTH = 4;

/** Shows a response: JSON as a tree whose objects and lists can be folded, anything else as text. With a button to copy it. */
export function jsonView(value: unknown): HTMLElement {
  const text = typeof value === 'string' ? value : JSON.stringify(value, undefined, 2);
  const isTree = typeof value === 'object' && value !== null && text.length <= MOST_CHARACTERS;
  const shown = element(isTree ? 'div' : 'pre', {
    class: `code response${isTree ? ' json' : ''}`,
    attributes: { tabindex: '0', role: 'group', 'aria-label': 'Body of the response' },
  });
  fill(shown, isTree ? nodeOf(value, 0, '') : text === '' ? '(empty)' : text);
  const foldAll = (open: boolean): void => {
    // The outermost stays open.
    for (const one of [...shown.querySelectorAll('details')].slice(1)) one.open = open;
  };
  const canFold = shown.querySelectorAll('details').length > 1;
  return element(
    'div',
    { class: 'json-view' },
    element(
      'div',
      { class: 'bar end tools' },
      canFold && button('Fold all', () => foldAll(false), { class: 'quiet' }),
      canFold && button('Unfold all', () => foldAll(true), { class: 'quiet' }),
      copyButton(shown, 'the response', text),
    ),
    shown,
  );
}

/** @param after What follows the value: a comma, or nothing. */
function nodeOf(value: unknown, depth: number, after: string, key?: string): HTMLElement {
  const name = key === undefined ? [] : [mark('key', JSON.stringify(key)), ': '];
  if (typeof value !== 'object' || value === null)
    return element('div', {}, ...name, mark(value === null ? 'null' : typeof value, JSON.stringify(value)), after);
  const isList = Array.isArray(value);
  const entries: [string | undefined, unknown][] = isList
    ? (value as unknown[]).map((one): [undefined, unknown] => [undefined, one])
    : Object.entries(value);
  const [start, end] = isList ? ['[', ']'] : ['{', '}'];
  if (entries.length === 0) return element('div', {}, ...name, `${start}${end}${after}`);
  const noun = isList ? (entries.length === 1 ? 'entry' : 'entries') : entries.length === 1 ? 'field' : 'fields';
  const lines = (): Child[] =>
    entries.map(([field, inner], index) => nodeOf(inner, depth + 1, index < entries.length - 1 ? ',' : '', field));
  const inside = element('div', { class: 'json-inner' });
  const node = element(
    'details',
    {},
    element(
      'summary',
      {},
      ...name,
      start,
      element('span', { class: 'folded', text: ` ${entries.length} ${noun} ${end}${after}` }),
    ),
    inside,
    element('div', { text: `${end}${after}` }),
  );
  node.open = depth < OPEN_DEPTH && entries.length <= MOST_OPEN;
  // What is folded at first is drawn when it is opened.
  const draw = (): void => {
    if (node.open && inside.childElementCount === 0) fill(inside, ...lines());
  };
  draw();
  node.addEventListener('toggle', draw);
  return node;
}

function mark(kind: string, text: string): HTMLElement {
  return element('span', { class: `json-${kind}`, text });
}
