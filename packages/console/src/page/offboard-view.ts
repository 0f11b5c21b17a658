import type { Confirmation, InputProblem, OffboardingForm, RunPage, StartedRun } from '../gateway/wire.js';
import { ask, messageOf } from './api.js';
import { askFor } from './confirm-dialog.js';
import type { Question } from './confirm-dialog.js';
import { button, element, fill, outsideLink } from './dom.js';
import { InputForm } from './input-form.js';
import { stepsView } from './run-steps.js';

const NAME = 'offboardUser';
const BEARER_TOKEN = 'plaidUserToken';
const WAIT_MS = 120;
const FOLLOW_MS = 700;

/** Offboards one user: a dry run first, then, with its name typed, the real one. */
export class OffboardView {
  readonly node: HTMLElement;
  readonly #signal: AbortSignal;
  readonly #content = element('div', {});
  readonly #said = element('div', { attributes: { 'aria-live': 'polite' } });
  readonly #dry = button('Dry run', () => void this.#start(true), { class: 'primary' });
  readonly #real = button('Off-board', () => void this.#start(false), { class: 'danger' });
  #form = new InputForm([], () => undefined);
  #place: OffboardingForm = { form: [] };
  /** What was tried last, as JSON: only this may be done for real. */
  #tried: string | undefined;
  #timer: number | undefined;
  #busy = false;

  /** @param signal Aborts when the person has left this view. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    const opened = element(
      'details',
      { class: 'panel offboard' },
      element('summary', { text: 'Off-board one user' }),
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
    const { form, environment, problem: missing } = this.#place;
    this.#form = new InputForm(form, () => this.#changed());
    this.#draw();
    fill(
      this.#content,
      missing === undefined
        ? element('p', {
            class: 'hint',
            text: `It goes to ${environment}, by what the workers recorded and this gateway's settings; the keys and the environment of the worker are used.`,
          })
        : element('p', { class: 'warning', text: missing }),
      this.#form.node,
      element('div', { class: 'bar' }, this.#dry, this.#real),
      element('p', {
        class: 'hint',
        text: 'A dry run looks and changes nothing. When it has ended, the same can be done for real.',
      }),
      this.#said,
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

  /** Shows what is wrong; returns whether nothing is. */
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
      // After it was done once, a look is required before it is done again.
      this.#tried = dryRun && page.closedAt !== undefined ? JSON.stringify(input) : undefined;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#busy = false;
      this.#draw();
    }
  }

  #failed(error: unknown): void {
    if (!this.#signal.aborted) fill(this.#said, problem(error));
  }

  /** What was typed; nothing when the person leaves it. */
  async #confirmed(input: Record<string, unknown>, dryRun: boolean): Promise<Confirmation | undefined> {
    const { production = false, environment } = this.#place;
    if (dryRun && !production) return {};
    const question: Question = {
      title: dryRun ? 'Look at this user in production?' : 'Off-board this user?',
      description: dryRun
        ? 'Only reads: nothing is changed.'
        : "Removes the user's Items at Plaid, ends its products and has Batch delete its data, as far as this input says. A run that is under way with the same input is followed instead.",
      shown: JSON.stringify(input, (key, value: unknown) => (key === BEARER_TOKEN ? '****' : value), 2),
      ...(!dryRun && {
        afterwards: 'Removed Items cannot be restored: the person has to connect their accounts again.',
        name: NAME,
      }),
      ...(production && environment !== undefined && { environment }),
    };
    return askFor(question, dryRun ? 'Look' : 'Off-board');
  }

  async #follow(run: StartedRun): Promise<RunPage> {
    for (;;) {
      const page = await ask<RunPage>(
        'GET',
        `/api/runs/${encodeURIComponent(run.workflowId)}?runId=${encodeURIComponent(run.runId)}`,
        undefined,
        this.#signal,
      );
      fill(this.#said, runView(run, page));
      if (page.closedAt !== undefined) return page;
      await new Promise((resolve) => window.setTimeout(resolve, FOLLOW_MS));
    }
  }
}

function runView({ joined, workflowId, url }: StartedRun, page: RunPage): HTMLElement {
  const kind = page.closedAt === undefined ? 'running' : page.status === 'completed' ? 'good' : 'bad';
  return element(
    'div',
    {},
    element('p', { class: `status ${kind}`, text: page.status }),
    element(
      'p',
      { class: 'hint' },
      joined && 'It was under way already with this input. ',
      url === undefined ? workflowId : outsideLink(url, `${workflowId} in the Temporal UI`),
    ),
    stepsView(page),
  );
}

function problem(error: unknown): HTMLElement {
  return element('p', { class: 'warning', text: messageOf(error), attributes: { role: 'alert' } });
}
