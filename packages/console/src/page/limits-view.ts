import type { RateLine } from '../gateway/wire-operations.js';
import { ask } from './api.js';
import { askFor } from './confirm-dialog.js';
import { button, details, element, fill, table } from './dom.js';
import type { Child } from './dom.js';
import { formOf, StatusLine, textField } from './page-parts.js';

/** Limits on the calls of all workers: which one is in force for each key and why, and standing limits. */
export class LimitsView {
  readonly node = element('article', { class: 'page wide' });
  readonly #signal: AbortSignal;
  readonly #status = new StatusLine();
  readonly #list = element('div', {}, element('p', { class: 'status running', text: 'Loading the limits' }));

  /** @param signal Aborts when this view is left. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    const key = textField('Key', {
      required: true,
      placeholder: 'plaid',
      hint: 'A service, a service and one of its keys, or an account: plaid, batch.ios, plaid/acme.',
    });
    const calls = callsField();
    fill(
      this.node,
      element('h1', { text: 'Limits on calls' }),
      element('p', {
        text: 'A standing limit applies to all calls under one key, of sweeps and single runs, in all workers of this ledger, until it is cleared. The rate of a sweep applies to sweeps only and ends with that sweep. The lowest limit applies.',
      }),
      this.#status.node,
      this.#list,
      details(
        'Set the limit of another key',
        formOf(
          'Set a standing limit',
          'Set the limit',
          () => void this.#change('/api/rates', { key: key.control.value.trim(), calls: calls.control.value.trim() }),
          key.node,
          calls.node,
        ),
      ),
    );
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      this.#draw(await ask<RateLine[]>('GET', '/api/rates', undefined, this.#signal));
    } catch (error) {
      if (this.#signal.aborted) return;
      fill(this.#list);
      this.#status.problem(error);
    }
  }

  #draw(rates: readonly RateLine[]): void {
    const number = (value: number | undefined): string => (value === undefined ? 'None' : value.toLocaleString('en'));
    const rows = rates.map((rate): Child[] => {
      const name = keyOf(rate);
      return [
        element('code', { text: name }),
        number(rate.callsPerMinute),
        rate.by === 'sweep' && rate.sweepId !== undefined
          ? element(
              'span',
              {},
              'Sweep ',
              element('a', { text: rate.sweepId, attributes: { href: `#/runs/${encodeURIComponent(rate.sweepId)}` } }),
            )
          : WHY[rate.by],
        number(rate.standing),
        number(rate.callsPerMinuteNow),
        element(
          'div',
          { class: 'bar' },
          button('Set', () => void this.#set(rate), { attributes: { 'aria-label': `Set the limit of ${name}` } }),
          rate.standing !== undefined &&
            button('Clear', () => void this.#clear(rate), {
              class: 'danger-quiet',
              attributes: { 'aria-label': `Clear the limit of ${name}` },
            }),
        ),
      ];
    });
    fill(
      this.#list,
      rows.length === 0
        ? element('p', { text: 'No limit is set, and no call was made yet.' })
        : table(
            'Calls per minute, by key',
            ['Key', 'In force', 'Set by', 'Standing limit', 'Current rate', 'Actions'],
            rows,
          ),
    );
  }

  async #set(rate: RateLine): Promise<void> {
    const calls = callsField();
    const confirm = await askFor(
      {
        title: `Set the limit of ${keyOf(rate)}?`,
        description: 'It applies to all calls under this key from the next one on, and replaces the documented limit.',
        shown: `In force now: ${rate.callsPerMinute.toLocaleString('en')} calls a minute`,
        fields: [calls],
      },
      'Set the limit',
    );
    if (confirm) await this.#change('/api/rates', { key: keyOf(rate), calls: calls.control.value.trim() });
  }

  async #clear(rate: RateLine): Promise<void> {
    const confirm = await askFor(
      {
        title: `Clear the limit of ${keyOf(rate)}?`,
        description:
          'The limit that the provider documents applies again. Without one, sweeps start at 600 calls a minute and speed up until the provider refuses a call.',
        shown: `Standing limit: ${rate.standing?.toLocaleString('en') ?? 'none'} calls a minute`,
        isDangerous: true,
      },
      'Clear the limit',
    );
    if (confirm) await this.#change('/api/rates/clear', { key: keyOf(rate) });
  }

  async #change(path: string, body: { key: string; calls?: string }): Promise<void> {
    try {
      const { document } = await ask<{ document: RateLine[] }>('POST', path, body);
      const [rate] = document;
      this.#status.good(
        rate === undefined
          ? `${body.key} has no limit.`
          : `${body.key}: ${rate.callsPerMinute.toLocaleString('en')} calls a minute are in force (${WHY[rate.by].toLowerCase()}).`,
      );
      await this.#load();
    } catch (error) {
      this.#status.problem(error);
    }
  }
}

function callsField(): ReturnType<typeof textField> {
  return textField('Calls per minute', {
    required: true,
    placeholder: '600',
    hint: 'Or calls per second, such as 10/s.',
  });
}

function keyOf({ service, keySlot }: RateLine): string {
  return keySlot === undefined ? service : `${service}.${keySlot}`;
}

const WHY: Readonly<Record<RateLine['by'], string>> = {
  sweep: 'A sweep',
  standing: 'The standing limit',
  documented: "The provider's documentation",
  learned: 'Learned from refusals',
  rising: 'No limit known, rising',
};
