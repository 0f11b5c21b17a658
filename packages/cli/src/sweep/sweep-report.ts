import { isGood } from 'temporal-http-tasks/internal/policy/offboard-result';
import { OUTCOMES, WORST_FIRST } from 'temporal-http-tasks/internal/policy/outcome';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { snapshotWarnings } from 'temporal-http-tasks/internal/policy/snapshot-report';
import type { RejectedRow, SnapshotReport, SourceColumns } from 'temporal-http-tasks/internal/policy/snapshot-report';
import { bulkWords } from 'temporal-http-tasks/internal/policy/sweep-result';
import type {
  OutcomeCounts,
  SweepProgress,
  SweepResult,
  SweepStatus,
} from 'temporal-http-tasks/internal/policy/sweep-result';
import type { ExitCode, Io } from '../program/io';
import { paint, print, printable, say } from '../terminal/output';
import { printTable } from '../terminal/table';
import { count, counted, inWords, localTime, pauseWords } from '../terminal/words';
import { reportLines, sourceText } from './reading-report';

/** What is known of a sweep besides its state or result. */
export interface SweepNotes {
  report?: SnapshotReport | undefined;
  /** @default false */
  dryRun?: boolean | undefined;
  /** The IDs of its users can no longer be read, for example because a redrive has them. @default false */
  released?: boolean;
}

/** The state or the result of a sweep, as `--json` prints it. */
export interface SweepDocument {
  sweepId: string;
  status: SweepStatus;
  /** Absent unless it is a dry run, which changes nothing. */
  dryRun?: true;
  pausedBecause?: string;
  /** `notApproved`: no approval came in time. */
  cancelledBecause?: 'notApproved';
  /** ISO 8601: until when a sweep that waits for its approval can get it. */
  approveUntil?: string;
  /** Each user counts once; `pending` only while there are any. */
  counts: { total: number; pending?: number } & Record<Outcome, number>;
  duplicates: number;
  rejected: number;
  /** Columns of the source; absent if it has none or the ledger cannot be read. */
  columns?: SourceColumns;
  /** The first rows that cannot be users, by line. */
  rejectedRows?: readonly RejectedRow[];
  /** What to check in the source. */
  warnings?: readonly string[];
  merkleRoot?: string;
}

/**
 * Returns the part of a result or progress that is the contract of `--json`, with the ledger's information about the
 * source.
 */
export function toDocument(
  {
    sweepId,
    status,
    pausedBecause,
    cancelledBecause,
    approveUntil,
    counts,
    duplicates,
    rejected,
    merkleRoot,
  }: SweepResult & Pick<Partial<SweepProgress>, 'approveUntil'>,
  { report, dryRun = false }: SweepNotes = {},
): SweepDocument {
  return {
    sweepId,
    status,
    ...(dryRun && { dryRun }),
    ...(pausedBecause !== undefined && { pausedBecause }),
    ...(cancelledBecause !== undefined && { cancelledBecause }),
    ...(approveUntil !== undefined && { approveUntil }),
    counts: toCounts(counts),
    duplicates,
    rejected,
    ...(report && sourceDocument(report)),
    ...(merkleRoot !== undefined && { merkleRoot }),
  };
}

/** Returns the known facts about a source. */
export function sourceDocument(report: SnapshotReport): Pick<SweepDocument, 'columns' | 'rejectedRows' | 'warnings'> {
  const { columns, rejectedRows } = report;
  const warnings = snapshotWarnings(report);
  return {
    ...(columns && { columns }),
    ...(rejectedRows.length > 0 && { rejectedRows }),
    ...(warnings.length > 0 && { warnings }),
  };
}

/** Returns the counts as `--json` prints them. */
export function toCounts(counts: OutcomeCounts): SweepDocument['counts'] {
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, counts[outcome]])) as Record<Outcome, number>;
  return { total: counts.total, ...(counts.pending > 0 && { pending: counts.pending }), ...outcomes };
}

/** Returns 0 for a sweep that completed or is in progress, 1 for every other. */
export function exitCodeOf(status: SweepStatus): ExitCode {
  return status === 'completed' || status === 'running' ? 0 : 1;
}

function isEnd(status: SweepStatus): boolean {
  return !['running', 'paused', 'waitingForApproval'].includes(status);
}

/** Returns why a sweep did not complete; empty where its status says it. */
function whyPartial({ status, counts, rejected }: SweepResult): string {
  if (status !== 'partial') return '';
  const users = counts.failed + counts.unknown + counts.notFound;
  return [
    ...(users > 0 ? [`${counted(users, 'user needs', 'users need')} attention`] : []),
    ...(rejected > 0 ? [counted(rejected, 'invalid row', 'invalid rows')] : []),
  ].join(', ');
}

