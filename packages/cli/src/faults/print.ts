import { MARKS } from '@temporal-http-tasks/testing/internal/faults/results';
import type { FaultResults, MatrixRow } from '@temporal-http-tasks/testing/internal/faults/results';
import { CALLS, FLOWS } from '@temporal-http-tasks/testing/internal/oracle/cell';
import type { Flow } from '@temporal-http-tasks/testing/internal/oracle/cell';
import { SingleBar } from 'cli-progress';
import type { Io } from '../program/io';
import { paint, print, say } from '../terminal/output';
import { printTable } from '../terminal/table';

/** Prints the matrix, the numbers that have to be zero, and every wrong cell. */
export function printMatrix(io: Io, results: FaultResults): void {
  for (const flow of FLOWS)
    printFlow(
      io,
      flow,
      results.matrix.filter((row) => row.flow === flow),
    );
  const { numbers, cells, combinations, seed, seconds } = results;
  printTable(
    io,
    ['What', 'How many', ''],
    [
      ...zeros(io, results),
      ['runs that did not complete', String(numbers.runsNotCompleted), ''],
      ['faults met', String(numbers.faultsMet), ''],
      ['calls', String(numbers.calls), ''],
      ['made again: the deadline came before the fault', String(numbers.triedAgain), ''],
    ],
  );
  for (const { call, fault, when, policy, expected, got } of results.failed) {
    print(io, paint(io, 'red', `${call} · ${fault} · ${when} · ${policy}`));
    print(io, `  expected ${expected}`);
    print(io, `  got      ${got}`);
  }
  print(
    io,
    `${cells} cells and ${combinations} combinations of seed ${seed} in ${seconds} s: ` +
      `${results.failed.length === 0 ? 'all correct' : `${results.failed.length} wrong`}.`,
  );
}

function printFlow(io: Io, flow: Flow, rows: readonly MatrixRow[]): void {
  if (rows.length === 0) return;
  const calls = CALLS[flow].filter((call) => rows.some((row) => row.call === call));
  const faults = [...new Set(rows.map(({ fault }) => fault))];
  const cell = (fault: string, call: string): string => {
    const marks = rows.find((row) => row.fault === fault && row.call === call)?.marks;
    return marks === undefined ? '' : inWords(io, marks);
  };
  printTable(
    io,
    [flow === 'sweep' ? 'A sweep' : 'A single run', ...calls],
    faults.map((fault) => [fault, ...calls.map((call) => cell(fault, call))]),
  );
}

/** Returns a mark for each cell: `●` deleted, `○` not deleted and reported so, `✗` wrong. */
function inWords(io: Io, marks: string): string {
  const shown = [...marks]
    .filter((mark) => mark !== MARKS.none)
    .map((mark) => (mark === MARKS.gone ? '●' : mark === MARKS.reported ? '○' : '✗'));
  return paint(io, marks.includes(MARKS.wrong) ? 'red' : 'green', shown.join(''));
}

function zeros(io: Io, { numbers, failed }: FaultResults): string[][] {
  const row = (what: string, value: number): string[] => [
    what,
    String(value),
    value === 0 ? paint(io, 'green', 'ok') : paint(io, 'red', 'not ok'),
  ];
  return [
    row('users lost', numbers.usersLost),
    row('wrongly deleted', numbers.wronglyDeleted),
    row('bystanders touched', numbers.bystandersTouched),
    row('calls unrecorded', numbers.unrecordedCalls),
    row('wrong compensation logs', numbers.wrongCompensations),
    row('wrong', failed.length),
  ];
}

const LINE_EVERY_MS = 10_000;

/** Shows the progress of a long command. */
export interface Progress {
  step(): void;
  stop(): void;
}

/** A bar in a terminal, else a line from time to time; both on stderr. */
export function showProgress(io: Io, total: number, unit: string): Progress {
  return io.stderr.isTTY ? bar(io, total, unit) : lines(io, total, unit);
}

function bar(io: Io, total: number, unit: string): Progress {
  const shown = new SingleBar({
    stream: io.stderr,
    format: `  {bar}  {value}/{total} ${unit} · {duration_formatted}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
  });
  shown.start(total, 0);
  return { step: () => shown.increment(), stop: () => shown.stop() };
}

function lines(io: Io, total: number, unit: string): Progress {
  let done = 0;
  const timer = setInterval(() => say(io, `  ${done}/${total} ${unit}`), LINE_EVERY_MS);
  return {
    step: () => {
      done += 1;
    },
    stop: () => clearInterval(timer),
  };
}
