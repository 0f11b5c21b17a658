import type { RequestLine, RequestList } from '../gateway/wire-operations.js';
import { ask, download } from './api.js';
import { askFor } from './confirm-dialog.js';
import { button, details, element, fill, table } from './dom.js';
import type { Child } from './dom.js';
import { IdsField } from './hold-files.js';
import { choiceField, formOf, StatusLine, textField } from './page-parts.js';
import { ago, when } from './run-steps.js';
import { inWords } from './words.js';

type Decision = 'extend' | 'refuse';

/** The register of requests: which are open or overdue, how they ended, and extending, refusing and recording one. */
export class RequestsView {
  readonly node = element('article', { class: 'page wide' });
  readonly #signal: AbortSignal;
  readonly #status = new StatusLine();
  readonly #list = element('div', {}, element('p', { class: 'status running', text: 'Loading the requests' }));
  readonly #show = choiceField('Show', { open: 'Open', overdue: 'Overdue', all: 'All' });
  readonly #before = textField('Due before', { hint: 'Empty: any due date.' });
  readonly #by = textField('Decided by', { required: true, hint: 'Recorded as typed, not verified.' });
  #after: number | undefined;
  #asked = 0;

  /** @param signal Aborts when this view is left. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#before.control.type = 'date';
    for (const { control } of [this.#show, this.#before])
      control.addEventListener('change', () => {
        // "Overdue" means due before now.
        this.#before.control.disabled = this.#show.control.value === 'overdue';
        this.#after = undefined;
        void this.#load();
      });
    fill(
      this.node,
      element('h1', { text: 'Requests' }),
      element('p', {
        text: 'Deletion requests with their due dates and outcomes. A request is listed if a run, a sweep or a row of its source has a date of receipt, a law or a due date, or if it was recorded by hand.',
      }),
      this.#status.node,
      details('Record a request', this.#form()),
      element('div', { class: 'filters' }, this.#show.node, this.#before.node),
      element(
        'div',
        { class: 'bar start' },
        button('Download CSV', () => this.#download()),
      ),
      this.#list,
    );
    void this.#load();
  }

  get #filter(): URLSearchParams {
    const query = new URLSearchParams({ show: this.#show.control.value });
    const before = this.#before.control.value;
    if (before !== '' && !this.#before.control.disabled) query.set('dueBefore', before);
    return query;
  }

  async #load(): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    const query = this.#filter;
    if (this.#after !== undefined) query.set('after', String(this.#after));
    try {
      const page = await ask<RequestList>('GET', `/api/requests?${query}`, undefined, this.#signal);
      if (mine === this.#asked) this.#draw(page);
    } catch (error) {
      if (this.#signal.aborted) return;
      fill(this.#list);
      this.#status.problem(error);
    }
  }

  #draw({ requests, after }: RequestList): void {
    const go = (to: number | undefined): void => {
      this.#after = to;
      void this.#load();
    };
    fill(
      this.#list,
      requests.length === 0
        ? element('p', { text: EMPTY[this.#show.control.value] ?? 'No such request.' })
        : table(
            'Requests, in the order they were recorded',
            ['Request', 'State', 'Due', 'Received', 'Law', 'Run or sweep', 'Reference', 'Actions'],
            requests.map((request) => this.#row(request)),
          ),
      (this.#after !== undefined || after !== undefined) &&
        element(
          'div',
          { class: 'bar start' },
          this.#after !== undefined && button('First page', () => go(undefined)),
          after !== undefined && button('Next page', () => go(after)),
        ),
    );
  }

  #row(request: RequestLine): Child[] {
    const { id, dueAt, receivedAt = '', law, workflowId, seq, reference = '', extended } = request;
    const user = seq === undefined ? '' : `, user ${seq + 1}`;
    return [
      String(id),
      stateView(request),
      dueAt === undefined
        ? 'No date'
        : element('time', { text: `${when(dueAt)} (${ago(dueAt)})`, attributes: { datetime: dueAt } }),
      element('span', { class: 'nowrap', text: receivedAt }),
      LAWS[law] ?? law,
      workflowId === undefined
        ? 'Nothing started'
        : element(
            'span',
            {},
            element('a', { text: workflowId, attributes: { href: `#/runs/${encodeURIComponent(workflowId)}` } }),
            user,
          ),
      reference,
      request.state === 'open' || request.state === 'overdue'
        ? element(
            'div',
            { class: 'bar' },
            // Its time can be extended once, and not after it has passed.
            extended === undefined && request.state === 'open' && LAWS[law] !== undefined && law !== 'none'
              ? this.#button(request, 'extend', 'Extend')
              : '',
            this.#button(request, 'refuse', 'Refuse', 'danger-quiet'),
          )
        : '',
    ];
  }

  #button(request: RequestLine, decision: Decision, text: string, kind = ''): HTMLElement {
    return button(text, () => void this.#decide(request, decision), {
      class: kind,
      attributes: { 'aria-label': `${text} request ${request.id}` },
    });
  }

  async #decide({ id, law, dueAt, reference = '' }: RequestLine, decision: Decision): Promise<void> {
    const why = textField('Reason', { required: true, hint: 'No personal data; the register keeps it.' });
    const by = textField('Decided by', {
      required: true,
      hint: 'Recorded as typed, not verified.',
      value: this.#by.control.value,
    });
    const { title, description, how } = WORDS[decision];
    const confirm = await askFor(
      {
        title,
        description: description(law),
        shown: [
          `Request: ${id}`,
          ...(reference === '' ? [] : [`Reference: ${reference}`]),
          ...(dueAt === undefined ? [] : [`Due: ${when(dueAt)}`]),
        ].join('\n'),
        fields: [why, by],
        isDangerous: decision === 'refuse',
      },
      how,
    );
    if (!confirm) return;
    this.#by.control.value = by.control.value;
    try {
      const { document } = await ask<{ document: RequestLine & { holdId?: string } }>(
        'POST',
        `/api/requests/${id}/${decision}`,
        { why: why.control.value, by: by.control.value },
      );
      const { dueAt: due, holdId } = document;
      if (decision === 'extend')
        this.#status.good(`Request ${id} is extended${due === undefined ? '' : `; it is due ${when(due)}`}.`);
      else
        this.#status.good(
          `Request ${id} is refused, and its user is on hold: `,
          element('code', { text: holdId ?? '' }),
        );
      await this.#load();
    } catch (error) {
      this.#status.problem(error);
    }
  }

  #form(): HTMLElement {
    const ids = new IdsField('One per line, as PROVIDER.ID=VALUE. The register keeps keyed hashes of the IDs.');
    const received = textField('Received on', { hint: 'The day the request arrived.' });
    received.control.type = 'date';
    const law = choiceField('Law', LAWS);
    const due = textField('Due on', { hint: "Overrides the law's due date." });
    due.control.type = 'date';
    const reference = textField('Reference', {
      hint: 'Your own name for the case; no personal data. Stored encrypted.',
    });
    const requestedBy = textField('Requested by', { hint: 'Recorded as typed, not verified.' });
    const account = textField('Account', { hint: 'Where providers have accounts. Empty: the default account.' });
    const fields = { receivedAt: received, law, due, reference, requestedBy, account };
    const record = async (): Promise<void> => {
      const values = Object.entries(fields).map(([name, { control }]) => [name, control.value.trim()]);
      try {
        const { document } = await ask<{ document: RequestLine }>('POST', '/api/requests', {
          ids: ids.values,
          ...Object.fromEntries(values),
        });
        ids.control.value = '';
        reference.control.value = '';
        const { id, dueAt } = document;
        this.#status.good(`Request ${id} is recorded${dueAt === undefined ? '' : `; it is due ${when(dueAt)}`}.`);
        await this.#load();
      } catch (error) {
        this.#status.problem(error);
      }
    };
    return element(
      'div',
      {},
      element('p', {
        class: 'hint',
        text: 'For a request that no run or sweep handles yet. A later run or sweep for a user with one of these IDs and the same date of receipt takes it over.',
      }),
      formOf(
        'Record a request',
        'Record the request',
        () => void record(),
        ids.node,
        element('div', { class: 'filters' }, received.node, law.node, due.node),
        reference.node,
        requestedBy.node,
        details('More fields', account.node),
      ),
    );
  }

  #download(): void {
    this.#status.running('Preparing the file');
    download(`/api/requests/file?${this.#filter}`, 'requests.csv').then(
      () => this.#status.good('The file is complete.'),
      (error: unknown) => this.#status.problem(error),
    );
  }
}

function stateView(request: RequestLine): HTMLElement {
  const { state, late, outcome, endedAt, extended, refused } = request;
  const decision = refused ?? extended;
  return element(
    'span',
    {},
    element('span', { class: `mark ${MARKS[state]}`, text: inWords(state) }),
    late && ' late',
    extended && ' extended',
    outcome !== undefined && element('span', { class: 'hint', text: ` ${inWords(outcome)}` }),
    endedAt !== undefined && element('span', { class: 'hint', text: ` ${when(endedAt)}` }),
    decision && element('p', { class: 'hint', text: `${decision.reason} (${decision.by}, ${when(decision.at)})` }),
  );
}

const MARKS: Readonly<Record<RequestLine['state'], string>> = {
  open: 'plain',
  overdue: 'bad',
  done: 'good',
  refused: 'warn',
};

const LAWS: Readonly<Record<string, string>> = { none: 'None', gdpr: 'GDPR', ccpa: 'CCPA' };

const EMPTY: Readonly<Record<string, string>> = {
  open: 'There are no open requests.',
  overdue: 'No request is overdue.',
  all: 'The register is empty.',
};

const WORDS: Readonly<Record<Decision, { title: string; description: (law: string) => string; how: string }>> = {
  extend: {
    title: 'Extend the time of this request?',
    description: (law) =>
      `By ${law === 'ccpa' ? '45 days' : 'two further months'}, counted from the receipt, and only once. Inform the person, with the reason, before the first due date.`,
    how: 'Extend',
  },
  refuse: {
    title: 'Refuse this request?',
    description: () =>
      'A hold is set on the IDs of the request, so that no run deletes the user by mistake. To carry the request out later, lift the hold.',
    how: 'Refuse',
  },
};
