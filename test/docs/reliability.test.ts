import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { matrixPage } from '@temporal-http-tasks/cli/internal/faults/matrix-page';
import type { ProcessResults } from '@temporal-http-tasks/lab/internal/processes/run-process-faults';
import type { FaultResults } from '@temporal-http-tasks/testing/internal/faults/results';
import { selectCells } from '@temporal-http-tasks/cli/internal/faults/run';
import { tableRows, unwrapped } from '../support/markdown';

const read = (file: string): string => readFileSync(join(__dirname, '../../docs', file), 'utf8');
const results = JSON.parse(read('fault-matrix.json')) as FaultResults;
const processes = JSON.parse(read('process-faults.json')) as ProcessResults;
const page = read('reliability.md');

const number = (value: number): string => value.toLocaleString('en');

/** Each of these is a row of a table of the page. */
function expectOnPage(rows: readonly (readonly [string, number])[]): void {
  expect(tableRows(page)).toEqual(expect.arrayContaining(rows.map(([what, value]) => [what, number(value)])));
}

it('the recorded results are of every cell that there is, and all of them are as they must be', () => {
  const named = (row: { flow: string; call: string; fault: string }): string => `${row.flow} ${row.call} ${row.fault}`;
  const cells = selectCells();
  expect(results.matrix.map(named).sort()).toEqual([...new Set(cells.map(named))].sort());
  expect(results.cells).toBe(cells.length);
  expect(results.failed).toEqual([]);
  expect(results.matrix.map(({ marks }) => marks).join('')).not.toContain('w');
});

it('the picture is that of the recorded results', () => {
  expect(read('fault-matrix.html')).toBe(matrixPage(results));
});

it('the figures of the page are those of the recorded results', () => {
  const { numbers } = results;
  const rows: [string, number][] = [
    ['cells of the matrix', results.cells],
    ['combinations of faults', results.combinations],
    ['faults met', numbers.faultsMet],
    ['calls made', numbers.calls],
    ['runs that did not complete, each with a true report', numbers.runsNotCompleted],
    ['users lost', numbers.usersLost],
    ['wrongly deleted', numbers.wronglyDeleted],
    ['bystanders touched', numbers.bystandersTouched],
    ['calls unrecorded', numbers.unrecordedCalls],
    ['wrong compensation logs', numbers.wrongCompensations],
    ['runs repeated, because their deadline came before their fault', numbers.triedAgain],
  ];
  expectOnPage(rows);
});

it('the figures of the process faults are those of the recorded results', () => {
  const { disturbances, repeatedCalls, undisturbed, disturbed } = processes;
  expect(processes.ok).toBe(true);
  expect(disturbed.counts).toEqual(undisturbed.counts);
  const rows: [string, number][] = [
    ['users of each sweep', processes.users],
    ['workers killed', disturbances.kills],
    ['times the ledger was away', disturbances.ledgerOutages],
    ['restarts of the Temporal server', disturbances.serverRestarts],
    ['users left', disturbed.usersLeft],
    ['irreversible calls repeated', repeatedCalls.irreversible],
    ['repeat-safe calls repeated', repeatedCalls.repeatSafe],
    ['calls in peace', undisturbed.calls],
    ['calls while disturbed', disturbed.calls],
  ];
  expectOnPage(rows);
});

it('so is the text about the run over Postgres', () => {
  const postgres = JSON.parse(read('process-faults-postgres.json')) as ProcessResults;
  expect(postgres.ok).toBe(true);
  expect(postgres.disturbed.counts).toEqual(postgres.undisturbed.counts);
  const { kills } = postgres.disturbances;
  expect(unwrapped(page)).toContain(
    `${kills} kills, ${number(postgres.users)} users, no irreversible call repeated, ${number(postgres.repeatedCalls.repeatSafe)} repeat-safe ones`,
  );
  expect(postgres.repeatedCalls.irreversible).toBe(0);
});
