import { CALLS, FLOWS } from '@temporal-http-tasks/testing/internal/oracle/cell';
import type { Flow } from '@temporal-http-tasks/testing/internal/oracle/cell';
import type { Io } from '../io';
import { paint, print } from '../output';
import { printTable } from '../table';
import { MARKS } from '@temporal-http-tasks/testing/internal/faults/results';
import type { FaultResults, MatrixRow } from '@temporal-http-tasks/testing/internal/faults/results';

/** Prints the matrix, the numbers that have to be zero, and every cell that is not as it must be. */
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
    ],
  );
  for (const { call, fault, when, policy, expected, got } of results.failed) {
    print(io, paint(io, 'red', `${call} · ${fault} · ${when} · ${policy}`));
    print(io, `  expected ${expected}`);
    print(io, `  got      ${got}`);
  }
  print(
    io,
    `${cells} cells and ${combinations} combinations of seed ${seed} in ${seconds} s: ${results.failed.length === 0 ? 'all as they must be' : `${results.failed.length} not as they must be`}.`,
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

/** As many marks as there are cells: `●` gone, `○` not gone and truly reported, `✗` wrong. */
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
    row('not as they must be', failed.length),
  ];
}
