import type { AboutGateway } from '../gateway/wire.js';
import type { ScheduleLine, SweepForm } from '../gateway/wire-operations.js';
import { ask, messageOf } from './api.js';
import { askAndSend } from './confirm-dialog.js';
import { button, details, element, fill, table } from './dom.js';
import type { Child } from './dom.js';
import { InputForm } from './input-form.js';
import { checkField, choiceField, formOf, StatusLine, warningLines, textField } from './page-parts.js';
import { when } from './run-steps.js';
import { ScheduleView } from './schedule-view.js';
import { inWords } from './words.js';

const AGAIN_MS = 3_000;

type Action = 'pause' | 'resume' | 'trigger' | 'delete';

/** Schedules of sweeps: all of them and the runs of one, creating one, and pausing, resuming, starting and deleting one. */
export class SchedulesView {
  readonly node = element('article', { class: 'page wide' });
  readonly #signal: AbortSignal;
  readonly #production: string | undefined;
  readonly #list = element('div', {}, element('p', { class: 'status running', text: 'Loading the schedules' }));
  readonly #status = new StatusLine();
  readonly #creation = element('div', {});
  /** The schedule that is looked at. */
  readonly #shown = element('div', {});
  #drawn = '';
  #plan = new InputForm([], { onChange: () => undefined });

  /** @param signal Aborts when this view is left. */
  constructor(about: AboutGateway | undefined, signal: AbortSignal) {
    this.#signal = signal;
    this.#production = about?.production;
    const creation = details('Create a schedule', this.#creation);
    creation.addEventListener('toggle', () => {
      if (this.#creation.childElementCount === 0) void this.#prepare();
    });
    fill(
      this.node,
      element('h1', { text: 'Schedules' }),
      element('p', {
        text: 'Sweeps that Temporal starts at set times. Each run reads its source again and leaves out users who were done after their closed_at.',
      }),
      this.#status.node,
      creation,
      this.#list,
      this.#shown,
    );
    void this.#follow();
  }

  /** Temporal lists a new schedule within a second or two, and runs come and go. */
  async #follow(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#load();
      await new Promise((resolve) => window.setTimeout(resolve, AGAIN_MS));
    }
  }

  async #load(): Promise<void> {
    try {
      const schedules = await ask<ScheduleLine[]>('GET', '/api/schedules', undefined, this.#signal);
      const shown = JSON.stringify(schedules);
      // The subject of a dialog, and a button with the focus, stay.
      const isUsed = this.#list.contains(document.activeElement) || document.querySelector('dialog[open]') !== null;
      if (shown === this.#drawn || isUsed) return;
      this.#drawn = shown;
      this.#draw(schedules);
    } catch (error) {
      if (!this.#signal.aborted) fill(this.#list, element('p', { class: 'warning', text: messageOf(error) }));
    }
  }

  #draw(schedules: readonly ScheduleLine[]): void {
    const rows = schedules.map((schedule): Child[] => {
      const { name, times, timezone, paused, note = '', nextRun, lastRun, lastStatus, lastWhy } = schedule;
      return [
        element('b', { text: name }),
        element('span', {}, element('span', { class: 'nowrap', text: times.join(', ') }), ` (${timezone})`),
        paused
          ? element('span', { class: 'mark run-paused', text: 'Paused' })
          : nextRun === undefined
            ? 'None'
            : when(nextRun),
        lastRun === undefined ? 'None yet' : this.#lastRun(lastRun, lastStatus, lastWhy),
        note,
        this.#actions(schedule),
      ];
    });
    fill(
      this.#list,
      rows.length === 0
        ? element('p', { text: 'There are no schedules of sweeps.' })
        : table('Schedules', ['Name', 'When', 'Next run', 'Last run', 'Note', 'Actions'], rows),
    );
  }

  #lastRun(workflowId: string, status = '', why?: string): HTMLElement {
    return element(
      'span',
      {},
      element('span', { class: `mark run-${status}`, text: inWords(status) }),
      ' ',
      element('a', {
        text: why ?? workflowId,
        attributes: { href: `#/runs/${encodeURIComponent(workflowId)}`, title: workflowId },
      }),
    );
  }

