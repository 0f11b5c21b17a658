import type { AboutGateway, Confirmation, InputProblem, RunPage } from '../gateway/wire.js';
import type { StartedSweep, SweepForm, SweepPreview, SweepRequest, UploadedFile } from '../gateway/wire-operations.js';
import { ask, messageOf, Refused, upload } from './api.js';
import { askAndSend } from './confirm-dialog.js';
import type { Question } from './confirm-dialog.js';
import { button, details, element, fill } from './dom.js';
import { InputForm } from './input-form.js';
import { StatusLine, warningLines, textField } from './page-parts.js';
import type { JsonObject } from './json-paths.js';
import { RunDetails } from './run-details.js';
import { progressView } from './run-progress-view.js';
import { failedView, failureView } from './run-steps.js';
import { counted, previewView } from './sweep-preview.js';
import { inWords } from './words.js';

const FOLLOW_MS = 700;

/** Starts a sweep: users, plan, preview, dry run, and the real run, which waits for an approval. */
export class SweepView {
  readonly node = element('article', { class: 'page' });
  readonly #about: AboutGateway | undefined;
  readonly #signal: AbortSignal;
  readonly #file = element('input', {
    attributes: {
      type: 'file',
      id: 'sweep-file',
      accept: '.csv,.jsonl,.ndjson,.gz',
      'aria-describedby': 'sweep-file-hint',
    },
  });
  readonly #fileStatus = element('p', { class: 'hint', attributes: { role: 'status' } });
  readonly #source = textField('Or a source that the worker reads', {
    placeholder: 'query:closed_accounts',
    hint: "query:NAME, a query configured for the worker, or file:PATH, a file below the worker's HTTP_TASKS_SOURCE_DIR.",
  });
  readonly #ignore = textField('Columns to ignore', {
    hint: 'Comma-separated. Needed only for columns whose names look like those of IDs.',
  });
  readonly #placeholders = textField('Placeholders to accept as IDs', {
    hint: 'Comma-separated, such as null or 0. Without this, rows that contain one are rejected.',
  });
  readonly #account = textField('Account for rows without one');
  readonly #preview = element('div', { class: 'preview' });
  readonly #status = new StatusLine();
  readonly #result = element('div', {});
  readonly #check = button('Preview', () => void this.#show());
  readonly #dry = button('Dry run', () => void this.#start(true), { class: 'primary' });
  readonly #real = button('Start', () => void this.#start(false), { class: 'danger' });
  #form = new InputForm([], { onChange: () => undefined });
  #place: SweepForm = { form: [], queries: [] };
  #uploaded: UploadedFile | undefined;
  /** What the last completed dry run was about, as JSON: only this may be started. */
  #tried: string | undefined;
  #found = '';
  #busy = false;

  /** @param signal Aborts when this view is left. */
  constructor(about: AboutGateway | undefined, signal: AbortSignal) {
    this.#about = about;
    this.#signal = signal;
    this.#file.addEventListener('change', () => void this.#upload());
    for (const { control } of [this.#source, this.#ignore, this.#placeholders, this.#account])
      control.addEventListener('input', () => this.#draw());
    fill(
      this.node,
      element('h1', { text: 'Start a sweep' }),
      element('p', { class: 'status running', text: 'Loading the form', attributes: { role: 'status' } }),
    );
    void this.#load();
  }

  get #request(): SweepRequest {
    const list = (text: string): string[] =>
      text
        .split(',')
        .map((one) => one.trim())
        .filter(Boolean);
    const [ignoreColumns, allowPlaceholders] = [
      list(this.#ignore.control.value),
      list(this.#placeholders.control.value),
    ];
    const [source, account] = [this.#source.control.value.trim(), this.#account.control.value.trim()];
    return {
      ...(this.#uploaded && { upload: this.#uploaded.upload }),
      ...(source !== '' && { source }),
      // A reason is required; without one the problem is shown at its code.
      plan: { reason: {}, ...(this.#form.value as JsonObject) },
      ...(ignoreColumns.length > 0 && { ignoreColumns }),
      ...(allowPlaceholders.length > 0 && { allowPlaceholders }),
      ...(account !== '' && { account }),
    };
  }

  async #load(): Promise<void> {
    try {
      this.#place = await ask<SweepForm>('GET', '/api/sweeps/form', undefined, this.#signal);
    } catch (error) {
      if (!this.#signal.aborted)
        fill(
          this.node,
          element('h1', { text: 'Start a sweep' }),
          element('p', { class: 'warning', text: messageOf(error) }),
        );
      return;
    }
    const { form, queries, problem } = this.#place;
    this.#form = new InputForm(form, { isInWords: true, onChange: () => this.#draw() });
    if (queries.length > 0) this.#source.control.placeholder = queries.map((name) => `query:${name}`).join(', ');
    fill(
      this.node,
      element('h1', { text: 'Start a sweep' }),
      this.#environment(),
      problem !== undefined && element('p', { class: 'warning', text: problem }),
      this.#users(),
      element(
        'section',
        { class: 'panel', attributes: { 'aria-label': 'What is done for each user' } },
        element('h2', { text: '2. What is done for each user' }),
        this.#form.node,
      ),
      element(
        'section',
        { class: 'panel', attributes: { 'aria-label': 'Check and start' } },
        element('h2', { text: '3. Check, then start' }),
        element('p', {
          class: 'hint',
          text: 'Preview reads the file and shows what would be deleted where. A dry run also reads at the providers, and changes nothing. Within an hour of it you can start the same users with the same plan; the sweep then waits for approval before it deletes anything.',
        }),
        element('div', { class: 'bar' }, this.#check, this.#dry, this.#real),
        this.#status.node,
        this.#preview,
        this.#result,
      ),
    );
    this.#draw();
  }

  #environment(): HTMLElement {
    const { environment, production = false } = this.#place;
    return element(
      'p',
      {},
      'Runs with the credentials of the worker, in ',
      element('span', {
        class: `mark environment ${production ? 'production' : 'plain'}`,
        text: environment ?? 'an unknown environment',
      }),
    );
  }

  #users(): HTMLElement {
    return element(
      'section',
      { class: 'panel', attributes: { 'aria-label': 'Users' } },
      element('h2', { text: '1. Users' }),
      element(
        'div',
        { class: 'field' },
        element('label', { text: 'A file on this machine', attributes: { for: 'sweep-file' } }),
        this.#file,
        element('p', {
          class: 'hint',
          text: 'CSV or JSON lines, also with .gz, up to 64 MB. The gateway keeps it in memory for an hour; its IDs are stored encrypted in the ledger when a sweep reads it.',
          attributes: { id: 'sweep-file-hint' },
        }),
        this.#fileStatus,
      ),
      this.#source.node,
      details('More options', this.#ignore.node, this.#placeholders.node, this.#account.node),
    );
  }

  async #upload(): Promise<void> {
    const file = this.#file.files?.[0];
    this.#uploaded = undefined;
    this.#fileStatus.textContent = file ? `Reading ${file.name}` : '';
    this.#draw();
    if (!file) return;
    try {
      this.#uploaded = await upload<UploadedFile>(file, this.#signal);
      const { name, bytes, digest } = this.#uploaded;
      this.#fileStatus.textContent = `${name} · ${bytes.toLocaleString('en')} bytes · SHA-256 ${digest.slice(0, 12)}…`;
      this.#draw();
      await this.#show();
    } catch (error) {
      if (!this.#signal.aborted) this.#fileStatus.textContent = messageOf(error);
    }
  }

  #draw(): void {
    const { upload: file, source } = this.#request;
    const isReady = !this.#busy && this.#place.problem === undefined && (file !== undefined) !== (source !== undefined);
    this.#check.disabled = !isReady;
    this.#dry.disabled = !isReady;
    this.#real.disabled = !isReady || this.#tried !== JSON.stringify(this.#request);
  }

  /** Shows what a sweep would read and delete; returns whether it would be accepted. */
  async #show(): Promise<boolean> {
    const request = this.#request;
    this.#status.running('Reading the users');
    try {
      const preview = await ask<SweepPreview>('POST', '/api/sweeps/preview', request, this.#signal);
      this.#form.showProblems([], false);
      this.#status.clear();
      fill(this.#preview, previewView(preview));
      return preview.file?.refused === undefined;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  async #start(dryRun: boolean): Promise<void> {
    if (!(await this.#show())) return;
    const request = this.#request;
    try {
      const send = (confirm: Confirmation): Promise<StartedSweep> => {
        this.#busy = true;
        this.#draw();
        fill(this.#result);
        this.#status.running(dryRun ? 'Starting the dry run' : 'Starting the sweep');
        return ask<StartedSweep>('POST', '/api/sweeps', { ...request, dryRun, confirm }, this.#signal);
      };
      const question = this.#question(request, dryRun);
      const started = await (question ? askAndSend(question, dryRun ? 'Read' : 'Start', send) : send({}));
      if (!started) {
        this.#status.clear();
        return;
      }
      const page = await this.#follow(started);
      const isTried = dryRun && ['completed', 'partial', 'held'].includes(page.status);
      // After a real start another dry run is required.
      this.#tried = isTried ? JSON.stringify(request) : undefined;
      if (isTried) this.#found = foundBy(page);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#busy = false;
      this.#draw();
    }
  }

  /** A dry run changes nothing, and is asked about only in production. */
  #question(request: SweepRequest, dryRun: boolean): Question | undefined {
    const { production = false, environment } = this.#place;
    if (dryRun && !production) return undefined;
    return {
      title: dryRun ? 'Read these users in production?' : 'Start this sweep?',
      description: dryRun
        ? 'Only reads: nothing is changed.'
        : `${this.#found} In ${environment ?? 'the environment of the worker'}. The sweep waits for approval before anything is deleted.`,
      shown: [
        `Users: ${this.#uploaded?.name ?? request.source ?? ''}`,
        `Plan: ${JSON.stringify(request.plan, undefined, 2)}`,
      ].join('\n'),
      ...(production && environment !== undefined && { environment }),
    };
  }

  /** Follows a dry run to its end, and another sweep until it waits for its approval. */
  async #follow({ workflowId, dryRun, said: lines }: StartedSweep): Promise<RunPage> {
    const path = `/api/runs/${encodeURIComponent(workflowId)}`;
    const options = {
      production: this.#about?.production,
      environment: this.#about?.environment,
      signal: this.#signal,
    };
    let run: RunDetails | undefined;
    for (;;) {
      const page = await ask<RunPage>('GET', path, undefined, this.#signal);
      this.#status.good(
        dryRun ? `Dry run ${workflowId}: ${inWords(page.status)}` : `${workflowId}: ${inWords(page.status)}`,
      );
      if (dryRun) fill(this.#result, dryRunView(page), warningLines(lines));
      else {
        run ??= new RunDetails(page, options);
        run.update(page);
        if (!run.node.isConnected) fill(this.#result, warningLines(lines), run.node, runsLink(workflowId));
      }
      const isWaiting = !dryRun && page.status === 'waitingForApproval';
      if (page.closedAt !== undefined || isWaiting) return page;
      await new Promise((resolve) => window.setTimeout(resolve, FOLLOW_MS));
    }
  }

  /** Problems of the plan are shown at their fields. */
  #failed(error: unknown): void {
    if (this.#signal.aborted) return;
    const field = error instanceof Refused ? error.error.field : undefined;
    if (field !== undefined && this.#place.form.some(({ name }) => field === name || field.startsWith(`${name}.`))) {
      const problem: InputProblem = { field, message: shortened(messageOf(error), field) };
      this.#form.showProblems([problem], true);
      this.#status.problem(new Error('Correct the marked field.'));
      return;
    }
    this.#status.problem(error);
  }
}

/** `reason.code: must be …` without the field's name and the full stop, which the form adds. */
function shortened(message: string, field: string): string {
  const start = message.lastIndexOf(`${field}: `);
  return (start < 0 ? message : message.slice(start + field.length + 2)).replace(/\.$/, '');
}

function runsLink(workflowId: string): HTMLElement {
  return element(
    'p',
    {},
    element('a', { text: 'Follow it under Runs', attributes: { href: `#/runs/${encodeURIComponent(workflowId)}` } }),
  );
}

function dryRunView(page: RunPage): HTMLElement {
  return element(
    'div',
    {},
    page.closedAt !== undefined && element('p', { text: `Nothing was changed. ${foundBy(page)}` }),
    progressView(page),
    page.failure && failureView(page.failure),
    failedView(page),
  );
}

/** Returns what a dry run found, in a sentence. */
function foundBy({ progress }: RunPage): string {
  const total = progress?.total ?? 0;
  const held = progress?.counts['held'] ?? 0;
  return `The sweep is for ${counted(total)}${held > 0 ? `, of whom ${held.toLocaleString('en')} are on hold and stay` : ''}.`;
}
