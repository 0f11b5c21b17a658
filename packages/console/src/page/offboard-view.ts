import type { Confirmation, FormField, InputProblem, OffboardingForm, RunPage, StartedRun } from '../gateway/wire.js';
import { ask, messageOf } from './api.js';
import { askFor } from './confirm-dialog.js';
import type { Question } from './confirm-dialog.js';
import { button, element, fill, outsideLink } from './dom.js';
import { keepDraft, readDraft } from './drafts.js';
import { InputForm } from './input-form.js';
import { failureView, stepsView } from './run-steps.js';
import { valueAt, withValueAt } from './json-paths.js';
import type { JsonObject } from './json-paths.js';
import { inWords } from './words.js';

const NAME = 'offboardUser';
const ITEM_OWNERS = [
  ['user', 'plaidUserId'],
  ['user', 'plaidUserToken'],
  ['user', 'ids', 'plaid'],
] as const;
const WAIT_MS = 120;
const FOLLOW_MS = 700;

/** Offboards one user: first a dry run, then, with the user's ID typed, the real run. */
export class OffboardView {
  readonly node: HTMLElement;
  readonly #signal: AbortSignal;
  readonly #content = element('div', {});
  readonly #status = element('div', { attributes: { 'aria-live': 'polite' } });
  readonly #dry = button('Dry run', () => void this.#start(true), { class: 'primary' });
  readonly #real = button('Offboard', () => void this.#start(false), { class: 'danger' });
  #form = new InputForm([], { onChange: () => undefined });
  #place: OffboardingForm = { form: [], rules: [] };
  /** The input of the last dry run, as JSON: only this input may be offboarded. */
  #tried: string | undefined;
  /** What the real run would do, in words. */
  #found = '';
  #timer: number | undefined;
  #busy = false;

  /** @param signal Aborts when this view is left. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    const opened = element(
      'details',
      { class: 'panel offboard' },
      element('summary', { text: 'Offboard one user' }),
      this.#content,
    );
    opened.addEventListener('toggle', () => {
      if (opened.open && this.#place.form.length === 0) void this.#load();
    });
    this.node = opened;
  }

  get #input(): Record<string, unknown> {
    return { user: {}, reason: {}, ...(this.#form.value as object) };
  }

  async #load(): Promise<void> {
    try {
      this.#place = await ask<OffboardingForm>('GET', '/api/offboardings/form', undefined, this.#signal);
    } catch (error) {
      if (!this.#signal.aborted) fill(this.#content, problem(error));
      return;
    }
    const { form, rules, environment, problem: missing } = this.#place;
    this.#form = new InputForm(form, {
      rules,
      isInWords: true,
      value: readDraft(NAME, form),
      onChange: (value) => {
        keepDraft(NAME, form, value);
        this.#changed();
      },
    });
    this.#draw();
    fill(
      this.#content,
      missing === undefined
        ? element('p', {
            class: 'hint',
            text: `Runs with the credentials of the worker, in ${environment}, as the workers recorded or this gateway is configured.`,
          })
        : element('p', { class: 'warning', text: missing }),
      this.#form.node,
      element('div', { class: 'bar' }, this.#dry, this.#real),
      element('p', {
        class: 'hint',
        text: 'A dry run only reads. After it, the same input can be offboarded within the hour.',
      }),
      this.#status,
    );
  }

  #changed(): void {
    this.#draw();
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(
      () => void this.#check(false).catch((error: unknown) => this.#failed(error)),
      WAIT_MS,
    );
  }

  #draw(): void {
    this.#dry.disabled = this.#busy || this.#place.problem !== undefined;
    this.#real.disabled = this.#dry.disabled || this.#tried !== JSON.stringify(this.#input);
  }

  /** Shows the problems; returns whether there are none. */
  async #check(all: boolean): Promise<boolean> {
    const { problems } = await ask<{ problems: InputProblem[] }>(
      'POST',
      '/api/offboardings/check',
      { input: this.#input },
      this.#signal,
    );
    return !this.#form.showProblems(problems, all);
  }

