import type { DurableCall, RateKeyLine, RunLine, RunPage } from '../gateway/wire.js';
import { durableView } from './answer-view.js';
import { ask, download, messageOf } from './api.js';
import { askFor } from './confirm-dialog.js';
import type { Question } from './confirm-dialog.js';
import { button, element, fill, freshId } from './dom.js';
import type { Child } from './dom.js';
import { progressView } from './run-progress-view.js';
import { failedView, failureView, stepsView, when } from './run-steps.js';
import { inWords } from './words.js';

type Action = 'approve' | 'resume' | 'pause' | 'cancel' | 'rate';
const WORDS: Readonly<Record<Action, string>> = {
  approve: 'Approve',
  resume: 'Resume',
  pause: 'Pause',
  cancel: 'Cancel the run',
  rate: 'Set the rate',
};

/** Options of a run's details. */
export interface DetailsOptions {
  /** Name of the environment, if it is production. */
  production: string | undefined;
  environment: string | undefined;
  signal: AbortSignal;
}

/** One run: why it failed, what needs attention, its steps and receipts, downloads, and actions. */
export class RunDetails {
  readonly node: HTMLElement;
  readonly #options: DetailsOptions;
  readonly #controls = element('div', { class: 'bar controls' });
  readonly #rateAt = element('span', {});
  #rateKey: RateKeyLine | undefined;
  #rateKeys = '';
  readonly #said = element('div', {});
  readonly #content = element('div', {}, element('p', { class: 'status running', text: 'Reading the run' }));
  #run: RunLine;
  #drawn = '';

  constructor(run: RunLine, options: DetailsOptions) {
    this.#run = run;
    this.#options = options;
    this.node = element(
      'section',
      { class: 'run', attributes: { 'aria-label': run.workflowId } },
      this.#controls,
      this.#said,
      this.#content,
    );
  }

