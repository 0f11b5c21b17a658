import { SingleBar } from 'cli-progress';
import type { OutcomeCounts, SweepProgress } from '../../policy/sweep-result';
import { WORST_FIRST } from '../../policy/worst-outcome';
import type { Io } from '../io';
import { fitParts, oneLine } from '../one-line';
import type { LinePart } from '../one-line';
import { printable, say } from '../output';
import { count } from './reading-report';

/** Where nobody looks on, a line says what has changed, and not more often than this. */
const LOG_MS = 5_000;

/** The rate is that of so long ago until now: chunks end in bursts. */
const WINDOW_MS = 20_000;

/** Shows how a sweep comes along, on stderr. */
export interface WatchDisplay {
  /** @param trouble What keeps the sweep from its work, if anything does. */
  show(progress: SweepProgress, trouble?: string): void;
  /** Something keeps us from looking; the sweep itself may well go on. */
  problem(text: string): void;
  stop(): void;
}

/** A bar where a person looks on, else lines. */
export function showSweep(io: Io): WatchDisplay {
  return io.stderr.isTTY ? new Bar(io) : new Lines(io);
}

/** In a narrow terminal the words are worth more than the bar. */
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
    this.#bar.start(1, 0, { text: 'waiting for the first news' });
  }

  show(progress: SweepProgress, trouble?: string): void {
    const { total } = progress.counts;
    const done = doneWith(progress);
    this.#bar.setTotal(Math.max(1, total));
    const parts = [...progressParts(progress, this.#meter.rate(done)), { text: printable(trouble ?? ''), spare: 0 }];
    this.#bar.update(done, { text: printable(fitParts(parts, this.#room)) });
  }

  problem(text: string): void {
    this.#bar.update({ text: oneLine(printable(text), this.#room) });
  }

  /** Terminals change their width; in the last column some begin a new line. */
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
  #said = '';
  #phase = '';
  #saidAtMs = -LOG_MS;

  constructor(io: Io) {
    this.#io = io;
  }

  show(progress: SweepProgress, trouble?: string): void {
    const { phase } = progress;
    const rate = this.#meter.rate(doneWith(progress));
    // Without the rate, which changes always.
    this.#say(withTrouble(progressText(progress, undefined), trouble && 'trouble'), phase, withTrouble(progressText(progress, rate), trouble));
  }

  problem(text: string): void {
    this.#say(text, text, text);
  }

  stop(): void {
    // Each line stands by itself.
  }

  #say(what: string, phase: string, line: string): void {
    if (what === this.#said) return;
    if (phase === this.#phase && performance.now() - this.#saidAtMs < LOG_MS) return;
    this.#said = what;
    this.#phase = phase;
    this.#saidAtMs = performance.now();
    say(this.#io, `  ${line}`);
  }
}

/** Users a second over the last seconds. */
export class RateMeter {
  readonly #samples: { atMs: number; done: number }[] = [];

  /** Takes note of how many are done now; undefined until that says anything. */
  rate(done: number, atMs = performance.now()): number | undefined {
    this.#samples.push({ atMs, done });
    while ((this.#samples[1]?.atMs ?? atMs) < atMs - WINDOW_MS) this.#samples.shift();
    const [first] = this.#samples;
    if (first === undefined || atMs - first.atMs < 1_000) return undefined;
    return Math.max(0, ((done - first.done) / (atMs - first.atMs)) * 1_000);
  }
}

/** One line for people: how many, how fast, how long still, what came of them, and what the sweep waits for. */
export function progressText(progress: SweepProgress, usersPerSecond: number | undefined): string {
  return fitParts(progressParts(progress, usersPerSecond), Infinity);
}

/** The same in parts, of which those can be spared that only say how fast it goes. */
export function progressParts(progress: SweepProgress, usersPerSecond: number | undefined): LinePart[] {
  const { counts } = progress;
  const done = doneWith(progress);
  const [rate = '', left = ''] = usersPerSecond === undefined || done === counts.total ? [] : speed(counts.total - done, usersPerSecond);
  return [
    { text: counts.total > 0 ? `${count(done)}/${count(counts.total)} users` : '', spare: 0 },
    { text: rate, spare: 2 },
    { text: left, spare: 1 },
    { text: outcomesText(counts), spare: 0 },
    { text: waitsFor(progress), spare: 0 },
  ];
}

/** Users who are done, or will be with a bulk call that takes thousands of them at once. */
function doneWith({ counts, waitingForBulk }: SweepProgress): number {
  return Math.min(counts.total, counts.total - counts.pending + waitingForBulk);
}

function withTrouble(text: string, trouble: string | undefined): string {
  return trouble === undefined ? text : `${text} · ${printable(trouble)}`;
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
  return WORST_FIRST.flatMap((outcome) => (counts[outcome] > 0 ? [`${outcome} ${count(counts[outcome])}`] : [])).join(', ');
}

function waitsFor({ phase, status, pausedBecause, underWay, waitingForBulk, nextTryAt }: SweepProgress): string {
  if (status === 'paused') {
    const why = printable(pausedBecause ?? '');
    return underWay > 0 ? `pausing (${why}): ${underWay} chunks finish what is under way` : `paused (${why})`;
  }
  switch (phase) {
    case 'reading':
      return 'reading the source';
    case 'waitingForApproval':
      return 'waiting for approval';
    case 'waiting':
      return `whoever is left can be tried again at ${nextTryAt ?? 'any moment'}`;
    case 'bulk':
      return `${count(waitingForBulk)} in bulk calls at Batch`;
    case 'closing':
      return 'sealing the receipts';
    case 'users':
    case 'paused':
    case 'ended':
      return waitingForBulk > 0 ? `${count(waitingForBulk)} wait for a bulk call` : '';
  }
}
