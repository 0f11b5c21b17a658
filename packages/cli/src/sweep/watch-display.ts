import { SingleBar } from 'cli-progress';
import { bulkWords } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { OutcomeCounts, SweepProgress } from 'temporal-http-tasks/internal/policy/sweep-result';
import { WORST_FIRST } from 'temporal-http-tasks/internal/policy/outcome';
import type { Io } from '../program/io';
import { count, counted, inWords, localTime, pauseWords } from '../terminal/words';
import { fitParts, oneLine, printable, say } from '../terminal/output';
import type { LinePart } from '../terminal/output';

/** Minimum time between two lines of changes outside a terminal, in milliseconds. */
const LOG_MS = 5_000;

/** The period over which the rate is measured, in milliseconds: chunks end in bursts. */
const WINDOW_MS = 20_000;

interface Also {
  trouble?: string | undefined;
  limit?: string | undefined;
}

/** Shows the progress of a sweep on stderr. */
export interface WatchDisplay {
  /**
   * @param also.trouble What blocks the sweep, if anything does.
   * @param also.limit The limit in force for its calls.
   */
  show(progress: SweepProgress, also?: Also): void;
  /** Reports that the progress cannot be read; the sweep itself may be running. */
  problem(text: string): void;
  stop(): void;
}

/** Shows a bar in a terminal, else lines. */
export function showSweep(io: Io): WatchDisplay {
  return io.stderr.isTTY ? new Bar(io) : new Lines(io);
}

/** Width below which the bar is left out in favour of the words, in columns. */
const NARROW = 100;
const BLANKS = 4;

class Bar implements WatchDisplay {
  readonly #bar: SingleBar;
  readonly #barSize: number;
  readonly #stderr: Io['stderr'];
  readonly #meter = new RateMeter();