  #actions({ name, paused }: ScheduleLine): HTMLElement {
    const change = (action: Action, text: string, kind = ''): HTMLElement =>
      button(text, () => void this.#change(name, action), {
        class: kind,
        attributes: { 'aria-label': `${text} ${name}` },
      });
    return element(
      'div',
      { class: 'bar' },
      button('Details', () => void this.#show(name), { attributes: { 'aria-label': `Details of ${name}` } }),
      paused ? change('resume', 'Resume') : change('pause', 'Pause'),
      change('trigger', 'Run now'),
      change('delete', 'Delete', 'danger-quiet'),
    );
  }

  async #show(name: string): Promise<void> {
    const view = new ScheduleView(name, { production: this.#production, signal: this.#signal });
    fill(this.#shown, view.node);
    await view.load();
    view.node.scrollIntoView({ block: 'nearest' });
  }

  async #change(name: string, action: Action): Promise<void> {
    const { title, description, how, done } = WORDS[action];
    const starts = action === 'resume' || action === 'trigger';
    const environment = this.#production;
    const note = textField('Note', { hint: 'Why it is paused. Replaces the note of the schedule.' });
    const question = {
      title,
      description,
      shown: `Schedule: ${name}`,
      isDangerous: action === 'delete',
      ...(action === 'pause' && { fields: [note] }),
      ...(starts && { name }),
      ...(starts && environment !== undefined && { environment }),
    };
    const path = `/api/schedules/${encodeURIComponent(name)}/${action}`;
    try {
      const sent = await askAndSend(question, how, (confirm) =>
        ask<object>('POST', path, { confirm, note: note.control.value }),
      );
      if (!sent) return;
      this.#status.good(`${name}: ${done}`);
      fill(this.#shown);
      await this.#load();
    } catch (error) {
      this.#status.problem(error);
    }
  }

  async #prepare(): Promise<void> {
    try {
      const { form, queries } = await ask<SweepForm>('GET', '/api/sweeps/form', undefined, this.#signal);
      this.#plan = new InputForm(form, { isInWords: true, onChange: () => undefined });
      fill(this.#creation, this.#form(queries));
    } catch (error) {
      if (!this.#signal.aborted) fill(this.#creation, element('p', { class: 'warning', text: messageOf(error) }));
    }
  }

  #form(queries: readonly string[]): HTMLElement {
    const name = textField('Name', { required: true, placeholder: 'nightly' });
    const kind = choiceField('When', { cron: 'At set times (cron expression)', every: 'At intervals' });
    const time = textField('Cron expression or interval', {
      required: true,
      placeholder: '0 3 * * *',
      hint: 'Minute, hour, day of month, month, day of week, such as 0 3 * * *; or an interval, such as 24h.',
    });
    const timezone = textField('Time zone', {
      placeholder: 'Europe/Paris',
      hint: 'Of the cron expression. Empty: UTC.',
    });
    const source = textField('Source', {
      required: true,
      placeholder: 'query:closed_accounts',
      suggestions: queries.map((query) => `query:${query}`),
      hint: 'query:NAME or file:PATH of the worker; each run reads it again.',
    });
    const note = textField('Note');
    const paused = checkField('Create it paused');
    const approval = checkField('Each run waits for approval');
    const pauseOnFailure = checkField(
      'Pause the schedule when a run fails; later runs do not start until it is resumed',
    );
    return formOf(
      'Create a schedule',
      'Create the schedule',
      () =>
        void this.#create({
          name: name.control.value.trim(),
          [kind.control.value]: time.control.value.trim(),
          timezone: timezone.control.value.trim(),
          source: source.control.value.trim(),
          note: note.control.value,
          paused: paused.control.checked,
          pauseOnFailure: pauseOnFailure.control.checked,
          approval: approval.control.checked,
        }),
      name.node,
      kind.node,
      time.node,
      timezone.node,
      source.node,
      note.node,
      approval.node,
      paused.node,
      pauseOnFailure.node,
      element('h2', { text: 'What is done for each user' }),
      this.#plan.node,
    );
  }

  async #create({ approval, ...wanted }: Record<string, unknown> & { name: string; approval: boolean }): Promise<void> {
    const environment = this.#production;
    const { name } = wanted;
    if (name === '') return;
    const plan = { reason: {}, ...(this.#plan.value as object), ...(approval && { approval }) };
    const question = {
      title: 'Create this schedule?',
      description: approval
        ? "Its runs delete users' data, each after an approval."
        : "Its runs delete users' data without an approval, unless the policy of the workers requires one.",
      shown: JSON.stringify({ ...wanted, plan }, undefined, 2),
      name,
      ...(environment !== undefined && { environment }),
    };
    try {
      const sent = await askAndSend(question, 'Create the schedule', (confirm) =>
        ask<{ said: string[] }>('POST', '/api/schedules', { ...wanted, plan, confirm }),
      );
      if (!sent) return;
      const { said: lines } = sent;
      this.#status.good(`The schedule ${name} was created.`);
      this.#status.node.append(...[warningLines(lines)].filter((node) => node instanceof Node));
      await this.#load();
    } catch (error) {
      this.#status.problem(error);
    }
  }
}

const WORDS: Readonly<Record<Action, { title: string; description: string; how: string; done: string }>> = {
  pause: {
    title: 'Pause this schedule?',
    description: 'No run starts until it is resumed. A run in progress continues.',
    how: 'Pause',
    done: 'paused',
  },
  resume: {
    title: 'Resume this schedule?',
    description:
      "Its runs delete users' data again. Runs missed meanwhile are not started; backfill them in the details.",
    how: 'Resume',
    done: 'resumed',
  },
  trigger: {
    title: 'Start a run now?',
    description: "The run deletes users' data, as the schedule's plan says.",
    how: 'Run now',
    done: 'a run was started',
  },
  delete: {
    title: 'Delete this schedule?',
    description: 'No run starts any more. A run in progress continues, and receipts stay.',
    how: 'Delete',
    done: 'deleted',
  },
};
