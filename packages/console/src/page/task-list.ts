import type { TaskLine } from '../gateway/wire.js';
import { ask, messageOf } from './api.js';
import { element, fill } from './dom.js';

const WAIT_MS = 80;
/** Maximum number of tasks that are shown; a further word narrows them down. */
const MOST_SHOWN = 200;

/** The tasks with a search field over them; the field and the list are kept while tasks are looked at. */
export class TaskList {
  readonly node: HTMLElement;
  readonly #search: HTMLInputElement;
  readonly #list = element('ul', { class: 'tasks', attributes: { 'aria-label': 'Tasks' } });
  readonly #said = element('p', { class: 'hint', attributes: { role: 'status' } });
  #timer: number | undefined;
  #asked = 0;
  #current: string | undefined;

  constructor() {
    this.#search = element('input', {
      attributes: {
        type: 'search',
        id: 'search',
        placeholder: 'Search tasks',
        autocomplete: 'off',
        spellcheck: 'false',
        'aria-label': 'Search tasks',
      },
    });
    this.#search.addEventListener('input', () => {
      window.clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => void this.load(), WAIT_MS);
    });
    this.#search.addEventListener('keydown', (event) => this.#onKey(event));
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.node = element('aside', { class: 'side' }, this.#search, this.#said, this.#list);
  }

  /** Looks again for what is typed. */
  async load(): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    try {
      const found = await ask<TaskLine[]>('GET', `/api/tasks?query=${encodeURIComponent(this.#search.value)}`);
      // The response to an earlier question may arrive later.
      if (mine === this.#asked) this.#draw(found);
    } catch (error) {
      if (mine === this.#asked) this.#said.textContent = messageOf(error);
    }
  }

  /** Marks the task that is shown. */
  mark(name: string | undefined): void {
    this.#current = name;
    for (const link of this.#list.querySelectorAll('a')) {
      if (link.dataset['task'] === name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }

  #draw(found: readonly TaskLine[]): void {
    const shown = found.slice(0, MOST_SHOWN);
    this.#said.textContent =
      found.length === 0
        ? 'No task matches.'
        : found.length > shown.length
          ? `The first ${shown.length} of ${found.length} tasks`
          : `${found.length} ${found.length === 1 ? 'task' : 'tasks'}`;
    const held = this.#list.contains(document.activeElement)
      ? document.activeElement?.getAttribute('data-task')
      : undefined;
    fill(this.#list, ...shown.map((task) => element('li', {}, lineOf(task))));
    this.mark(this.#current);
    if (held === undefined) return;
    // The person was faster than the response: what they had in hand, or else what stands first, stays in hand.
    const links = [...this.#list.querySelectorAll('a')];
    (links.find((link) => link.dataset['task'] === held) ?? links[0] ?? this.#search).focus();
  }

  /** What is shown may still belong to what was typed before. */
  async #openFirst(): Promise<void> {
    window.clearTimeout(this.#timer);
    await this.load();
    this.#list.querySelector('a')?.click();
  }

  /** The arrow keys go through the list; Enter in the field opens what was found first. */
  #onKey(event: KeyboardEvent): void {
    const links = [...this.#list.querySelectorAll('a')];
    const at = links.findIndex((link) => link === document.activeElement);
    if (event.key === 'Enter' && event.target === this.#search) void this.#openFirst();
    else if (event.key === 'ArrowDown') links[at + 1]?.focus();
    else if (event.key === 'ArrowUp') (at <= 0 ? this.#search : links[at - 1])?.focus();
    else return;
    event.preventDefault();
  }
}

function lineOf({ name, summary, method, path, effect }: TaskLine): HTMLElement {
  return element(
    'a',
    { attributes: { href: `#/tasks/${encodeURIComponent(name)}`, 'data-task': name } },
    element('span', { class: 'summary', text: summary }),
    element('span', { class: 'name' }, element('code', { text: name }), effectMark(effect)),
    element('span', { class: 'route' }, element('b', { text: method }), ` ${path}`),
  );
}

const EFFECT_WORDS = { read: 'reads', repeatSafe: 'changes', irreversible: 'irreversible' } as const;

/** What a call does, as a small mark. */
export function effectMark(effect: TaskLine['effect']): HTMLElement {
  return element('span', { class: `mark ${effect}`, text: EFFECT_WORDS[effect] });
}