  /** Updates the run from the list, and reads its details again if it changed. */
  update(run: RunLine): void {
    const line = JSON.stringify(run);
    if (line === this.#drawn) return;
    this.#drawn = line;
    this.#run = run;
    fill(this.#controls, ...this.#actions());
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      if (this.#run.type === 'runHttpTask') {
        const { workflowId, runId } = this.#run;
        const path = `/api/calls/${encodeURIComponent(workflowId)}/${encodeURIComponent(runId)}`;
        fill(this.#content, durableView(await ask<DurableCall>('GET', path, undefined, this.#options.signal)));
      } else this.#show(await this.#read());
    } catch (error) {
      if (!this.#options.signal.aborted) this.#say('problem', messageOf(error));
    }
  }

  #read(): Promise<RunPage> {
    const { runId } = this.#run;
    return ask<RunPage>('GET', `${this.#path()}?runId=${encodeURIComponent(runId)}`, undefined, this.#options.signal);
  }

  #show(page: RunPage): void {
    this.#showRateKeys(page.rateKeys ?? []);
    const { startedAt, closedAt, sweep, failure } = page;
    fill(
      this.#content,
      element('p', {
        class: 'hint',
        text: `Started ${when(startedAt)}${closedAt === undefined ? '' : `, ended ${when(closedAt)}`}${sweep === undefined ? '' : ` · source: ${sweep.source}`}${sweep?.reason === undefined ? '' : ` · reason: ${sweep.reason}`}`,
      }),
      // A busy worker may have reported to the list and not to this request.
      progressView({ ...this.#run, ...page }),
      failure && failureView(failure),
      failedView(page),
      stepsView(page),
      page.receipts !== undefined &&
        page.receipts.length > 0 &&
        element(
          'div',
          { class: 'bar' },
          element('span', { text: 'Download all receipts:' }),
          button('CSV', () => this.#download('csv')),
          button('JSON lines', () => this.#download('jsonl')),
        ),
    );
  }

  #download(format: string): void {
    const { workflowId } = this.#run;
    download(`${this.#path()}/receipts?format=${format}`, `receipts-${workflowId}.${format}`).catch((error: unknown) =>
      this.#say('problem', messageOf(error)),
    );
  }

  #actions(): Child[] {
    const { type, closedAt, status } = this.#run;
    if (closedAt !== undefined || type === 'runHttpTask') return [];
    const cancel = button('Cancel the run', () => void this.#tell('cancel', {}), { class: 'danger-quiet' });
    if (type !== 'offboardUsers') return [cancel];
    if (status === 'waitingForApproval') return [this.#approval(), cancel];
    return [
      status === 'paused'
        ? button('Resume', () => void this.#tell('resume', {}), { class: 'primary' })
        : button('Pause', () => void this.#tell('pause', {})),
      this.#rate(),
      cancel,
    ];
  }

  async #tell(
    action: Action,
    body: { total?: number; by?: string; callsPerMinute?: number | null } & Partial<RateKeyLine>,
  ): Promise<void> {
    try {
      const confirm =
        action === 'pause' || action === 'rate' ? {} : await askFor(await this.#question(action, body), WORDS[action]);
      if (!confirm) return;
      // The displayed run, not another one that was started under the same ID meanwhile.
      const { runId } = this.#run;
      const page = await ask<RunPage>('POST', `${this.#path()}/${action}`, { runId, ...body, confirm });
      const why = page.progress?.pausedBecause;
      const done =
        action === 'rate' ? 'The rate is set.' : action === 'cancel' ? 'Cancelling: calls in progress finish.' : '';
      this.#say('status good', done || `${inWords(page.status)}${why === undefined ? '' : ` (${why})`}`);
    } catch (error) {
      this.#say('problem', messageOf(error));
    }
  }

  /** Returns the question before a sweep deletes users' data, or ends, with the gateway's current numbers. */
  async #question(action: Action, { by }: { by?: string }): Promise<Question> {
    const { workflowId, type, progress, sweep } = await this.#read();
    const { production, environment } = this.#options;
    if (action === 'cancel')
      return {
        title: 'Cancel this run?',
        description:
          'Calls in progress finish and are recorded; nothing more is started. What was deleted stays deleted, and a run that was cancelled cannot be resumed.',
        shown: workflowId,
      };
    const { total, counts, pausedBecause } = progress ?? { counts: {} };
    const facts: readonly (readonly [string, string | undefined])[] = [
      ['Sweep', workflowId],
      ['Environment', production ?? environment],
      ['Users', total?.toLocaleString('en')],
      ['Source', sweep?.source],
      ['Reason', sweep?.reason],
      ['Options', sweep?.options],
      ['Not done yet', action === 'resume' ? counts['pending']?.toLocaleString('en') : undefined],
      ['Paused because', action === 'resume' ? pausedBecause : undefined],
      ['Approved by', by === undefined ? undefined : `${by} (as typed, not verified)`],
    ];
    return {
      name: type,
      title: action === 'approve' ? 'Approve this sweep?' : 'Resume this sweep?',
      description: `The workers then delete the data of ${action === 'approve' ? 'these users' : 'the users who are not done yet'} at the providers.`,
      shown: facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`])).join('\n'),
      afterwards: 'Deleted data cannot be restored. Pause stops the sweep; calls that were sent are not taken back.',
      ...(production !== undefined && { environment: production }),
    };
  }

  #approval(): HTMLElement {
    const [totalId, byId] = [freshId('total'), freshId('by')];
    const total = element('input', { attributes: { id: totalId, inputmode: 'numeric', autocomplete: 'off' } });
    const by = element('input', { attributes: { id: byId, autocomplete: 'off' } });
    return element(
      'form',
      {
        class: 'approval',
        on: {
          submit: (event) => {
            event.preventDefault();
            void this.#tell('approve', { total: Number(total.value), by: by.value });
          },
        },
      },
      element('label', {
        text: `Enter the number of users (${this.#run.progress?.total?.toLocaleString('en') ?? 'not known yet'}) to approve`,
        attributes: { for: totalId },
      }),
      total,
      element('label', { text: 'Approved by (not verified)', attributes: { for: byId } }),
      by,
      element('button', { text: 'Approve', class: 'danger', attributes: { type: 'submit' } }),
    );
  }

  #rate(): HTMLElement {
    const id = freshId('rate');
    const rate = element('input', { attributes: { id, inputmode: 'numeric', autocomplete: 'off' } });
    return element(
      'form',
      {
        class: 'rate',
        on: {
          submit: (event) => {
            event.preventDefault();
            const text = rate.value.trim();
            void this.#tell('rate', { callsPerMinute: text === '' ? null : Number(text), ...this.#rateKey });
          },
        },
      },
      this.#rateAt,
      element('label', { text: 'Calls a minute (empty: automatic)', attributes: { for: id } }),
      rate,
      element('button', { text: 'Set', attributes: { type: 'submit' } }),
    );
  }

  /** Offers the keys whose rate can be set; without them it is that of the first provider. */
  #showRateKeys(keys: readonly RateKeyLine[]): void {
    const shown = JSON.stringify(keys);
    // What was chosen stays when the run is read again.
    if (keys.length === 0 || shown === this.#rateKeys) return;
    this.#rateKeys = shown;
    const id = freshId('rate-key');
    const names = keys.map(({ service, keySlot }) => (keySlot === undefined ? service : `${service}.${keySlot}`));
    const options = names.map((text, index) => element('option', { text, attributes: { value: String(index) } }));
    const select = element('select', { attributes: { id } }, ...options);
    select.addEventListener('change', () => (this.#rateKey = keys[Number(select.value)]));
    [this.#rateKey] = keys;
    fill(this.#rateAt, element('label', { text: 'Limit calls to', attributes: { for: id } }), select);
  }

  #say(kind: string, text: string): void {
    fill(
      this.#said,
      element('p', { class: kind, text, attributes: { role: kind === 'problem' ? 'alert' : 'status' } }),
    );
  }

  #path(): string {
    return `/api/runs/${encodeURIComponent(this.#run.workflowId)}`;
  }
}
