import type { HoldCheck, HoldFileCheck, HoldFileCounts, UploadedFile } from '../gateway/wire-operations.js';
import { ask, messageOf, Refused, upload } from './api.js';
import { askFor } from './confirm-dialog.js';
import { button, element, fill, freshId, table } from './dom.js';
import type { Child } from './dom.js';
import { formOf, StatusLine, warningLines, textField } from './page-parts.js';

const MOST_SHOWN = 200;

/** IDs of one user, one per line as PROVIDER.ID=VALUE. */
export class IdsField {
  readonly node: HTMLElement;
  readonly control: HTMLTextAreaElement;

  constructor(hint: string) {
    const id = freshId('ids');
    this.control = element('textarea', {
      class: 'code',
      attributes: {
        id,
        rows: '3',
        spellcheck: 'false',
        placeholder: 'plaid.userId=usr_1\nbatch.userId=1001',
        'aria-describedby': `${id}-hint`,
      },
    });
    this.node = element(
      'div',
      { class: 'field' },
      element(
        'label',
        { attributes: { for: id } },
        'IDs of one user',
        element('span', { class: 'required', text: 'required' }),
      ),
      this.control,
      element('p', { class: 'hint', text: hint, attributes: { id: `${id}-hint` } }),
    );
  }

  get values(): string[] {
    return this.control.value
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  }
}

/** Says whether workers would stop for a user. */
export class HoldCheckView {
  readonly node: HTMLElement;
  readonly #ids = new IdsField('One per line, as PROVIDER.ID=VALUE. The IDs are hashed and not stored.');
  readonly #environment = textField('Environment', { hint: 'For example production. Empty: every environment.' });
  readonly #account = textField('Account', { hint: 'Where providers have accounts. Empty: the default account.' });
  readonly #status = new StatusLine();
  readonly #found = element('div', {});

