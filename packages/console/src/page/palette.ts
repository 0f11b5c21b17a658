import type { TaskLine } from '../gateway/wire.js';
import { ask } from './api.js';
import { element, fill, freshId } from './dom.js';

const WAIT_MS = 80;
const MOST_TASKS = 20;

/** A place of the page, with the key that goes there after `g`. */
interface Place {
  title: string;
  hash: string;
  key: string;
}

/** The places of the page. */
export const PLACES: readonly Place[] = [
  { title: 'Tasks', hash: '#/tasks', key: 't' },
  { title: 'Runs', hash: '#/runs', key: 'r' },
  { title: 'Start a sweep', hash: '#/sweep', key: 's' },
  { title: 'Holds', hash: '#/holds', key: 'h' },
  { title: 'Schedules', hash: '#/schedules', key: 'e' },
  { title: 'Requests', hash: '#/requests', key: 'q' },
  { title: 'Limits on calls', hash: '#/limits', key: 'l' },
  { title: 'Providers and policy', hash: '#/providers', key: 'p' },
  { title: 'Credentials', hash: '#/credentials', key: 'c' },
  { title: 'Emergency stop', hash: '#/stop', key: 'x' },
];

interface Choice {
  text: string;
  more: string;
  hash: string;
}

/** Opens the command palette: places, tasks, and a run by its workflow ID. The arrow keys choose, Enter goes there. */
export function openPalette(): void {
  const id = freshId('palette');
  const input = element('input', {
    attributes: {
      type: 'text',
      role: 'combobox',
      'aria-label': 'Go to a page, a task or a run',
      'aria-expanded': 'true',
      'aria-controls': id,
      'aria-autocomplete': 'list',
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder: 'Page, task or workflow ID',
    },
  });
  const list = element('ul', { class: 'choices', attributes: { id, role: 'listbox', 'aria-label': 'Found' } });
  const dialog = element('dialog', { class: 'palette', attributes: { 'aria-label': 'Go to' } }, input, list);
  let choices: Choice[] = [];
  let at = 0;
  let asked = 0;
  let timer: number | undefined;

  const go = (choice: Choice | undefined): void => {
    if (!choice) return;
    dialog.close();
    window.location.hash = choice.hash;
  };
  const draw = (): void => {
    const options = choices.map((choice, index) => {
      const option = element(
        'li',
        { attributes: { id: `${id}-${index}`, role: 'option', 'aria-selected': String(index === at) } },
        element('span', { text: choice.text }),
        element('span', { class: 'hint', text: choice.more }),
      );
      option.addEventListener('click', () => go(choice));
      return option;
    });
    fill(list, ...options);
    list.hidden = choices.length === 0;
    input.setAttribute('aria-expanded', String(choices.length > 0));
    if (choices.length > 0) input.setAttribute('aria-activedescendant', `${id}-${at}`);
    else input.removeAttribute('aria-activedescendant');
    options[at]?.scrollIntoView({ block: 'nearest' });
  };
  const find = async (): Promise<void> => {
    asked += 1;
    const mine = asked;
    const text = input.value.trim();
    const places = PLACES.filter(({ title }) => title.toLowerCase().includes(text.toLowerCase()));
    // Without the gateway, the places are still there.
    const tasks =
      text === ''
        ? []
        : await ask<TaskLine[]>('GET', `/api/tasks?query=${encodeURIComponent(text)}`).catch((): TaskLine[] => []);
    if (mine !== asked) return;
    choices = [
      ...places.map(({ title, hash, key }) => ({ text: title, more: `g ${key}`, hash })),
      ...tasks
        .slice(0, MOST_TASKS)
        .map(({ name, summary }) => ({ text: summary, more: name, hash: `#/tasks/${encodeURIComponent(name)}` })),
      ...(text === ''
        ? []
        : [{ text: `Runs that start with ${text}`, more: 'workflow ID', hash: `#/runs/${encodeURIComponent(text)}` }]),
    ];
    at = 0;
    draw();
  };
  input.addEventListener('input', () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void find(), WAIT_MS);
  });
  dialog.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') at = Math.min(at + 1, choices.length - 1);
    else if (event.key === 'ArrowUp') at = Math.max(at - 1, 0);
    else if (event.key === 'Enter') {
      // The choices may still be those of the text typed before.
      window.clearTimeout(timer);
      const chosen = at;
      void (chosen > 0 ? Promise.resolve() : find()).then(() => go(choices[chosen]));
    } else return;
    event.preventDefault();
    if (event.key !== 'Enter') draw();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
  void find();
}

/** Shows the keys of the page. */
export function openShortcuts(): void {
  const titleId = freshId('title');
  const keys: readonly (readonly [string, string])[] = [
    ['Ctrl-K or ⌘K', 'Go to a page, a task or a run'],
    ['/', 'Search tasks'],
    ...PLACES.map(({ title, key }) => [`g ${key}`, title] as const),
    ['?', 'Show these keys'],
    ['Esc', 'Close a dialog'],
  ];
  const close = element('button', {
    text: 'Close',
    attributes: { type: 'button' },
    on: { click: () => dialog.close() },
  });
  const dialog = element(
    'dialog',
    { attributes: { 'aria-labelledby': titleId } },
    element('h2', { text: 'Keys', attributes: { id: titleId } }),
    element(
      'dl',
      { class: 'facts' },
      ...keys.flatMap(([key, text]) => [element('dt', {}, element('kbd', { text: key })), element('dd', { text })]),
    ),
    element('div', { class: 'bar end' }, close),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}