  constructor({ stderr }: Io) {
    this.#stderr = stderr;
    this.#barSize = stderr.columns < NARROW ? 10 : 24;
    this.#bar = new SingleBar({
      stream: stderr,
      format: '  {bar}  {text}',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: this.#barSize,
      hideCursor: true,
      clearOnComplete: true,
    });
    this.#bar.start(1, 0, { text: 'waiting for the first status' });
  }

  show(progress: SweepProgress, { trouble = '', limit = '' }: Also = {}): void {
    const { total, pending } = progress.counts;
    const done = doneBeforeBulk(progress);
    this.#bar.setTotal(Math.max(1, total));
    const parts = [
      ...progressParts(progress, this.#meter.rate(done)),
      { text: printable(limit), spare: 3 },
      { text: printable(trouble), spare: 0 },
    ];
    // Full only when no user is left: otherwise the last of many users, or a call for all of them, would not be
    // visible.
    const most = pending > 0 ? (total * (this.#barSize - 1)) / this.#barSize : total;
    this.#bar.update(Math.min(done, most), { text: printable(fitParts(parts, this.#room)) });
  }

  problem(text: string): void {
    this.#bar.update({ text: oneLine(printable(text), this.#room) });
  }

  /** Terminals change their width; some wrap after the last column. */
  get #room(): number {
    return this.#stderr.columns - this.#barSize - BLANKS - 1;
  }

  stop(): void {
    this.#bar.stop();
  }
}

class Lines implements WatchDisplay {
  readonly #io: Io;
  readonly #meter = new RateMeter();
  #printed = '';
  #phase = '';
  #printedAtMs = -LOG_MS;

  constructor(io: Io) {
    this.#io = io;
  }

  show(progress: SweepProgress, { trouble, limit }: Also = {}): void {
    const { phase } = progress;
    const rate = this.#meter.rate(doneBeforeBulk(progress));
    // Without the rate, which changes constantly.
    this.#say(
      withMore(withMore(progressText(progress, undefined), limit), trouble && 'trouble'),
      phase,
      withMore(withMore(progressText(progress, rate), limit), trouble),
    );
  }

  problem(text: string): void {
    this.#say(text, text, text);
  }

  stop(): void {
    // Each line is complete by itself.
  }

  #say(what: string, phase: string, line: string): void {
    if (what === this.#printed) return;
    if (phase === this.#phase && performance.now() - this.#printedAtMs < LOG_MS) return;
    this.#printed = what;
    this.#phase = phase;
    this.#printedAtMs = performance.now();
    say(this.#io, `  ${line}`);
  }
}

/** Users a second over the last seconds. */
export class RateMeter {
  readonly #samples: { atMs: number; done: number }[] = [];

  /** Records how many users are done now; returns undefined until there are enough samples. */
  rate(done: number, atMs = performance.now()): number | undefined {
    this.#samples.push({ atMs, done });
    while ((this.#samples[1]?.atMs ?? atMs) < atMs - WINDOW_MS) this.#samples.shift();
    const [first] = this.#samples;
    if (first === undefined || atMs - first.atMs < 1_000) return undefined;
    return Math.max(0, ((done - first.done) / (atMs - first.atMs)) * 1_000);
  }
}

/** Returns one line: how many, how fast, how much longer, the outcomes, and what the sweep waits for. */
export function progressText(progress: SweepProgress, usersPerSecond: number | undefined): string {
  return fitParts(progressParts(progress, usersPerSecond), Infinity);
}

/** Returns its parts; those about the speed can be left out. */
export function progressParts(progress: SweepProgress, usersPerSecond: number | undefined): LinePart[] {
  const { counts, waitingForBulk, waitingForPerson = [] } = progress;
  const words = bulkWords(progress.titles);
  const persons = waitingForPerson.reduce((sum, { users }) => sum + users, 0);
  const done = doneBeforeBulk(progress);
  const [rate = '', left = ''] =
    usersPerSecond === undefined || done === counts.total ? [] : speed(counts.total - done, usersPerSecond);
  return [
    {
      text:
        counts.total > 0
          ? `${count(done)}/${count(counts.total)} users${waitingForBulk > 0 ? ` ${words.done}` : ''}`
          : '',
      spare: 0,
    },
    { text: rate, spare: 2 },
    { text: left, spare: 1 },
    { text: outcomesText(counts), spare: 0 },
    { text: waitingForBulk > 0 ? `${count(waitingForBulk)} ${words.waiting}` : '', spare: 0 },
    { text: persons > 0 ? `${count(persons)} waiting for a manual step` : '', spare: 0 },
    { text: waitsFor(progress), spare: 0 },
  ];
}

/** Returns the number of users who are done, or will be with a bulk call for many of them. */
export function doneBeforeBulk({ counts, waitingForBulk }: Pick<SweepProgress, 'counts' | 'waitingForBulk'>): number {
  return Math.min(counts.total, counts.total - counts.pending + waitingForBulk);
}

function withMore(text: string, more: string | undefined): string {
  return more === undefined || more === '' ? text : `${text} · ${printable(more)}`;
}

function speed(pending: number, usersPerSecond: number): string[] {
  if (usersPerSecond < 0.05) return [];
  const rate = usersPerSecond < 10 ? usersPerSecond.toFixed(1) : count(Math.round(usersPerSecond));
  return [`${rate}/s`, `${durationText(pending / usersPerSecond)} left`];
}

function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}

function outcomesText(counts: OutcomeCounts): string {
  return WORST_FIRST.flatMap((outcome) =>
    counts[outcome] > 0 ? [`${inWords(outcome)} ${count(counts[outcome])}`] : [],
  ).join(', ');
}

/** Returns how many users are tried again, and when; empty when none waits for that. */
export function deferredText({
  counts,
  waitingForBulk = 0,
  nextTryAt,
}: {
  counts: OutcomeCounts;
  waitingForBulk?: number | undefined;
  nextTryAt?: string | undefined;
}): string {
  const deferred = Math.max(0, counts.pending - waitingForBulk);
  const next = nextTryAt === undefined ? 'soon' : `at ${clockText(nextTryAt)}`;
  return deferred > 0 ? `${counted(deferred, 'user', 'users')} to be tried again ${next}` : `next try ${next}`;
}

/** A local time within the next hours; a later one with its date. */
function clockText(iso: string): string {
  const time = localTime(iso);
  return Date.parse(iso) - Date.now() > 43_200_000 ? time : time.slice(time.indexOf(' ') + 1);
}

function waitsFor(progress: SweepProgress): string {
  const { phase, status, pausedBecause, underWay } = progress;
  if (status === 'paused') {
    const why = printable(pauseWords(pausedBecause ?? ''));
    return underWay > 0
      ? `pausing (${why}): ${counted(underWay, 'chunk finishes its', 'chunks finish their')} work in progress`
      : `paused (${why})`;
  }
  switch (phase) {
    case 'reading':
      return 'reading the source';
    case 'waitingForApproval':
      return 'waiting for approval';
    case 'waiting':
      return deferredText(progress);
    case 'bulk':
      return `making the ${bulkWords(progress.titles).calls}`;
    case 'closing':
      return 'sealing the receipts';
    case 'users':
    case 'paused':
    case 'ended':
      return '';
  }
}