/** Prints a sweep: its users by outcome, then further facts. */
export function printSweep(
  io: Io,
  result: SweepResult & Partial<Pick<SweepProgress, 'waitingForBulk' | 'waitingForPerson' | 'titles' | 'approveUntil'>>,
  { report, dryRun = false }: SweepNotes = {},
): void {
  const { status, pausedBecause, counts, duplicates, rejected, merkleRoot, redriveOf, compensationTask } = result;
  const rows = WORST_FIRST.filter((outcome) => counts[outcome] > 0).map((outcome) => [
    paint(io, colourOf(outcome), inWords(outcome)),
    count(counts[outcome]),
  ]);
  const waiting = Math.min(result.waitingForBulk ?? 0, counts.pending);
  const words = bulkWords(result.titles);
  const persons = result.waitingForPerson ?? [];
  const left = counts.pending - waiting - persons.reduce((sum, { users }) => sum + users, 0);
  const pending = [
    ...(waiting > 0 ? [[`${words.done}, ${words.waiting}`, count(waiting)]] : []),
    ...persons.map(({ step, title, users }) => [
      printable(`waiting for a manual step: ${title} (${step})`),
      count(users),
    ]),
    ...(left > 0 ? [['pending', count(left)]] : []),
  ];
  printTable(io, ['Outcome', 'Users'], [...rows, ...pending, ['total', count(counts.total)]]);
  const because = pausedBecause ?? result.cancelledBecause;
  const why = because === undefined ? whyPartial(result) : pauseWords(because);
  print(
    io,
    `Status: ${paint(io, status === 'completed' ? 'green' : 'yellow', inWords(status))}${why === '' ? '' : ` (${printable(why)})`}`,
  );
  if (dryRun) print(io, `Dry run: nothing ${isEnd(status) ? 'was' : 'is'} changed or deleted.`);
  if (result.approveUntil !== undefined)
    print(io, `Approve it before: ${localTime(result.approveUntil)}; later it is cancelled`);
  const name = report?.source === undefined ? '' : `${printable(report.source)}, `;
  print(io, `Source: ${name}${sourceText({ duplicates, rejected })}`);
  for (const line of [...rejectedLines(rejected, report), ...reportLines(report)]) print(io, printable(`  ${line}`));
  if (result.dueAt !== undefined) print(io, `Due by: ${localTime(result.dueAt)}`);
  if (redriveOf !== undefined) print(io, `Redrive of: ${printable(redriveOf)}`);
  if (merkleRoot !== undefined) print(io, `Merkle root: ${printable(merkleRoot)}`);
  if (compensationTask)
    print(
      io,
      printable(
        `Compensation task ${compensationTask.task}: ` +
          (compensationTask.ok ? 'done' : `failed, ${compensationTask.failure?.message ?? ''}`),
      ),
    );
}

/** Returns the first rows that cannot be users, and how many more there are. */
function rejectedLines(rejected: number, report: SnapshotReport | undefined): string[] {
  const { rejectedRows = [] } = report ?? {};
  const more = rejected - rejectedRows.length;
  const lines = rejectedRows.map(({ line, problem }) => `line ${line}: ${problem}`);
  return more > 0 && lines.length > 0 ? [...lines, `and ${count(more)} more`] : lines;
}

/** Prints on stderr what can be done next about a sweep in this state. */
export function sayNextSteps(
  io: Io,
  { sweepId, status, pausedBecause, counts }: SweepResult,
  { dryRun = false, released = false }: SweepNotes = {},
): void {
  const id = printable(sweepId);
  if (status === 'waitingForApproval') {
    say(
      io,
      `Waiting for approval of ${counted(counts.total, 'user', 'users')}: ` +
        `http-tasks sweep approve ${id} --total ${counts.total} --by YOUR_NAME --watch`,
    );
  } else if (status === 'paused') {
    if (pausedBecause === 'stopped')
      say(io, 'Everything is stopped. To lift the stop and resume what it paused: http-tasks start');
    else say(io, `Continue: http-tasks sweep resume ${id} --watch`);
    say(io, `Cancel:   http-tasks sweep cancel ${id}`);
  } else if (isEnd(status)) {
    if (dryRun) say(io, 'To offboard these users, run the same command without --dry-run.');
    if (counts.failed + counts.unknown + counts.notFound > 0)
      say(io, `Needs attention: http-tasks sweep results ${id} --failed`);
    if (counts.failed + counts.unknown > 0 && !dryRun && !released)
      say(io, `Try the failed and unknown users again: http-tasks sweep redrive ${id} --watch`);
    say(io, `Receipts:        http-tasks receipts ${id}`);
    say(io, `Verify them:     http-tasks verify ${id}`);
  }
}

function colourOf(outcome: Outcome): 'green' | 'red' | 'yellow' {
  if (isGood(outcome)) return 'green';
  return outcome === 'failed' || outcome === 'unknown' ? 'red' : 'yellow';
}
