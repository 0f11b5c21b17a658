import type { Confirmation, DurableCall, PreparedCall, StartedCall, TaskPage, TestResponse } from '../gateway/wire.js';
import { responseView, durableView } from './response-view.js';
import { ask, messageOf, Refused } from './api.js';
import { historyView, recordCall } from './call-history.js';
import type { PastCall } from './call-history.js';
import { askFor, wantsConfirmation } from './confirm-dialog.js';
import type { Question } from './confirm-dialog.js';
import { button, details, element, fill, outsideLink, table } from './dom.js';
import type { Child } from './dom.js';
import { InputForm } from './input-form.js';
import { SnippetsView } from './snippets-view.js';
import { effectMarks } from './effect-marks.js';
import { keepDraft, readDraft } from './drafts.js';
import { inlineMarkdown, markdown } from './markdown.js';

const WAIT_MS = 120;
const FOLLOW_MS = 600;

/** One task: its reference, the prepared request, its response, and the call as code. */
export class TaskView {
  readonly node: HTMLElement;
  readonly #task: TaskPage;
  readonly #signal: AbortSignal;
  readonly #form: InputForm;
  readonly #snippets = new SnippetsView();
  readonly #request = element('pre', {
    class: 'code',
    attributes: { tabindex: '0', role: 'group', 'aria-label': 'Prepared request' },
  });
  readonly #response = element('section', {
    class: 'panel response-panel',
    attributes: { 'aria-label': 'Response' },
  });
  readonly #buttons: HTMLButtonElement[];
  readonly #history = element('div', {});
  #busy = false;
  #timer: number | undefined;
  #prepared = 0;

  /** @param signal Aborts when this view is left. */
  constructor(task: TaskPage, canRun: boolean, signal: AbortSignal) {
    this.#task = task;
    this.#signal = signal;
    this.#form = new InputForm(task.form, {
      rules: task.rules,
      value: readDraft(task.name, task.form),
      onChange: (value) => {
        keepDraft(task.name, task.form, value);
        this.#changed();
      },
      onSubmit: () => void this.#send('test'),
    });
    this.#response.hidden = true;
    const test = button('Test request', () => void this.#send('test'), { class: 'primary' });
    const run = button('Run as workflow', () => void this.#send('run'), {
      attributes: { title: 'A worker makes the call, with retries, receipts and its own keys' },
    });
    this.#buttons = canRun ? [test, run] : [test];
    const working = element(
      'div',
      { class: 'work' },
      element(
        'section',
        { class: 'panel', attributes: { 'aria-label': 'Request' } },
        this.#form.node,
        element('h2', { class: 'minor', text: 'Prepared request' }),
        this.#request,
        element('div', { class: 'bar send' }, ...this.#buttons),
      ),
      element('div', { class: 'beside' }, this.#response, this.#snippets.node),
    );
    fill(this.#history, historyView());
    this.node = element('article', { class: 'task' }, head(task), working, this.#history, reference(task));
    void this.#prepare(false);
  }

  #changed(): void {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#prepare(false), WAIT_MS);
  }

  /** Returns nothing if the input is invalid, which is then shown, or was changed meanwhile. */
  async #prepare(all: boolean): Promise<PreparedCall | undefined> {
    this.#prepared += 1;
    const mine = this.#prepared;
    try {
      const call = await ask<PreparedCall>(
        'POST',
        `${this.#path()}/prepare`,
        { input: this.#form.value },
        this.#signal,
      );
      if (mine !== this.#prepared) return undefined;
      const isWrong = this.#form.showProblems(call.problems, all);
      this.#snippets.show(call);
      this.#request.textContent = call.request
        ? requestText(call.request)
        : 'Fill in the required fields to see the request.';
      this.#request.classList.toggle('unready', !call.request);
      return isWrong ? undefined : call;
    } catch (error) {
      if (!this.#signal.aborted) this.#show(element('p', { class: 'warning', text: messageOf(error) }));
      return undefined;
    }
  }

  async #send(how: 'test' | 'run'): Promise<void> {
    if (this.#busy) return;
    window.clearTimeout(this.#timer);
    const call = await this.#prepare(true);
    if (!call) return;
    const input = this.#form.value;
    // A durable run uses the workers' environment, whatever the gateway's own keys are for.
    const environment = how === 'run' ? this.#task.workersProduction : undefined;
    const real =
      environment === undefined ? call : { ...call, guard: { ...call.guard, production: true, environment } };
    const confirm = wantsConfirmation(real)
      ? await askFor(questionOf(this.#task, real), how === 'test' ? 'Send request' : 'Run as workflow')
      : {};
    if (!confirm) return;
    // Not disabled: a disabled button loses the focus.
    this.#setBusy(true);
    try {
      if (how === 'test') await this.#test(input, confirm);
      else await this.#run(input, confirm);
    } catch (error) {
      if (!this.#signal.aborted) this.#show(refusalView(error));
    } finally {
      this.#setBusy(false);
    }
  }

  #setBusy(busy: boolean): void {
    this.#busy = busy;
    for (const one of this.#buttons) one.setAttribute('aria-disabled', String(busy));
  }

  async #test(input: unknown, confirm: Confirmation): Promise<void> {
    this.#show(running('Waiting for the response'));
    const response = await ask<TestResponse>('POST', `${this.#path()}/test`, { input, confirm });
    this.#show(responseView(response));
    const { ok, status, reason = '', failure, environment, timeMs, requestId } = response;
    const result = status === undefined ? (failure?.type ?? 'No response') : `${status} ${reason}`.trim();
    this.#record('Test request', { ok, result, environment, timeMs, requestId });
  }

  async #run(input: unknown, confirm: Confirmation): Promise<void> {
    this.#show(running('Starting the workflow'));
    const { workflowId, runId } = await ask<StartedCall>('POST', `${this.#path()}/run`, { input, confirm });
    for (;;) {
      const call = await ask<DurableCall>(
        'GET',
        `/api/calls/${encodeURIComponent(workflowId)}/${encodeURIComponent(runId)}`,
        undefined,
        this.#signal,
      );
      this.#show(durableView(call));
      if (call.status !== 'RUNNING') {
        const { result, failure } = call;
        this.#record('Workflow', {
          ok: result !== undefined,
          result: result ? String(result.status) : (failure?.type ?? call.status.toLowerCase()),
          requestId: result?.requestId,
          workflowId,
        });
        return;
      }
      await new Promise((resolve) => window.setTimeout(resolve, FOLLOW_MS));
    }
  }

  #record(how: PastCall['how'], call: Omit<PastCall, 'task' | 'how' | 'at'>): void {
    recordCall({ ...call, how, task: this.#task.name, at: new Date() });
    fill(this.#history, historyView());
  }

  #show(content: Node): void {
    this.#response.hidden = false;
    fill(this.#response, element('h2', { class: 'minor', text: 'Response' }), content);
  }

  #path(): string {
    return `/api/tasks/${encodeURIComponent(this.#task.name)}`;
  }
}

function running(text: string): HTMLElement {
  return element('p', { class: 'status running', text, attributes: { role: 'status' } });
}

function questionOf({ name, summary, description, remedy }: TaskPage, { request, guard }: PreparedCall): Question {
  return {
    title: `${summary}?`,
    description,
    ...(request && {
      shown: `${request.method} ${request.url}${request.body === undefined ? '' : `\n\n${request.body}`}`,
    }),
    ...(remedy !== '' && { afterwards: remedy }),
    ...(guard.named && { name }),
    ...(guard.production && { environment: guard.environment }),
  };
}

function refusalView(error: unknown): HTMLElement {
  const isSetting = error instanceof Refused && error.error.type === 'Settings';
  return element(
    'p',
    { class: 'warning' },
    messageOf(error),
    isSetting &&
      element('span', {}, ' See ', element('a', { text: 'Credentials', attributes: { href: '#/credentials' } }), '.'),
  );
}

function requestText({ method, url, headers, body }: NonNullable<PreparedCall['request']>): string {
  const lines = [`${method} ${url}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
  return body === undefined ? lines.join('\n') : `${lines.join('\n')}\n\n${pretty(body)}`;
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), undefined, 2);
  } catch {
    return body;
  }
}

function head(task: TaskPage): HTMLElement {
  return element(
    'header',
    { class: 'task-head' },
    element('h1', { text: task.summary }),
    element(
      'p',
      { class: 'route' },
      element('b', { text: task.method }),
      ' ',
      element('code', { text: task.path }),
      ' ',
      ...effectMarks(task).flatMap((mark) => [mark, ' ']),
    ),
    element(
      'p',
      {},
      element('code', { text: task.name }),
      task.docs !== '' && ' · ',
      task.docs !== '' && outsideLink(task.docs, `${task.serviceTitle}'s own documentation`),
    ),
    task.description !== '' && markdown(task.description),
    task.notes !== '' && markdown(task.notes),
    task.effect !== 'read' &&
      element(
        'p',
        { class: 'consequence' },
        element('b', { text: consequenceOf(task) }),
        task.remedy,
        ' ',
        task.lostResponse,
      ),
  );
}

function consequenceOf({ effect, deletes }: TaskPage): string {
  const undone = effect === 'irreversible' ? 'Cannot be undone. ' : '';
  return deletes ? `Deletes data. ${undone}` : undone || 'Changes data. ';
}

/** A name that is not broken at its hyphens. */
function solid(text: string): HTMLElement {
  return element('code', { class: 'nowrap', text });
}

/** The error table, without columns in which this service has nothing. An error without a name is known by its code. */
function failuresTable({ failures: lines }: TaskPage): Child {
  if (lines.length === 0) return undefined;
  const failures = lines.map((line) => (line.error === '' ? { ...line, error: line.code, code: '' } : line));
  const columns = [
    ['Error', 'error'],
    ['HTTP status', 'status'],
    ['Code', 'code'],
    ['Fails with', 'failure'],
    ['What to do', 'advice'],
  ] as const;
  const used = columns.filter(([, field]) => failures.some((line) => line[field] !== ''));
  return table(
    'Errors',
    used.map(([title]) => title),
    failures.map((line) =>
      used.map(([, field]) =>
        field === 'advice' || field === 'status'
          ? line[field] || (field === 'status' ? 'any' : '')
          : line[field] && solid(line[field]),
      ),
    ),
  );
}

function reference(task: TaskPage): HTMLElement {
  const code = (text: string): HTMLElement => element('code', { text });
  const fields = (rows: TaskPage['input']): Child[][] =>
    rows.map(({ field, type, required, description, limits }) => [
      code(field),
      code(type),
      required ? 'yes' : 'no',
      element('span', {}, ...inlineMarkdown([description, limits].filter(Boolean).join(' · '))),
    ]);
  const columns = ['Field', 'Type', 'Required', 'Description'];
  const keys =
    task.settings.length > 0 &&
    element(
      'p',
      {},
      'Credentials, added by the gateway or the worker: ',
      element('code', { text: task.settings.join(', ') }),
    );
  return element(
    'section',
    { class: 'panel reference', attributes: { 'aria-label': 'Reference' } },
    element('h2', { text: 'Reference' }),
    keys,
    ...task.rules.map((rule) => element('p', {}, ...inlineMarkdown(rule))),
    task.servers.length > 0 &&
      table(
        'Servers',
        ['Environment', 'Address'],
        task.servers.map(({ environment, url, production }) => [
          element('span', { class: `mark ${production ? 'production' : 'plain'}`, text: environment }),
          code(url),
        ]),
      ),
    task.headers.length > 0 &&
      table(
        'Request headers',
        ['Header', 'Value', 'Required', 'Description'],
        task.headers.map(({ name, value, required, about }) => [
          solid(name),
          solid(value),
          required ? 'yes' : 'no',
          about,
        ]),
      ),
    task.input.length > 0 && table('Input', columns, fields(task.input)),
    task.output.length > 0 && table('Output', columns, fields(task.output)),
    failuresTable(task),
    details('Limits', element('ul', {}, ...task.limits.map((text) => element('li', { text })))),
  );
}
