import { stringify } from 'csv-stringify/sync';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import { readFailedSteps } from 'temporal-http-tasks/internal/attention/failed-steps';
import type { FailedStep } from 'temporal-http-tasks/internal/attention/failed-steps';
import { inWords } from '../terminal/for-people';
import { withInterruption } from '../terminal/interruption';
import type { Io } from '../program/io';
import { print, printJson, printable, say } from '../terminal/output';
import { checkOutputFile, writeOutputFile } from '../terminal/output-file';
import type { OutputFile } from '../terminal/output-file';
import { printTable } from '../terminal/table';
import { count } from './reading-report';

const SHOWN = 50;
const COLUMNS = ['user', 'reference', 'line', 'step', 'outcome', 'code', 'request_id', 'what_to_do', 'account'];

/**
 * Prints the users of a sweep for whom a step failed, or writes all of them to a CSV file.
 *
 * @param asked.json The document of the whole sweep; printed with the users in `users`, or with `file`, without them.
 */
export async function showFailedUsers(
  io: Io,
  sweeps: SweepLedger,
  { sweepId, json, file }: { sweepId: string; json?: object | undefined; file?: OutputFile | undefined },
): Promise<void> {
  if (file) {
    await checkOutputFile(file);
    await withInterruption(({ signal }) => writeOutputFile(file, csvOf(readFailedSteps(sweeps, sweepId)), signal));
    if (json) printJson(io, { ...json, file: file.path });
    else say(io, printable(`The users with failed steps are in ${file.path}.`));
    return;
  }
  if (json) {
    const users: FailedStep[] = [];
    for await (const step of readFailedSteps(sweeps, sweepId)) users.push(step);
    printJson(io, { ...json, users });
    return;
  }
  const shown: FailedStep[] = [];
  let isCut = false;
  for await (const step of readFailedSteps(sweeps, sweepId)) {
    isCut = shown.length === SHOWN;
    if (isCut) break;
    shown.push(step);
  }
  if (shown.length === 0) {
    print(io, 'No step of any user failed.');
    return;
  }
  printTable(
    io,
    ['User', 'Reference', 'Line', 'Step', 'Outcome', 'Code', 'Request ID', 'What to do'],
    shown.map(({ user, reference = '', line, step, account, outcome, code = '', requestId = '', whatToDo }) => [
      ...[count(user), printable(reference), line === undefined ? '' : count(line)],
      ...[account === undefined ? step : `${step} (${account})`, inWords(outcome), code, requestId, whatToDo],
    ]),
  );
  if (isCut) say(io, `These are the first ${SHOWN} steps. All of them: add --out failed.csv, or --json.`);
}

async function* csvOf(steps: AsyncIterable<FailedStep>): AsyncGenerator<string> {
  yield stringify([COLUMNS]);
  for await (const { user, reference, line, step, outcome, code, requestId, whatToDo, account } of steps)
    yield stringify([[user, reference, line, step, outcome, code, requestId, whatToDo, account].map(cellOf)], {
      escape_formulas: true,
    });
}

function cellOf(value: string | number | undefined): string | number | undefined {
  return typeof value === 'string' ? printable(value) : value;
}
