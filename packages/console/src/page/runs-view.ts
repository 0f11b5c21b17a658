import type { AboutGateway, RunLine, RunPage, StartForms } from '../gateway/wire.js';
import { ask, messageOf } from './api.js';
import { askFor } from './confirm-dialog.js';
import type { Question } from './confirm-dialog.js';
import { button, element, fill, freshId, outsideLink } from './dom.js';
import type { Child } from './dom.js';
import { OffboardView } from './offboard-view.js';
import { stepsView, when } from './run-steps.js';

const AGAIN_MS = 3_000;

/** Offboardings and sweeps, newest first; looked at again while the page is open. */
export class RunsView {
  readonly node = element('article', { class: 'page' });
  readonly #list = element('div', { class: 'cards runs' });
  readonly #said = element('p', { class: 'problem', attributes: { role: 'alert' } });
  readonly #links = element('p', { class: 'hint' });
  readonly #signal: AbortSignal;
  readonly #where: Pick<Question, 'environment'>;

  constructor(about: AboutGateway | undefined, signal: AbortSignal) {
    this.#signal = signal;
    this.#where = about?.production === undefined ? {} : { environment: about.production };
    fill(
      this.node,
      element('h1', { text: 'Runs' }),
      this.#links,
      about?.temporal && new OffboardView(signal).node,
      this.#said,
      this.#list,
    );
    if (about?.temporal?.ui !== undefined) void this.#link();
    void this.#follow();
  }

  /** Without a server there are no links; that it is away is said by the list. */
  async #link(): Promise<void> {
    try {
      fill(this.#links, ...startLinks(await ask<StartForms>('POST', '/api/start-forms', {}, this.#signal)));
    } catch {
      fill(this.#links);
    }
  }

  async #follow(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        const runs = await ask<RunLine[]>('GET', '/api/runs', undefined, this.#signal);
        this.#said.textContent = '';
        // A field that is being typed in, and the card that a dialog belongs to, must stay.
        if (!this.#list.contains(document.activeElement) && !document.querySelector('dialog[open]')) this.#draw(runs);
      } catch (error) {
        if (!this.#signal.aborted) this.#said.textContent = messageOf(error);
      }
      await new Promise((resolve) => window.setTimeout(resolve, AGAIN_MS));
    }
  }

