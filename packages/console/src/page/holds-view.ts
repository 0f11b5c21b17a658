import type { HoldLine, HoldLogLine } from '../gateway/wire-operations.js';
import { ask, messageOf } from './api.js';
import { askFor } from './confirm-dialog.js';
import { button, details, element, fill, table } from './dom.js';
import type { Child } from './dom.js';
import { HoldCheckView, HoldFileView, IdsField } from './hold-files.js';
import { formOf, StatusLine, warningLines, textField } from './page-parts.js';
import { ago, when } from './run-steps.js';

/** Legal holds: all of them, setting one or those of a file, checking and lifting one, and who did so. */
export class HoldsView {
  readonly node = element('article', { class: 'page wide' });
  readonly #signal: AbortSignal;
  readonly #list = element('div', {}, element('p', { class: 'status running', text: 'Loading the holds' }));
  readonly #log = element('div', {});
  readonly #status = new StatusLine();
  readonly #search = textField('Search', { hint: 'In hold IDs, reasons and names.' });
  readonly #reason = textField('Reason', { required: true, hint: 'No personal data; the ledger keeps it.' });
  readonly #by = textField('Set by', { required: true, hint: 'Recorded as typed, not verified.' });
  readonly #environment = textField('Environment', {
    hint: 'For example production. Empty: every environment of each service.',
  });
  readonly #account = textField('Account', { hint: 'Where providers have accounts. Empty: the default account.' });
  readonly #ids = new IdsField(
    'One per line, as PROVIDER.ID=VALUE. Enter every ID you know: a hold on one ID does not cover calls that use another.',
  );
  #holds: readonly HoldLine[] = [];

  /** @param signal Aborts when this view is left. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#search.control.type = 'search';
    this.#search.control.addEventListener('input', () => this.#draw());
    const log = details('Hold log', this.#log);
    log.addEventListener('toggle', () => void this.#readLog());
    fill(
      this.node,
      element('h1', { text: 'Holds' }),
      element('p', {
        text: 'While a user is on hold, no run deletes anything of theirs, including runs in progress. The ledger stores keyed hashes of the IDs, never the IDs.',
      }),
      this.#status.node,
      details('Set a hold', this.#form()),
      details('Set holds from a file', new HoldFileView({ signal, onChange: () => this.#load() }).node),
      details('Check whether a user is on hold', new HoldCheckView().node),
      this.#search.node,
      this.#list,
      log,
    );
    void this.#load();
  }

  #form(): HTMLElement {
    return formOf(
      'Set a hold',
      'Set the hold',
      () => void this.#add(),
      this.#ids.node,
      this.#reason.node,
      this.#by.node,
      details('More fields', this.#environment.node, this.#account.node),
    );
  }

  async #load(): Promise<void> {
    try {
      this.#holds = await ask<HoldLine[]>('GET', '/api/holds', undefined, this.#signal);
      this.#draw();
    } catch (error) {
      if (!this.#signal.aborted) fill(this.#list, element('p', { class: 'warning', text: messageOf(error) }));
    }
  }

  #draw(): void {
    const words = this.#search.control.value.trim().toLowerCase();
    const found = this.#holds.filter(({ holdId, reason = '', setBy = '' }) =>
      [holdId, reason, setBy].some((text) => text.toLowerCase().includes(words)),
    );
    const shown = found.slice(-MOST_SHOWN).reverse();
    const rows = shown.map((hold): Child[] => {
      const { holdId, at, setBy = '', reason = '', environments, subjects } = hold;
      return [
        element('code', { text: holdId }),
        element('time', { text: ago(at), attributes: { datetime: at, title: when(at) } }),
        setBy,
        reason,
        environmentsText(environments),
        String(subjects.length),
        button('Lift', () => void this.#remove(hold), {
          class: 'danger-quiet',
          attributes: { 'aria-label': `Lift the hold ${holdId}` },
        }),
      ];
    });
    fill(
      this.#list,
      rows.length === 0
        ? element('p', { text: this.#holds.length === 0 ? 'There are no holds.' : 'No hold matches.' })
        : table('Holds, newest first', ['Hold', 'Since', 'Set by', 'Reason', 'Environments', 'IDs', 'Actions'], rows),
      found.length > shown.length &&
        element('p', { class: 'hint', text: `The newest ${shown.length} of ${found.length}; search for others.` }),
    );
  }

  async #add(): Promise<void> {
    const fields = { reason: this.#reason, by: this.#by, environment: this.#environment, account: this.#account };
    const texts = Object.fromEntries(Object.entries(fields).map(([name, { control }]) => [name, control.value]));
    try {
      const { document, said: lines } = await ask<{ document: { holdId: string }; said: string[] }>(
        'POST',
        '/api/holds',
        {
          ids: this.#ids.values,
          ...texts,
        },
      );
      this.#ids.control.value = '';
      this.#reason.control.value = '';
      this.#status.good('The hold is set: ', element('code', { text: document.holdId }));
      this.#status.node.append(...[warningLines(lines)].filter((node) => node instanceof Node));
      await this.#load();
    } catch (error) {
      this.#status.problem(error);
    }
  }

  async #remove({ holdId, reason = '', setBy = '', at }: HoldLine): Promise<void> {
    const why = textField('Reason for lifting it', { required: true, hint: 'No personal data; the log keeps it.' });
    const by = textField('Lifted by', {
      required: true,
      hint: 'Recorded as typed, not verified.',
      value: this.#by.control.value,
    });
    const typed = await askFor(
      {
        title: 'Lift this hold?',
        description: 'Runs can delete the data of this user again, unless another hold covers the same IDs.',
        shown: [
          `Hold: ${holdId}`,
          `Set: ${when(at)}${setBy === '' ? '' : ` by ${setBy}`}`,
          ...(reason === '' ? [] : [`Reason: ${reason}`]),
        ].join('\n'),
        fields: [why, by],
        isDangerous: true,
      },
      'Lift the hold',
    );
    if (!typed) return;
    try {
      await ask('POST', '/api/holds/remove', { hold: holdId, reason: why.control.value, by: by.control.value });
      this.#status.good('The hold is lifted: ', element('code', { text: holdId }));
      await this.#load();
    } catch (error) {
      this.#status.problem(error);
    }
  }

  async #readLog(): Promise<void> {
    try {
      const entries = await ask<HoldLogLine[]>('GET', '/api/holds/log', undefined, this.#signal);
      const shown = entries.slice(-MOST_SHOWN).reverse();
      fill(
        this.#log,
        shown.length === 0
          ? element('p', { text: 'The log is empty.' })
          : table(
              'Hold changes, newest first',
              ['At', 'Hold', 'Change', 'By', 'Why', 'Reason of the hold'],
              shown.map(({ at, holdId, change, by = '', why = '', reason = '' }) => [
                when(at),
                element('code', { text: holdId }),
                change,
                by,
                why,
                reason,
              ]),
            ),
      );
    } catch (error) {
      if (!this.#signal.aborted) fill(this.#log, element('p', { class: 'warning', text: messageOf(error) }));
    }
  }
}

const MOST_SHOWN = 200;

function environmentsText(environments: HoldLine['environments']): string {
  if (environments === 'unknown') return 'unknown (set by version 0.1.0): set it again';
  return Object.entries(environments)
    .map(([service, names]) => `${service}: ${names.join(', ')}`)
    .join('; ');
}
