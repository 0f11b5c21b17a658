import type { AboutGateway } from '../gateway/wire.js';
import type { StartedAgain, StopLine, StopState } from '../gateway/wire-operations.js';
import { ask, messageOf, Refused } from './api.js';
import { askAndSend } from './confirm-dialog.js';
import { button, element, fill, table } from './dom.js';
import type { Child } from './dom.js';
import { currentGateway } from './gateways.js';
import { checkField, facts, formOf, StatusLine, textField } from './page-parts.js';
import { ago, when } from './run-steps.js';

const AGAIN_MS = 5_000;

/** Shows on every page that all calls are stopped, or that this cannot be known. */
export class StopBanner {
  readonly #node: Element;
  #shown = '';
  #changed: (state: StopState) => void = () => undefined;

  constructor(node: Element) {
    this.#node = node;
    const again = (): void => void (document.hidden ? undefined : this.read());
    window.setInterval(again, AGAIN_MS);
    document.addEventListener('visibilitychange', again);
  }

  /** @param changed Called with each state that is read, until another one is set. */
  follow(changed: (state: StopState) => void): void {
    this.#changed = changed;
  }

  /** Reads the state and shows it. While the gateway refuses, for example without a token, nothing is known and shown. */
  async read(): Promise<void> {
    const gateway = currentGateway();
    try {
      const state = await ask<StopState>('GET', '/api/stop');
      if (gateway !== currentGateway()) return;
      this.#show(state.inForce, undefined);
      this.#changed(state);
    } catch (error) {
      // Without a token the page asks for it, and nothing else is shown.
      this.#show(undefined, error instanceof Refused && error.status === 401 ? undefined : messageOf(error));
    }
  }

  /** Forgets what was shown, when the page turns to another gateway. */
  clear(): void {
    this.#show(undefined, undefined);
  }

  #show(stop: StopLine | undefined, problem: string | undefined): void {
    const shown = JSON.stringify([stop, problem]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const what = stop
      ? [
          element('b', { text: 'All calls that change something are stopped' }),
          ` since ${when(stop.at)} by `,
          element('bdi', { text: stop.by }),
          ': ',
          element('bdi', { text: stop.reason }),
          '. ',
          element('a', { text: 'Start again', attributes: { href: '#/stop' } }),
        ]
      : problem === undefined
        ? []
        : [`Whether calls are stopped is not known: ${problem}`];
    fill(
      this.#node,
      what.length > 0 &&
        element('p', { class: `stopped ${stop ? 'in-force' : ''}`, attributes: { role: 'status' } }, ...what),
    );
  }
}

/** The emergency stop: stopping all calls that change something, starting again, and earlier stops. */
export class StopView {
  readonly node = element('article', { class: 'page' });
  readonly #about: AboutGateway | undefined;
  readonly #banner: StopBanner;
  readonly #status = new StatusLine();
  readonly #state = element('div', {}, element('p', { class: 'status running', text: 'Loading the state' }));
  readonly #earlier = element('div', {});
  readonly #reason = textField('Reason', { required: true, hint: 'No personal data; the ledger keeps it.' });
  readonly #by = textField('Name', { required: true, hint: 'Who stops or starts. Recorded as typed, not verified.' });
  readonly #resume = checkField('Resume the sweeps that the stop paused');
  #drawn = '';

  /** @param signal Aborts when this view is left. */
  constructor(about: AboutGateway | undefined, banner: StopBanner, signal: AbortSignal) {
    this.#about = about;
    this.#banner = banner;
    this.#resume.control.checked = true;
    banner.follow((state) => this.#draw(state));
    signal.addEventListener('abort', () => banner.follow(() => undefined));
    fill(
      this.node,
      element('h1', { text: 'Emergency stop' }),
      element('p', {
        text: 'Stops every call that changes something, in all workers of this ledger, within five seconds. Sweeps pause, single runs wait, and nothing fails because of it. Reads continue. Deadlines of sweeps are suspended; those of single runs are not.',
      }),
      this.#status.node,
      this.#state,
      this.#earlier,
    );
    void banner.read();
  }

  #draw(state: StopState): void {
    const drawn = JSON.stringify(state);
    // What is typed stays.
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const { known, why, inForce, earlier } = state;
    fill(
      this.#state,
      ...(known
        ? inForce
          ? this.#stopped(inForce)
          : this.#running()
        : [element('p', { class: 'warning', text: why })]),
    );
    fill(
      this.#earlier,
      earlier.length > 0 &&
        table(
          'Earlier stops, newest first',
          ['Stopped', 'By', 'Reason', 'Started again', 'By'],
          earlier.map(({ at, by, reason, liftedAt, liftedBy = '' }) => [
            when(at),
            by,
            reason,
            liftedAt === undefined ? '' : when(liftedAt),
            liftedBy,
          ]),
        ),
    );
  }

  #running(): Child[] {
    return [
      element('p', { class: 'status good', text: 'Not stopped: calls are being sent.' }),
      formOf(
        'Stop all calls',
        { text: 'Stop all calls', class: 'danger' },
        () => void this.#stop(),
        this.#reason.node,
        this.#by.node,
      ),
    ];
  }

  #stopped({ at, by, reason }: StopLine): Child[] {
    return [
      element('p', { class: 'status bad', text: 'Calls that change something are stopped.' }),
      facts([
        ['Since', `${when(at)} (${ago(at)})`],
        ['By', element('bdi', { text: by })],
        ['Reason', element('bdi', { text: reason })],
      ]),
      this.#by.node,
      this.#resume.node,
      element(
        'div',
        { class: 'bar start' },
        button('Start again', () => void this.#start(), { class: 'danger' }),
      ),
    ];
  }

  /** Not confirmed: it can be lifted, and seconds may count. */
  async #stop(): Promise<void> {
    try {
      await ask('POST', '/api/stop', { reason: this.#reason.control.value, by: this.#by.control.value });
      this.#reason.control.value = '';
      this.#status.good('Stopped. Within five seconds, no worker of this ledger sends a call that changes something.');
    } catch (error) {
      this.#status.problem(error);
    }
    await this.#banner.read();
  }

  async #start(): Promise<void> {
    const by = this.#by.control.value.trim();
    if (by === '') {
      this.#status.problem(new Error('Give a name.'));
      this.#by.control.focus();
      return;
    }
    const environment = this.#about?.production;
    const question = {
      title: 'Start again?',
      description: "Runs and sweeps that wait delete users' data again within seconds.",
      name: 'start',
      ...(environment !== undefined && { environment }),
    };
    try {
      const sent = await askAndSend(question, 'Start again', (confirm) =>
        ask<{ document: StartedAgain }>('POST', '/api/start', { by, resume: this.#resume.control.checked, confirm }),
      );
      if (!sent) return;
      const { lifted, resumed, paused } = sent.document;
      const count = (sweeps: readonly string[]): string =>
        `${sweeps.length} ${sweeps.length === 1 ? 'sweep' : 'sweeps'}`;
      this.#status.good(
        [
          lifted ? 'Started again.' : 'Calls were not stopped.',
          ...(resumed.length > 0 ? [`Resumed ${count(resumed)}.`] : []),
          ...(paused.length > 0 ? [`Still paused: ${paused.join(', ')}.`] : []),
        ].join(' '),
      );
    } catch (error) {
      this.#status.problem(error);
    }
    await this.#banner.read();
  }
}
