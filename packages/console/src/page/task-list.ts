import type { TaskLine } from '../gateway/wire.js';
import { ask, messageOf } from './api.js';
import { element, fill } from './dom.js';
import { effectMarks } from './effect-marks.js';

const WAIT_MS = 80;
/** Maximum number of search results shown; another word narrows them down. */
const MOST_FOUND = 200;
/** Up to this number of tasks, all groups are initially open. */
const FEW_TASKS = 60;
/** Number of tasks above which a group is divided by tag. */
const LARGE_GROUP = 30;

/** The tasks with a search field above them; both are kept while tasks are shown. */
export class TaskList {
  readonly node: HTMLElement;
  readonly #search: HTMLInputElement;
  readonly #list = element('div', { class: 'tasks', attributes: { role: 'group', 'aria-label': 'Tasks' } });
  /** The groups that were opened or closed by a click. */
  readonly #opened = new Map<string, boolean>();
  #found: readonly TaskLine[] = [];
  readonly #status = element('p', { class: 'hint', attributes: { role: 'status' } });
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
    this.node = element('aside', { class: 'side' }, this.#search, this.#status, this.#list);
  }

  /** Searches for the typed text. */
  async load(): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    try {
      const found = await ask<TaskLine[]>('GET', `/api/tasks?query=${encodeURIComponent(this.#search.value)}`);
      // The response to an earlier search may arrive later.
      if (mine === this.#asked) this.#draw(found);
    } catch (error) {
      if (mine === this.#asked) this.#status.textContent = messageOf(error);
    }
  }

  /** Moves the focus to the search field. */
  focusSearch(): void {
    this.#search.focus();
    this.#search.select();
  }

  /** Marks the current task and scrolls to it. */
  mark(name: string | undefined): void {
    this.#current = name;
    const group = name === undefined ? undefined : this.#groupOf(name);
    for (let node = group; node; node = node.parentElement?.closest('details') ?? undefined) node.open = true;
    for (const link of this.#list.querySelectorAll('a')) {
      if (link.dataset['task'] !== name) link.removeAttribute('aria-current');
      else {
        link.setAttribute('aria-current', 'page');
        link.scrollIntoView({ block: 'nearest' });
      }
    }
  }

  #groupOf(name: string): HTMLDetailsElement | undefined {
    const groups = [...this.#list.querySelectorAll<HTMLDetailsElement>('details')].reverse();
    const group = groups.find((one) => tasksOf.get(one)?.some((task) => task.name === name));
    if (group) fillGroup(group);
    return group;
  }

  #draw(found: readonly TaskLine[]): void {
    this.#found = found;
    const isSearch = this.#search.value.trim() !== '';
    const shown = isSearch ? found.slice(0, MOST_FOUND) : found;
    this.#status.textContent =
      found.length === 0
        ? 'No task matches.'
        : found.length > shown.length
          ? `First ${shown.length} of ${found.length} tasks`
          : `${found.length} ${found.length === 1 ? 'task' : 'tasks'}`;
    const held = this.#list.contains(document.activeElement)
      ? document.activeElement?.getAttribute('data-task')
      : undefined;
    fill(this.#list, ...(isSearch ? [linesOf(shown)] : this.#groups(found)));
    this.mark(this.#current);
    if (held === undefined) return;
    // The focus stays on the same task, or moves to the first one.
    const links = [...this.#list.querySelectorAll('a')];
    (links.find((link) => link.dataset['task'] === held) ?? links[0] ?? this.#search).focus();
  }

  /** One group per service; a large one is divided by the first tag that is not the service itself. */
  #groups(found: readonly TaskLine[]): HTMLElement[] {
    return [...grouped(found, ({ service }) => service)].map(([service, tasks]) => {
      const group = this.#group(service, service, tasks);
      if (tasks.length > LARGE_GROUP) {
        const tagOf = ({ tags }: TaskLine): string => tags.find((tag) => tag !== service) ?? 'other';
        const inner = [...grouped(tasks, tagOf)].sort(([a], [b]) => a.localeCompare(b));
        group.append(...inner.map(([tag, those]) => this.#group(`${service} ${tag}`, tag, those)));
      } else tasksOf.set(group, tasks);
      if (group.open) fillGroup(group);
      return group;
    });
  }

  #group(key: string, title: string, tasks: readonly TaskLine[]): HTMLDetailsElement {
    const group = element(
      'details',
      { class: 'group' },
      element('summary', {}, title, element('span', { class: 'count', text: String(tasks.length) })),
    );
    if (key !== title) tasksOf.set(group, tasks);
    group.open = this.#opened.get(key) ?? (this.#found.length <= FEW_TASKS || key === title);
    if (group.open) fillGroup(group);
    group.addEventListener('toggle', () => {
      this.#opened.set(key, group.open);
      if (group.open) fillGroup(group);
      this.#markLines();
    });
    return group;
  }

  #markLines(): void {
    for (const link of this.#list.querySelectorAll(`a[data-task="${CSS.escape(this.#current ?? '')}"]`))
      link.setAttribute('aria-current', 'page');
  }

  /** The displayed results may still belong to the text typed before. */
  async #openFirst(): Promise<void> {
    window.clearTimeout(this.#timer);
    await this.load();
    this.#list.querySelector('a')?.click();
  }

  /** The arrow keys move through the list; Enter in the field opens the first result. */
  #onKey(event: KeyboardEvent): void {
    const links = [...this.#list.querySelectorAll<HTMLElement>('a, summary')].filter((one) => one.checkVisibility());
    const at = links.findIndex((link) => link === document.activeElement);
    if (event.key === 'Enter' && event.target === this.#search) void this.#openFirst();
    else if (event.key === 'ArrowDown') links[at + 1]?.focus();
    else if (event.key === 'ArrowUp') (at <= 0 ? this.#search : links[at - 1])?.focus();
    else return;
    event.preventDefault();
  }
}

/** The tasks of each group that lists tasks itself; drawn when it is opened. */
const tasksOf = new WeakMap<HTMLDetailsElement, readonly TaskLine[]>();

function fillGroup(group: HTMLDetailsElement): void {
  const tasks = tasksOf.get(group);
  if (tasks && !group.querySelector('ul')) group.append(linesOf(tasks));
}

function linesOf(tasks: readonly TaskLine[]): HTMLElement {
  return element('ul', {}, ...tasks.map((task) => element('li', {}, lineOf(task))));
}

function grouped(tasks: readonly TaskLine[], keyOf: (task: TaskLine) => string): Map<string, TaskLine[]> {
  const groups = new Map<string, TaskLine[]>();
  for (const task of tasks) groups.set(keyOf(task), [...(groups.get(keyOf(task)) ?? []), task]);
  return groups;
}

function lineOf({ name, summary, method, path, ...task }: TaskLine): HTMLElement {
  return element(
    'a',
    { attributes: { href: `#/tasks/${encodeURIComponent(name)}`, 'data-task': name } },
    element('span', { class: 'summary', text: summary }),
    element('span', { class: 'name' }, element('code', { text: name })),
    element('span', { class: 'marks' }, ...effectMarks(task)),
    element('span', { class: 'route' }, element('b', { text: method }), ` ${path}`),
  );
}