  async #start(dryRun: boolean): Promise<void> {
    window.clearTimeout(this.#timer);
    const input = this.#input;
    try {
      if (!(await this.#check(true))) return;
      const confirm = await this.#confirmed(input, dryRun);
      if (!confirm) return;
      this.#busy = true;
      this.#draw();
      const run = await ask<StartedRun>('POST', '/api/offboardings', { input: { ...input, dryRun }, confirm });
      const page = await this.#follow(run);
      // After a real run another dry run is required.
      this.#tried = dryRun && page.status === 'completed' ? JSON.stringify(input) : undefined;
      this.#found = dryRun ? foundBy(page) : '';
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#busy = false;
      this.#draw();
    }
  }

  #failed(error: unknown): void {
    if (!this.#signal.aborted) fill(this.#status, problem(error));
  }

  /** Returns what was typed; nothing if the dialog is cancelled. */
  async #confirmed(input: Record<string, unknown>, dryRun: boolean): Promise<Confirmation | undefined> {
    const { production = false, environment } = this.#place;
    if (dryRun && !production) return {};
    // The user's ID instead of a word that is always the same; a secret is not shown, so the workflow's name is typed
    // instead.
    const user = this.#place.form.map((field) => typeableId(field, input)).find((id) => id !== undefined);
    const question: Question = {
      title: dryRun ? 'Read this user in production?' : 'Offboard this user?',
      description: dryRun
        ? 'Only reads: nothing is changed.'
        : `${this.#found} In ${environment ?? 'the environment of the worker'}. If a run with this input is in progress, you will follow that one.`,
      shown: JSON.stringify(masked(this.#place.form, input), undefined, 2),
      ...(!dryRun && {
        afterwards: this.#afterwards(input),
        ...(user === undefined ? { name: NAME } : { subject: user }),
      }),
      ...(production && environment !== undefined && { environment }),
    };
    const typed = await askFor(question, dryRun ? 'Read' : 'Offboard');
    if (!typed) return undefined;
    const { subject, ...confirm } = typed;
    return subject === undefined ? confirm : { ...confirm, task: NAME };
  }

  /** What cannot be taken back. */
  #afterwards(input: Record<string, unknown>): string {
    const atPlaid = ITEM_OWNERS.some((path) => valueAt(input, path) !== undefined);
    return atPlaid
      ? 'Removed Items cannot be restored: the person has to connect their accounts again.'
      : 'What is removed cannot be restored.';
  }

  async #follow(run: StartedRun): Promise<RunPage> {
    for (;;) {
      const page = await ask<RunPage>(
        'GET',
        `/api/runs/${encodeURIComponent(run.workflowId)}?runId=${encodeURIComponent(run.runId)}`,
        undefined,
        this.#signal,
      );
      fill(this.#status, runView(run, page));
      if (page.closedAt !== undefined) return page;
      await new Promise((resolve) => window.setTimeout(resolve, FOLLOW_MS));
    }
  }
}

/** The ID in a field, if it names the user and is not a secret. */
function typeableId({ name, path = [name], control, more }: FormField, input: JsonObject): string | undefined {
  const isId = path[0] === 'user' && control === 'text' && more !== true;
  const value = isId ? valueAt(input, path) : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The input as it may be shown. */
function masked(form: readonly FormField[], input: JsonObject): JsonObject {
  const secrets = form.filter(({ control }) => control === 'secret' || control === 'secrets');
  return secrets.reduce((shown, { name, path = [name] }) => {
    return valueAt(shown, path) === undefined ? shown : withValueAt(shown, path, '****');
  }, input);
}

function runView({ joined, workflowId, url }: StartedRun, page: RunPage): HTMLElement {
  const kind = page.closedAt === undefined ? 'running' : page.status === 'completed' ? 'good' : 'bad';
  const isDry = page.closedAt !== undefined && page.status === 'completed' && isDryRun(page);
  return element(
    'div',
    {},
    isDry
      ? element('p', { class: 'status running', text: `Dry run: nothing was changed. ${foundBy(page)}` })
      : element('p', { class: `status ${kind}`, text: inWords(page.status) }),
    element(
      'p',
      { class: 'hint' },
      joined && 'A run with this input was already in progress. ',
      url === undefined ? workflowId : outsideLink(url, `${workflowId} in the Temporal UI`),
    ),
    page.failure && failureView(page.failure),
    stepsView(page),
  );
}

const DRY = 'dryRun';

function isDryRun({ steps }: RunPage): boolean {
  return steps.some(({ message }) => message === DRY);
}

/** Returns what the real run would do, in a sentence. */
function foundBy({ steps }: RunPage): string {
  const acts = steps
    .filter(({ message }) => message === DRY)
    .map(({ step, items }) => (items === undefined ? step : `${step} (${items} ${items === 1 ? 'Item' : 'Items'})`));
  return acts.length === 0
    ? 'There is nothing to remove.'
    : `The real run carries out ${acts.length === 1 ? 'this step' : 'these steps'}: ${acts.join(', ')}.`;
}

function problem(error: unknown): HTMLElement {
  return element('p', { class: 'warning', text: messageOf(error), attributes: { role: 'alert' } });
}
