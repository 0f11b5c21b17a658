import type { SnapshotState } from 'temporal-http-tasks/internal/ledger/sweeps/snapshot-types';
import { snapshotWarnings } from 'temporal-http-tasks/internal/policy/snapshot-report';
import type { SnapshotReport } from 'temporal-http-tasks/internal/policy/snapshot-report';
import type { BadRow } from 'temporal-http-tasks/internal/sources/source';
import type { Io } from '../program/io';
import { printable, say, sayOver } from '../terminal/output';
import { count, counted } from '../terminal/words';

/**
 * Interval between lines of progress, in milliseconds: in a terminal each replaces the one before, otherwise it is a
 * new line.
 */
const TERMINAL_MS = 200;
const LOG_MS = 10_000;

/** Maximum number of bad rows that are printed; all of them are written to a reject file. */
const MOST_PRINTED = 5;

/** Reports on stderr the progress of reading a file, and which of its rows cannot be users. */
export class ReadingReport {
  readonly #io: Io;
  readonly #file: string;
  readonly #printed: Pick<BadRow, 'line' | 'problem'>[] = [];
  #badRows = 0;
  #shownAtMs = performance.now();

  constructor(io: Io, file: string) {
    this.#io = io;
    this.#file = file;
  }

  /** Records a row that cannot be a user. */
  badRow({ line, problem }: Pick<BadRow, 'line' | 'problem'>): void {
    this.#badRows += 1;
    if (this.#printed.length < MOST_PRINTED) this.#printed.push({ line, problem });
  }

  /** Writes a line of progress, unless one was written a moment ago. */
  show(state: SnapshotState): void {
    const { stderr } = this.#io;
    if (performance.now() - this.#shownAtMs < (stderr.isTTY ? TERMINAL_MS : LOG_MS)) return;
    this.#shownAtMs = performance.now();
    if (stderr.isTTY) sayOver(this.#io, this.#line('Reading', state));
    else say(this.#io, this.#line('Reading', state));
  }

  /** Reports the bad rows. Without a state the reading failed, and the caller reports the cause. */
  end(state: SnapshotState | undefined, rejectFile: string | undefined): void {
    sayOver(this.#io, '');
    for (const { line, problem } of this.#printed) say(this.#io, printable(`  line ${line}: ${problem}`));
    const unprinted = this.#badRows - this.#printed.length;
    if (unprinted > 0) say(this.#io, `  and ${count(unprinted)} more`);
    if (this.#badRows > 0)
      say(
        this.#io,
        rejectFile === undefined
          ? '  --reject-file FILE writes all rows that cannot be users.'
          : `  All of them are in ${printable(rejectFile)}.`,
      );
    if (!state) return;
    say(this.#io, this.#line('Read', state));
    for (const line of reportLines(state.report)) say(this.#io, printable(`  ${line}`));
  }

  #line(verb: string, { total, duplicates, rejected }: SnapshotState): string {
    return `${verb} ${printable(this.#file)}: ${counted(total, 'user', 'users')}, ${sourceText({ duplicates, rejected })}.`;
  }
}

/** Returns what is known of a source besides the numbers of its rows: its columns, and warnings. */
export function reportLines(
  report: Pick<SnapshotReport, 'columns' | 'sharedIds' | 'idsInManyRows'> | undefined,
): string[] {
  if (!report) return [];
  const { columns } = report;
  const names = (list: readonly string[]): string => (list.length === 0 ? 'none' : list.join(', '));
  return [
    ...(columns ? [`Columns used: ${names(columns.used)}; ignored: ${names(columns.ignored)}.`] : []),
    ...snapshotWarnings(report).map((warning) => `Warning: ${warning}`),
  ];
}

/** Returns what of a source is not offboarded. */
export function sourceText({ duplicates, rejected }: { duplicates: number; rejected: number }): string {
  return `${none(duplicates, 'duplicate', 'duplicates')}, ${none(rejected, 'invalid row', 'invalid rows')}`;
}

function none(number: number, one: string, many: string): string {
  return number === 0 ? `no ${many}` : counted(number, one, many);
}
