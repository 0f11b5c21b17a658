import type { DurableCall, RateKeyLine, RunLine, RunPage } from '../gateway/wire.js';
import type { StartedSweep, SweepPlan } from '../gateway/wire-operations.js';
import { durableView } from './response-view.js';
import { ask, download, messageOf } from './api.js';
import { signedApproval, typedApproval } from './approval-form.js';
import type { Approval } from './approval-form.js';
import { askAndSend, askFor } from './confirm-dialog.js';
import type { Question } from './confirm-dialog.js';
import { button, details, element, fill, freshId } from './dom.js';
import type { Child } from './dom.js';
import { facts, textField } from './page-parts.js';
import { progressView } from './run-progress-view.js';
import { ago, failedView, failureView, stepsView, when } from './run-steps.js';
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
  readonly #status = element('div', {});
  readonly #content = element('div', {}, element('p', { class: 'status running', text: 'Loading the run' }));
  #run: RunLine;
  #canRedrive = false;
  #isEvidenceOpen = false;
  /** What has to be signed, and the same as JSON, as it was shown. */
  #toSign: RunPage['toSign'];
  #signs: string | undefined;
  #drawn = '';

  constructor(run: RunLine, options: DetailsOptions) {
    this.#run = run;
    this.#options = options;
    this.node = element(
      'section',
      { class: 'run', attributes: { 'aria-label': run.workflowId } },
      this.#controls,
      this.#status,
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
      if (!this.#options.signal.aborted) this.#showStatus('problem', messageOf(error));
    }
  }

  #read(): Promise<RunPage> {
    const { runId } = this.#run;
    return ask<RunPage>('GET', `${this.#path()}?runId=${encodeURIComponent(runId)}`, undefined, this.#options.signal);
  }

  #show(page: RunPage): void {
    this.#showRateKeys(page.rateKeys ?? []);
    this.#toSign = page.toSign;
    const canRedrive = page.failed?.some(({ outcome }) => REDRIVEN.includes(outcome)) ?? false;
    const signs = JSON.stringify(page.toSign);
    if (canRedrive !== this.#canRedrive || this.#signs !== signs) {
      this.#canRedrive = canRedrive;
      this.#signs = signs;
      fill(this.#controls, ...this.#actions());
    }
    const { failure } = page;
    fill(
      this.#content,
      // A busy worker may have reported to the list and not to this request.
      progressView({ ...this.#run, ...page }),
      page.sweep?.dryRun &&
        element('p', {
          class: 'status running',
          text: `Dry run: nothing ${page.closedAt === undefined ? 'is' : 'was'} changed or deleted.`,
        }),
      failure && failureView(failure),
      failedView(page),
      factsOf(page),
      this.#downloads(page),
      this.#evidence(page),
      stepsView(page),
    );
  }

  /** What was sealed at the end of a sweep; stays open when the run is read again. */
  #evidence(page: RunPage): Child {
    const shown = evidenceView(page);
    if (!shown) return undefined;
    shown.open = this.#isEvidenceOpen;
    shown.addEventListener('toggle', () => (this.#isEvidenceOpen = shown.open));
    return shown;
  }

  #downloads({ type, closedAt, receipts = [] }: RunPage): Child {
    if (receipts.length === 0) return undefined;
    const isSweep = type === 'offboardUsers';
    return element(
      'div',
      { class: 'bar downloads' },
      element('span', { text: 'Download:' }),
      button('CSV', () => this.#download('receipts?format=csv', 'receipts', 'csv')),
      button('JSON lines', () => this.#download('receipts?format=jsonl', 'receipts', 'jsonl')),
      isSweep && button('Report', () => this.#download('report', 'report', 'html')),
      closedAt !== undefined &&
        button('Evidence bundle', () => this.#download('bundle', 'bundle', 'jsonl'), {
          attributes: { title: 'Receipts with their proofs; http-tasks verify --bundle checks it' },
        }),
    );
  }

  #download(path: string, kind: string, ending: string): void {
    const { workflowId } = this.#run;
    this.#showStatus('status running', 'Preparing the file');
    download(`${this.#path()}/${path}`, `${kind}-${workflowId}.${ending}`).then(
      () => this.#showStatus('status good', 'The file is complete.'),
      (error: unknown) => this.#showStatus('problem', messageOf(error)),
    );
  }

  /** Retries the failed and unknown users of a sweep in a new one, which waits for an approval. */
  async #redrive(): Promise<void> {
    const { production } = this.#options;
    const by = textField('Requested by', { hint: 'Recorded as typed, not verified.' });
    const question = {
      title: 'Retry failed and unknown users?',
      description: 'Starts a new sweep with the options of this one. It waits for approval before anything is deleted.',
      shown: this.#run.workflowId,
      fields: [by],
      ...(production !== undefined && { environment: production }),
    };
    try {
      const started = await askAndSend(question, 'Start the sweep', (confirm) => {
        const requestedBy = by.control.value.trim();
        const body = { ...(requestedBy !== '' && { requestedBy }), confirm };
        return ask<StartedSweep>('POST', `${this.#path()}/redrive`, body);
      });
      if (!started) return;
      const { workflowId } = started;
      const link = element('a', { text: workflowId, attributes: { href: `#/runs/${encodeURIComponent(workflowId)}` } });
      fill(
        this.#status,
        element(
          'p',
          { class: 'status good', attributes: { role: 'status' } },
          'Started ',
          link,
          '. It waits for approval.',
        ),
      );
    } catch (error) {
      this.#showStatus('problem', messageOf(error));
    }
  }

  #actions(): Child[] {
    const { type, closedAt, status } = this.#run;
    if (type === 'offboardUsers' && closedAt !== undefined && this.#canRedrive)
      return [button('Retry failed users', () => void this.#redrive())];
    if (closedAt !== undefined || type === 'runHttpTask') return [];
    const cancel = button('Cancel the run', () => void this.#steer('cancel', {}), { class: 'danger-quiet' });
    if (type !== 'offboardUsers') return [cancel];
    if (status === 'waitingForApproval') return [this.#approval(), cancel];
    return [
      status === 'paused'
        ? button('Resume', () => void this.#steer('resume', {}), { class: 'primary' })
        : button('Pause', () => void this.#steer('pause', {})),
      this.#rate(),
      cancel,
    ];
  }

  async #steer(
    action: Action,
    body: { total?: number; by?: string; signature?: string; callsPerMinute?: number | null } & Partial<RateKeyLine>,
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
      this.#showStatus('status good', done || `${inWords(page.status)}${why === undefined ? '' : ` (${why})`}`);
    } catch (error) {
      this.#showStatus('problem', messageOf(error));
    }
  }

  /** Returns the question before a sweep deletes users' data, or ends, with the gateway's current numbers. */
  async #question(action: Action, { by, signature }: { by?: string; signature?: string }): Promise<Question> {
    const { workflowId, type, progress, sweep } = await this.#read();
    const { production, environment } = this.#options;
    if (action === 'cancel')
      return {
        title: 'Cancel this run?',
        description:
          'Calls in progress finish and are recorded; nothing more is started. What was deleted stays deleted, and a run that was cancelled cannot be resumed.',
        shown: workflowId,
        isDangerous: true,
      };
    const { total, counts, pausedBecause } = progress ?? { counts: {} };
    const plan = await this.#plan();
    const facts: readonly (readonly [string, string | undefined])[] = [
      ['Sweep', workflowId],
      ['Environment', production ?? environment],
      ...plan,
      ['Users', total?.toLocaleString('en')],
      ['Source', sweep?.source],
      ['Reason', sweep?.reason],
      ['Options', sweep?.options],
      ['Requested by', sweep?.requestedBy === undefined ? undefined : `${sweep.requestedBy} (not verified)`],
      ['Not done yet', action === 'resume' ? counts['pending']?.toLocaleString('en') : undefined],
      ['Paused because', action === 'resume' ? pausedBecause : undefined],
      [
        'Approved by',
        by === undefined
          ? undefined
          : `${by} (${signature === undefined ? 'as typed, not verified' : 'signed; the worker checks the signature'})`,
      ],
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

  /** What is deleted where, in words; a gateway without commands does not know it. */
  async #plan(): Promise<[string, string][]> {
    const path = `${this.#path()}/plan?runId=${encodeURIComponent(this.#run.runId)}`;
    try {
      const { environment, unknownBecause, removals } = await ask<SweepPlan>(
        'GET',
        path,
        undefined,
        this.#options.signal,
      );
      return [
        ['Workers', environment],
        ...(unknownBecause === undefined ? [] : [['Not known', unknownBecause] satisfies [string, string]]),
        ...removals,
      ];
    } catch (error) {
      return [['What is deleted where', `not known: ${messageOf(error)}`]];
    }
  }

  #approval(): HTMLElement {
    const approve = (approval: Approval): void => void this.#steer('approve', approval);
    return this.#toSign
      ? signedApproval(this.#run, this.#toSign, { approve, refuse: (why) => this.#showStatus('problem', why) })
      : typedApproval(this.#run, approve);
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
            void this.#steer('rate', { callsPerMinute: text === '' ? null : Number(text), ...this.#rateKey });
          },
        },
      },
      this.#rateAt,
      element('label', { text: 'Calls per minute (empty: automatic)', attributes: { for: id } }),
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

  #showStatus(kind: string, text: string): void {
    fill(
      this.#status,
      element('p', { class: kind, text, attributes: { role: kind === 'problem' ? 'alert' : 'status' } }),
    );
  }

  #path(): string {
    return `/api/runs/${encodeURIComponent(this.#run.workflowId)}`;
  }
}

/** Outcomes of steps whose users a redrive tries again. */
const REDRIVEN: readonly string[] = ['failed', 'unknown', 'notFound'];

function factsOf({ startedAt, closedAt, dueBy, sweep, workflowId, runId }: RunPage): HTMLElement {
  return facts([
    ['Workflow ID', element('code', { text: workflowId })],
    ['Run ID', element('code', { text: runId })],
    ['Started', `${when(startedAt)} (${ago(startedAt)})`],
    ['Ended', closedAt === undefined ? undefined : `${when(closedAt)} (${ago(closedAt)})`],
    ['Due', dueBy === undefined ? undefined : `${when(dueBy)} (${ago(dueBy)})`],
    ['Source', sweep?.source],
    ['Reason', sweep?.reason],
    // Any text, as typed.
    [
      'Requested by',
      sweep?.requestedBy === undefined ? undefined : element('bdi', { text: `${sweep.requestedBy} (not verified)` }),
    ],
    ['Options', sweep?.options === undefined ? undefined : element('code', { text: sweep.options })],
  ]);
}

function evidenceView({ evidence }: RunPage): HTMLDetailsElement | undefined {
  if (!evidence) return undefined;
  const { merkleRoot, leaves, head } = evidence;
  return details(
    'Sealed evidence',
    facts([
      ['Merkle root', element('code', { text: merkleRoot })],
      ['Receipts under it', leaves?.toLocaleString('en')],
    ]),
    element('p', { class: 'hint', text: 'Keep the root outside the ledger; http-tasks verify compares with it.' }),
    head &&
      element('pre', {
        class: 'code',
        text: JSON.stringify(head, undefined, 2),
        attributes: { tabindex: '0', role: 'group', 'aria-label': 'Head of the evidence' },
      }),
  );
}
