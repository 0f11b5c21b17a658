import type { AboutGateway, RunLine, RunList, StartForms } from '../gateway/wire.js';
import { ask, messageOf } from './api.js';
import { button, cellsOf, element, fill, freshId, outsideLink } from './dom.js';
import type { Child } from './dom.js';
import { OffboardView } from './offboard-view.js';
import { RunDetails } from './run-details.js';
import { progressText } from './run-progress-view.js';
import { ago, when } from './run-steps.js';
import { inWords } from './words.js';

const COLUMNS = ['Run', 'Kind', 'Status', 'Progress', 'Started', 'Details'];

const AGAIN_MS = 3_000;
const WAIT_MS = 250;

/** The filter of the list; an empty text does not filter. */
interface Filter {
  type: string;
  state: string;
  search: string;
  offset: number;
}

/** Offboardings, sweeps and single calls, newest first; read again while the page is open. */
export class RunsView {
  readonly node = element('article', { class: 'page wide' });
  readonly #rows = element('tbody');
  readonly #table: HTMLElement;
  readonly #status = element('p', { class: 'problem', attributes: { role: 'alert' } });
  readonly #loading = element('p', {
    class: 'status running',
    text: 'Loading the runs',
    attributes: { role: 'status' },
  });
  readonly #links = element('p', { class: 'hint' });
  readonly #paging = element('div', { class: 'bar paging' });
  readonly #signal: AbortSignal;
  readonly #production: string | undefined;
  readonly #environment: string | undefined;
  /** Open details, by run; kept while the table is redrawn. */
  readonly #open = new Map<string, RunDetails>();
  /** Runs whose details were once opened without a click. */
  readonly #seen = new Set<string>();
  #filter: Filter = { type: '', state: '', search: '', offset: 0 };
  /** The run whose details are opened as soon as it is listed. */
  #named: string | undefined;
  #drawn = '';
  #asked = 0;

  /** @param workflowId Only this run is shown, with its details. @default all */
  constructor(about: AboutGateway | undefined, workflowId: string | undefined, signal: AbortSignal) {
    this.#signal = signal;
    this.#production = about?.production;
    this.#environment = about?.environment;
    const head = COLUMNS.map((text) => element('th', { text, attributes: { scope: 'col' } }));
    this.#table = element(
      'div',
      { class: 'table', attributes: { tabindex: '0', role: 'group', 'aria-label': 'Runs' } },
      element('table', { class: 'runs many-columns' }, element('thead', {}, element('tr', {}, ...head)), this.#rows),
    );
    this.#table.hidden = true;
    if (workflowId !== undefined) this.#filter.search = this.#named = workflowId;
    fill(
      this.node,
      element('h1', { text: 'Runs' }),
      about?.temporal &&
        element('p', {}, element('a', { text: 'Start a sweep', class: 'action', attributes: { href: '#/sweep' } })),
      about?.temporal && new OffboardView(signal).node,
      this.#links,
      this.#filters(),
      this.#status,
      this.#loading,
      this.#table,
      this.#paging,
    );
    if (about?.temporal?.ui !== undefined) void this.#link();
    void this.#follow();
  }

  /** Without a server there are no links; the list reports that it is unavailable. */
  async #link(): Promise<void> {
    try {
      fill(this.#links, ...startLinks(await ask<StartForms>('POST', '/api/start-forms', {}, this.#signal)));
    } catch {
      fill(this.#links);
    }
  }

  #filters(): HTMLElement {
    let timer: number | undefined;
    const set = (change: Partial<Filter>): void => {
      this.#filter = { ...this.#filter, offset: 0, ...change };
      window.clearTimeout(timer);
      timer = window.setTimeout(() => void this.#load(), WAIT_MS);
    };
    const choice = (
      text: string,
      options: Readonly<Record<string, string>>,
      use: (value: string) => void,
    ): HTMLElement => {
      const id = freshId('filter');
      const select = element(
        'select',
        { attributes: { id } },
        ...Object.entries(options).map(([value, label]) => element('option', { text: label, attributes: { value } })),
      );
      select.addEventListener('change', () => use(select.value));
      return element('div', {}, element('label', { text, attributes: { for: id } }), select);
    };
    const id = freshId('filter');
    const search = element('input', {
      attributes: { id, type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'Starts with …' },
    });
    search.value = this.#filter.search;
    search.addEventListener('input', () => set({ search: search.value.trim() }));
    return element(
      'div',
      { class: 'filters', attributes: { role: 'search', 'aria-label': 'Runs' } },
      choice('Kind', { '': 'All', ...KINDS_FILTER }, (type) => set({ type })),
      choice('Status', { '': 'All', attention: 'Needs attention', running: 'In progress', ended: 'Ended' }, (state) =>
        set({ state }),
      ),
      element('div', {}, element('label', { text: 'Workflow ID', attributes: { for: id } }), search),
    );
  }

  async #follow(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#load();
      await new Promise((resolve) => window.setTimeout(resolve, AGAIN_MS));
    }
  }

  async #load(): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    const { type, state, search, offset } = this.#filter;
    const query = new URLSearchParams({
      ...(type !== '' && { type }),
      ...(state !== '' && { state }),
      ...(search !== '' && { search }),
      offset: String(offset),
    });
    try {
      const list = await ask<RunList>('GET', `/api/runs?${query.toString()}`, undefined, this.#signal);
      if (mine !== this.#asked) return;
      this.#status.textContent = '';
      // A field with the focus must stay, and so must the subject of a dialog.
      const isTyping = this.#rows.contains(document.activeElement) && document.activeElement?.matches('input') === true;
      if (!isTyping && !document.querySelector('dialog[open]')) this.#draw(list);
    } catch (error) {
      if (!this.#signal.aborted && mine === this.#asked) this.#status.textContent = messageOf(error);
    }
    this.#loading.hidden = true;
  }

  #draw(list: RunList): void {
    const { runs, next } = list;
    const shown = JSON.stringify([list, this.#filter.offset]);
    if (shown === this.#drawn) return;
    this.#drawn = shown;
    const focused = document.activeElement?.getAttribute('data-run');
    this.#table.hidden = runs.length === 0;
    fill(this.#rows, ...runs.flatMap((run) => this.#lines(run)));
    if (focused !== undefined && focused !== null)
      this.#rows.querySelector<HTMLElement>(`button[data-run="${CSS.escape(focused)}"]`)?.focus();
    const { offset, ...filter } = this.#filter;
    const isFiltered = Object.values(filter).some((value) => value !== '');
    const go = (to: number): void => {
      this.#filter = { ...this.#filter, offset: to };
      void this.#load();
    };
    fill(
      this.#paging,
      runs.length === 0 &&
        element('p', {
          text: isFiltered
            ? 'No run matches.'
            : 'No runs yet. Start one here, with http-tasks offboard or http-tasks sweep, or in the Temporal UI.',
        }),
      offset > 0 && button('Newer', () => go(0), { attributes: { title: 'The first page' } }),
      runs.length > 0 && (offset > 0 || next !== undefined)
        ? element('span', { class: 'hint', text: `Runs ${offset + 1} to ${offset + runs.length}` })
        : undefined,
      next !== undefined && button('Older', () => go(next)),
    );
  }

  #lines(run: RunLine): HTMLElement[] {
    const { workflowId, runId, type, url, status, startedAt } = run;
    // An approval is needed, so the details are open without a click; only once, so that they can be closed.
    if ((status === 'waitingForApproval' || workflowId === this.#named) && !this.#seen.has(runId)) {
      this.#seen.add(runId);
      if (!this.#open.has(runId)) this.#openDetails(run);
    }
    const details = this.#open.get(runId);
    details?.update(run);
    const toggle = button(details ? 'Hide' : 'Details', () => this.#toggle(run), {
      class: 'quiet',
      attributes: {
        'data-run': runId,
        'aria-expanded': String(details !== undefined),
        'aria-label': `${details ? 'Hide details' : 'Details'} of ${workflowId}`,
      },
    });
    const cells: Child[] = [
      url === undefined ? element('code', { text: workflowId }) : outsideLink(url, workflowId),
      KINDS[type] ?? type,
      element('span', { class: `mark run-${status}`, text: inWords(status) }),
      progressText(run),
      element('time', { text: ago(startedAt), attributes: { datetime: startedAt, title: when(startedAt) } }),
      toggle,
    ];
    const line = element('tr', {}, ...cellsOf(COLUMNS, cells));
    if (!details) return [line];
    return [line, element('tr', {}, element('td', { attributes: { colspan: String(cells.length) } }, details.node))];
  }

  #openDetails(run: RunLine): void {
    this.#open.set(
      run.runId,
      new RunDetails(run, { production: this.#production, environment: this.#environment, signal: this.#signal }),
    );
  }

  #toggle(run: RunLine): void {
    if (!this.#open.delete(run.runId)) this.#openDetails(run);
    this.#drawn = '';
    void this.#load();
  }
}

const KINDS: Readonly<Record<string, string>> = {
  offboardUser: 'One user',
  offboardUsers: 'Sweep',
  runHttpTask: 'Single call',
};
const KINDS_FILTER = { offboardUsers: 'Sweeps', offboardUser: 'One user', runHttpTask: 'Single calls' } as const;

const FORMS: Readonly<Record<string, string>> = {
  offboardUser: 'offboard one user',
  offboardUsers: 'sweep',
  runHttpTask: 'call one task',
};

function startLinks({ workflows }: StartForms): Child[] {
  const links = workflows
    .flatMap(({ workflowType, url }) => [' · ', outsideLink(url, FORMS[workflowType] ?? workflowType)])
    .slice(1);
  return ['Or start one in the Temporal UI, from an example that changes nothing: ', ...links];
}