  #draw(runs: readonly RunLine[]): void {
    const open = new Set(
      [...this.#list.querySelectorAll<HTMLElement>('[data-open=true]')].map(({ dataset }) => dataset['run']),
    );
    if (runs.length === 0)
      fill(
        this.#list,
        element('p', {
          text: 'No run yet. Start one with http-tasks offboard, http-tasks sweep, or in the Temporal UI.',
        }),
      );
    else fill(this.#list, ...runs.map((run) => runCard(run, open.has(run.runId), this.#where)));
  }
}

const FORMS: Readonly<Record<string, string>> = {
  offboardUser: 'off-board one user',
  offboardUsers: 'sweep',
  runHttpTask: 'call one task',
};

function startLinks({ workflows }: StartForms): Child[] {
  const links = workflows
    .flatMap(({ workflowType, url }) => [' · ', outsideLink(url, FORMS[workflowType] ?? workflowType)])
    .slice(1);
  return ['Start in the Temporal UI, with an example in the form that changes nothing: ', ...links];
}

function runCard(run: RunLine, open: boolean, where: Pick<Question, 'environment'>): HTMLElement {
  const more = element('div', {});
  const card = element('section', {
    class: 'panel run',
    attributes: { 'aria-label': run.workflowId, 'data-run': run.runId, 'data-open': 'false' },
  });
  const show = (page: RunPage): void => {
    card.dataset['open'] = 'true';
    // The list contains the state of those in progress; for the others it would have to ask one by one.
    fill(more, run.progress === undefined && progressOf(page), stepsView(page));
  };
  const load = async (): Promise<void> => {
    try {
      show(
        await ask<RunPage>(
          'GET',
          `/api/runs/${encodeURIComponent(run.workflowId)}?runId=${encodeURIComponent(run.runId)}`,
        ),
      );
    } catch (error) {
      fill(more, element('p', { class: 'problem', text: messageOf(error) }));
    }
  };
  fill(
    card,
    element(
      'div',
      { class: 'bar' },
      element('h2', {}, run.url === undefined ? run.workflowId : outsideLink(run.url, run.workflowId)),
      element('span', { class: `mark run-${run.status}`, text: run.status }),
    ),
    element('p', {
      class: 'hint',
      text: `${run.type === 'offboardUsers' ? 'Sweep' : 'One user'} · ${when(run.startedAt)}${run.closedAt === undefined ? '' : ` to ${when(run.closedAt)}`}`,
    }),
    progressOf(run),
    element(
      'div',
      { class: 'bar' },
      ...(run.type === 'offboardUsers' && run.closedAt === undefined ? controls(run, more, where) : []),
      button('Details', () => void load(), { class: 'quiet' }),
    ),
    element('p', { class: 'hint' }, 'Receipts: ', element('code', { text: `http-tasks receipts ${run.workflowId}` })),
    more,
  );
  if (open) void load();
  return card;
}

function controls(run: RunLine, said: HTMLElement, where: Pick<Question, 'environment'>): Child[] {
  const { workflowId, runId } = run;
  const tell = (action: Action, body: object): void => {
    // The run that is shown, not another one that was started under the same ID meanwhile.
    const send = async (): Promise<RunPage | undefined> => {
      const confirm =
        action === 'pause' ? {} : await askFor({ ...questionOf(run, action, body), ...where }, WORDS[action]);
      return (
        confirm &&
        ask<RunPage>('POST', `/api/runs/${encodeURIComponent(workflowId)}/${action}`, { runId, ...body, confirm })
      );
    };
    send().then(
      (page) =>
        page &&
        fill(
          said,
          element('p', {
            class: 'status good',
            text: `${page.status}${page.progress?.pausedBecause === undefined ? '' : ` (${page.progress.pausedBecause})`}`,
          }),
        ),
      (error: unknown) =>
        fill(said, element('p', { class: 'problem', text: messageOf(error), attributes: { role: 'alert' } })),
    );
  };
  if (run.status === 'waitingForApproval') return [approval(run, tell)];
  return [
    run.status === 'paused'
      ? button('Resume', () => tell('resume', {}), { class: 'primary' })
      : button('Pause', () => tell('pause', {})),
  ];
}

type Action = 'approve' | 'resume' | 'pause';
const WORDS: Readonly<Record<Action, string>> = { approve: 'Approve', resume: 'Resume', pause: 'Pause' };

/** What is asked before a sweep is made to remove users' data. */
function questionOf({ workflowId, progress }: RunLine, action: Action, body: { by?: string }): Question {
  const { total, counts, pausedBecause } = progress ?? { counts: {} };
  const pending = counts['pending'];
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Sweep', workflowId],
    ['Users', total?.toLocaleString('en')],
    ['Not done yet', action === 'resume' ? pending?.toLocaleString('en') : undefined],
    ['Paused because', action === 'resume' ? pausedBecause : undefined],
    ['Approved by', body.by === undefined ? undefined : `${body.by} (as typed, not verified)`],
  ];
  return {
    name: 'offboardUsers',
    title: action === 'approve' ? 'Approve this sweep?' : 'Resume this sweep?',
    description: `The workers then remove the data of ${action === 'approve' ? 'these users' : 'the users who are not done yet'} at the providers.`,
    shown: facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`])).join('\n'),
    afterwards: 'What was removed cannot be restored. Pause stops the sweep; calls that were sent are not taken back.',
  };
}

function approval(run: RunLine, tell: (action: Action, body: { total: number; by: string }) => void): HTMLElement {
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
          tell('approve', { total: Number(total.value), by: by.value });
        },
      },
    },
    element('label', {
      text: `Type ${run.progress?.total ?? 'the number of users'} to approve`,
      attributes: { for: totalId },
    }),
    total,
    element('label', { text: 'Your name, recorded as typed and not verified', attributes: { for: byId } }),
    by,
    element('button', { text: 'Approve', class: 'danger', attributes: { type: 'submit' } }),
  );
}

const WAITING = 'waiting for bulk calls';
const GOOD = new Set(['removed', 'alreadyGone', 'accepted', 'skipped', 'held']);

function progressOf({ progress }: RunLine): Child {
  if (!progress) return undefined;
  const { total, counts, phase, pausedBecause, approvedBy, waitingForBulk = 0 } = progress;
  const pending = Math.max(0, (counts['pending'] ?? 0) - waitingForBulk);
  const shown = Object.entries({ ...counts, pending, [WAITING]: waitingForBulk }).filter(([, number]) => number > 0);
  const words = shown.map(([name, number]) =>
    element('li', {
      class: name === 'pending' || name === WAITING || GOOD.has(name) ? '' : 'bad',
      text: `${number.toLocaleString('en')} ${name}`,
    }),
  );
  const done = total === undefined ? 0 : total - (counts['pending'] ?? 0);
  return element(
    'div',
    {},
    total !== undefined &&
      element('progress', {
        attributes: { max: String(Math.max(total, 1)), value: String(done), 'aria-label': `${done} of ${total} users` },
      }),
    total !== undefined &&
      element('p', {
        class: 'hint',
        text: `${done.toLocaleString('en')} of ${total.toLocaleString('en')} users${phase === undefined ? '' : ` · ${phase}`}${pausedBecause === undefined ? '' : ` · paused: ${pausedBecause}`}`,
      }),
    element('ul', { class: 'counts' }, ...words),
    // The person who approves can type any name.
    approvedBy !== undefined &&
      element('p', { class: 'hint' }, 'Approved by ', element('bdi', { text: approvedBy }), ' (a claim: not verified)'),
  );
}
