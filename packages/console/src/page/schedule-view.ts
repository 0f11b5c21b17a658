import type { SchedulePage } from '../gateway/wire-operations.js';
import { ask } from './api.js';
import { askAndSend } from './confirm-dialog.js';
import { details, element, fill, table } from './dom.js';
import type { Child } from './dom.js';
import { facts, formOf, StatusLine, textField } from './page-parts.js';
import type { Labelled } from './page-parts.js';
import { ago, when } from './run-steps.js';
import { inWords } from './words.js';

/** Options of the view of a schedule. */
interface ScheduleOptions {
  /** Name of the environment, if it is production. */
  production: string | undefined;
  signal: AbortSignal;
}

/** One schedule: its rules, its next and last runs, and runs to be made up for. */
export class ScheduleView {
  readonly node: HTMLElement;
  readonly #name: string;
  readonly #options: ScheduleOptions;
  readonly #facts = element('div', {}, element('p', { class: 'status running', text: 'Loading the schedule' }));
  readonly #status = new StatusLine();

  constructor(name: string, options: ScheduleOptions) {
    this.#name = name;
    this.#options = options;
    const title = element('h2', { text: name });
    this.node = element(
      'section',
      { class: 'panel', attributes: { 'aria-label': `Schedule ${name}` } },
      title,
      this.#status.node,
      this.#facts,
      details('Backfill missed runs', this.#backfillForm()),
    );
  }

  get #path(): string {
    return `/api/schedules/${encodeURIComponent(this.#name)}`;
  }

  /** Reads the schedule and shows it. */
  async load(): Promise<void> {
    try {
      fill(this.#facts, ...scheduleParts(await ask<SchedulePage>('GET', this.#path, undefined, this.#options.signal)));
    } catch (error) {
      if (this.#options.signal.aborted) return;
      fill(this.#facts);
      this.#status.problem(error);
    }
  }

  #backfillForm(): HTMLElement {
    const from = timeField('From');
    const to = timeField('To');
    return element(
      'div',
      {},
      element('p', {
        class: 'hint',
        text: 'Starts the runs that were missed in a period, for example while the schedule was paused. Each run gets the time it should have started at; they run one after the other.',
      }),
      formOf(
        'Backfill missed runs',
        'Start these runs',
        () => void this.#backfill(from.control.value, to.control.value),
        element('div', { class: 'filters' }, from.node, to.node),
      ),
    );
  }

  async #backfill(from: string, to: string): Promise<void> {
    const environment = this.#options.production;
    const [start, end] = [instantOf(from), instantOf(to)];
    if (start === undefined || end === undefined) {
      this.#status.problem(new Error('Choose both times.'));
      return;
    }
    const question = {
      title: 'Backfill the runs of this period?',
      description: "The runs delete users' data, as the schedule's plan says.",
      shown: `Schedule: ${this.#name}\nFrom: ${when(start)}\nTo: ${when(end)}`,
      name: this.#name,
      ...(environment !== undefined && { environment }),
    };
    try {
      const sent = await askAndSend(question, 'Start the runs', (confirm) =>
        ask<{ document: { runs: number } }>('POST', `${this.#path}/backfill`, { from: start, to: end, confirm }),
      );
      if (!sent) return;
      const { runs } = sent.document;
      this.#status.good(`${runs} ${runs === 1 ? 'run starts' : 'runs start, one after the other'}.`);
      await this.load();
    } catch (error) {
      this.#status.problem(error);
    }
  }
}

/** A moment in the time zone of the browser. */
function timeField(label: string): Labelled<HTMLInputElement> {
  const field = textField(label, { required: true, hint: "In this browser's time zone." });
  field.control.type = 'datetime-local';
  return field;
}

function instantOf(text: string): string | undefined {
  const at = new Date(text);
  return text === '' || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

function scheduleParts(schedule: SchedulePage): Child[] {
  const { times, timezone, jitterMs, overlap, catchupWindowMs, pauseOnFailure, paused, note, input } = schedule;
  const { nextRuns, lastRuns, waiting, started, skippedByOverlap, missedCatchupWindow, taskQueue } = schedule;
  const code = (text: string): HTMLElement => element('code', { text });
  return [
    facts([
      ['When', `${times.join(', ')} (${timezone})`],
      [
        'State',
        element('span', { class: `mark ${paused ? 'run-paused' : 'good'}`, text: paused ? 'Paused' : 'Active' }),
      ],
      ['Note', note],
      ['While a run is in progress', OVERLAPS[overlap] ?? overlap],
      ['Random delay', jitterMs === 0 ? 'None' : `Up to ${durationText(jitterMs)}`],
      ['Catches up on missed starts', `Up to ${durationText(catchupWindowMs)} late`],
      [
        'When a run fails',
        pauseOnFailure ? 'The schedule is paused until it is resumed' : 'The next run starts at its time',
      ],
      [
        'Runs so far',
        `${started.toLocaleString('en')} started, ${skippedByOverlap.toLocaleString('en')} skipped because one was in progress, ${missedCatchupWindow.toLocaleString('en')} missed, ${waiting.toLocaleString('en')} waiting`,
      ],
      [
        'Next runs',
        paused
          ? 'None while it is paused'
          : nextRuns
              .slice(0, 5)
              .map((at) => when(at))
              .join(' · ') || 'None',
      ],
      ['Task queue', code(taskQueue)],
    ]),
    lastRuns.length === 0
      ? element('p', { text: 'No run has started yet.' })
      : table(
          'Recent runs, newest first',
          ['Run', 'Planned for', 'Status', 'Result'],
          [...lastRuns]
            .reverse()
            .map(({ workflowId, scheduledAt, status, why = '' }) => [
              element('a', { text: workflowId, attributes: { href: `#/runs/${encodeURIComponent(workflowId)}` } }),
              element('span', { text: `${when(scheduledAt)} (${ago(scheduledAt)})` }),
              element('span', { class: `mark run-${status}`, text: inWords(status) }),
              why,
            ]),
        ),
    details(
      'Input of each run',
      element('pre', {
        class: 'code',
        text: JSON.stringify(input, undefined, 2),
        attributes: { tabindex: '0', role: 'group', 'aria-label': 'Input of each run' },
      }),
    ),
  ];
}

/** What a schedule does at its time while the run before is in progress. */
const OVERLAPS: Readonly<Record<string, string>> = {
  skip: 'The next one is skipped',
  'buffer-one': 'One waits',
  'buffer-all': 'All wait',
  'cancel-other': 'It is cancelled',
  'terminate-other': 'It is terminated',
  'allow-all': 'Both run',
};

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

function durationText(ms: number): string {
  const [unit, size] = UNITS.find(([, one]) => ms >= one && ms % one === 0) ?? ['ms', 1];
  const count = ms / size;
  return `${count.toLocaleString('en')} ${unit}${count === 1 || unit === 'ms' ? '' : 's'}`;
}