  constructor() {
    this.node = element(
      'div',
      {},
      formOf(
        'Check whether a user is on hold',
        'Check',
        () => void this.#check(),
        this.#ids.node,
        element('div', { class: 'filters' }, this.#environment.node, this.#account.node),
      ),
      this.#status.node,
      this.#found,
    );
  }

  async #check(): Promise<void> {
    const [environment, account] = [this.#environment.control.value.trim(), this.#account.control.value.trim()];
    fill(this.#found);
    try {
      const { document } = await ask<{ document: HoldCheck }>('POST', '/api/holds/check', {
        ids: this.#ids.values,
        environment,
        account,
      });
      this.#status.clear();
      fill(this.#found, ...checkParts(document));
    } catch (error) {
      this.#status.problem(error);
    }
  }
}

function checkParts({ environments, holds }: HoldCheck): Child[] {
  const rows = Object.entries(environments);
  const named = (held: boolean): string =>
    rows
      .filter(([, one]) => one.held === held)
      .map(([name]) => name)
      .join(', ');
  const [held, free] = [named(true), named(false)];
  const verdict =
    free === ''
      ? 'On hold: workers delete nothing of a user with these IDs.'
      : held === ''
        ? 'Not on hold: workers can delete the data of a user with these IDs.'
        : `On hold only for workers in ${held}; not in ${free}.`;
  return [
    element('p', {
      class: `status ${free === '' ? 'good' : held === '' ? 'running' : 'bad'}`,
      text: verdict,
      attributes: { role: 'status' },
    }),
    table(
      'By environment of the worker',
      ['Worker in', 'On hold', 'Holds'],
      rows.map(([name, one]) => [
        element('code', { text: name }),
        one.held ? 'yes' : 'no',
        one.holds
          .map((id) => {
            const reason = holds.find(({ holdId }) => holdId === id)?.reason;
            return reason === undefined ? id : `${id} (${reason})`;
          })
          .join(', '),
      ]),
    ),
  ];
}

/** Options of the form for a file of holds. */
interface HoldFileOptions {
  signal: AbortSignal;
  onChange: () => Promise<void>;
}

/** Checks a file of users against the holds, and sets a hold on each of them. */
export class HoldFileView {
  readonly node: HTMLElement;
  readonly #options: HoldFileOptions;
  readonly #file: HTMLInputElement;
  readonly #fileStatus = element('p', { class: 'hint', attributes: { role: 'status' } });
  readonly #reason = textField('Reason', {
    required: true,
    hint: 'For rows without a reason of their own. No personal data; the ledger keeps it.',
  });
  readonly #by = textField('Set by', { required: true, hint: 'Recorded as typed, not verified.' });
  readonly #environment = textField('Environment', { hint: 'For example production. Empty: every environment.' });
  readonly #account = textField('Account for rows without one');
  readonly #ignore = textField('Columns to ignore', {
    hint: 'Comma-separated. Needed only for columns whose names look like those of IDs.',
  });
  readonly #check = button('Check the file', () => void this.#look());
  readonly #set = button('Set the holds', () => void this.#add(), { class: 'primary' });
  readonly #status = new StatusLine();
  readonly #found = element('div', {});
  #uploaded: UploadedFile | undefined;

  constructor(options: HoldFileOptions) {
    this.#options = options;
    const id = freshId('hold-file');
    this.#file = element('input', {
      attributes: { id, type: 'file', accept: '.csv,.gz', 'aria-describedby': `${id}-hint` },
    });
    this.#file.addEventListener('change', () => void this.#upload());
    this.node = element(
      'div',
      { class: 'stacked' },
      element(
        'div',
        { class: 'field' },
        element('label', { text: 'A CSV file on this machine', attributes: { for: id } }),
        this.#file,
        element('p', {
          class: 'hint',
          text: 'One user per row: plaid_user_id, plaid_user_token, plaid_access_token, batch_user_id, columns of other providers, and account, reason and hold_id. If a row is wrong, no hold is set.',
          attributes: { id: `${id}-hint` },
        }),
        this.#fileStatus,
      ),
      this.#reason.node,
      this.#by.node,
      element('div', { class: 'filters' }, this.#environment.node, this.#account.node, this.#ignore.node),
      element('div', { class: 'bar start' }, this.#check, this.#set),
      this.#status.node,
      this.#found,
    );
    this.#draw();
  }

  #draw(): void {
    this.#check.disabled = this.#uploaded === undefined;
    this.#set.disabled = this.#uploaded === undefined;
  }

  get #request(): Record<string, unknown> {
    const ignored = this.#ignore.control.value.split(',').map((one) => one.trim());
    return {
      upload: this.#uploaded?.upload,
      environment: this.#environment.control.value.trim(),
      account: this.#account.control.value.trim(),
      ignoreColumns: ignored.filter(Boolean),
    };
  }

  async #upload(): Promise<void> {
    const file = this.#file.files?.[0];
    this.#uploaded = undefined;
    this.#fileStatus.textContent = file ? `Reading ${file.name}` : '';
    this.#status.clear();
    fill(this.#found);
    this.#draw();
    if (!file) return;
    try {
      this.#uploaded = await upload<UploadedFile>(file, this.#options.signal);
      const { name, bytes } = this.#uploaded;
      this.#fileStatus.textContent = `${name} · ${bytes.toLocaleString('en')} bytes`;
      this.#draw();
    } catch (error) {
      if (!this.#options.signal.aborted) this.#fileStatus.textContent = messageOf(error);
    }
  }

  /** Shows which rows are on hold already. */
  async #look(): Promise<HoldFileCheck | undefined> {
    this.#status.running('Reading the file');
    fill(this.#found);
    try {
      const { document } = await ask<{ document: HoldFileCheck }>('POST', '/api/holds/check', this.#request);
      const { held, heldInPart, notHeld, rows } = document;
      this.#status.good(
        `${rows.length.toLocaleString('en')} ${rows.length === 1 ? 'row' : 'rows'}: ${held.toLocaleString('en')} on hold in every environment, ${heldInPart.toLocaleString('en')} in some, ${notHeld.toLocaleString('en')} in none.`,
      );
      fill(this.#found, rowsTable(rows));
      return document;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  async #add(): Promise<void> {
    const [reason, by] = [this.#reason.control.value.trim(), this.#by.control.value.trim()];
    if (reason === '' || by === '') {
      (reason === '' ? this.#reason : this.#by).control.focus();
      this.#status.problem(new Error('Give a reason and a name.'));
      return;
    }
    const checked = await this.#look();
    const name = this.#uploaded?.name;
    if (!checked || name === undefined) return;
    const confirm = await askFor(
      {
        title: `Set ${checked.rows.length.toLocaleString('en')} ${checked.rows.length === 1 ? 'hold' : 'holds'}?`,
        description: 'No run deletes anything of these users, including runs in progress, until the holds are lifted.',
        shown: [
          `File: ${name}`,
          `Rows: ${checked.rows.length.toLocaleString('en')}`,
          `Reason: ${reason}`,
          `Set by: ${by}`,
        ].join('\n'),
      },
      'Set the holds',
    );
    if (!confirm) return;
    this.#status.running('Setting the holds');
    try {
      const { document, said: lines } = await ask<{ document: HoldFileCounts; said: string[] }>(
        'POST',
        '/api/holds/file',
        {
          ...this.#request,
          reason,
          by,
        },
      );
      const { set, extended, unchanged } = document;
      fill(this.#found);
      this.#status.good(
        `${set.toLocaleString('en')} ${set === 1 ? 'hold is' : 'holds are'} set, ${extended.toLocaleString('en')} extended, ${unchanged.toLocaleString('en')} already existed.`,
      );
      this.#status.node.append(...[warningLines(lines)].filter((node) => node instanceof Node));
      await this.#options.onChange();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#status.problem(error);
    const rows = error instanceof Refused ? (error.error.rows ?? []) : [];
    if (rows.length === 0) return;
    fill(
      this.#found,
      table(
        'Rows that are wrong',
        ['Line', 'Problem'],
        rows.map((text) => {
          const [, line = '', problem = text] = /^line (\d+): (.*)$/s.exec(text) ?? [];
          return [line, problem];
        }),
      ),
    );
  }
}

function rowsTable(rows: HoldFileCheck['rows']): Child {
  const shown = rows.slice(0, MOST_SHOWN);
  return element(
    'div',
    {},
    table(
      'Rows of the file',
      ['Line', 'On hold', 'Holds'],
      shown.map(({ line, held, heldIn, holds }) => [
        String(line),
        held ? 'yes' : heldIn.length === 0 ? 'no' : `only in ${heldIn.join(', ')}`,
        element('code', { text: holds.join(', ') }),
      ]),
    ),
    rows.length > shown.length &&
      element('p', { class: 'hint', text: `First ${shown.length} of ${rows.length.toLocaleString('en')} rows.` }),
  );
}
