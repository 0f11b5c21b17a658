import { stringify } from 'csv-stringify/sync';
import { remedyFor } from '@temporal-http-tasks/evidence/internal/report/remedy';
import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { RowLabel } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { inWords } from '../terminal/for-people';
import { withInterruption } from '../terminal/interruption';
import type { Io } from '../program/io';
import { print, printJson, printable, say } from '../terminal/output';
import { checkOutputFile, writeOutputFile } from '../terminal/output-file';
import type { OutputFile } from '../terminal/output-file';
import { printTable } from '../terminal/table';
import { count } from './reading-report';

/** A step of a user that needs attention. */
export interface FailedStep {
  /** The number of the user in the sweep, from 1, as in the report and in the Temporal UI. */
  user: number;
  /** The user's own `reference`. */
  reference?: string;
  /** The line of the source. */
  line?: number;
  step: string;
  outcome: string;
  /** The provider's code, or else the type of the failure. */
  code?: string;
  requestId?: string;
  /** What a person can do. */
  whatToDo: string;
}

/** Outcomes that leave data of a user at a provider, or may. */
const NEEDS_ATTENTION = ['failed', 'unknown', 'notFound'] as const satisfies readonly Outcome[];

/** Whether an outcome leaves data of a user at a provider, or may. */
export function needsAttention(outcome: string | undefined): outcome is (typeof NEEDS_ATTENTION)[number] {
  return NEEDS_ATTENTION.some((one) => one === outcome);
}

const PAGE = 200;
const SHOWN = 50;
const COLUMNS = ['user', 'reference', 'line', 'step', 'outcome', 'code', 'request_id', 'what_to_do'];

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
    shown.map(({ user, reference = '', line, step, outcome, code = '', requestId = '', whatToDo }) => [
      ...[count(user), printable(reference), line === undefined ? '' : count(line)],
      ...[step, inWords(outcome), code, requestId, whatToDo],
    ]),
  );
  if (isCut) say(io, `These are the first ${SHOWN} steps. All of them: add --out failed.csv, or --json.`);
}

/** Reads the steps that need attention, user by user, with what a person can do about each. */
export async function* readFailedSteps(sweeps: SweepLedger, sweepId: string): AsyncGenerator<FailedStep> {
  for (let afterSeq = -1; ;) {
    const page = { sweepId, outcomes: NEEDS_ATTENTION, limit: PAGE, afterSeq };
    const { receipts } = await sweeps.readUsersWithOutcome(page);
    if (receipts.length === 0) return;
    const seqs = [...new Set(receipts.map(({ seq }) => seq))];
    const labels = await sweeps.readLabels({ sweepId, seqs });
    for (const receipt of receipts) {
      const step = failedStep(receipt, labels.get(receipt.seq));
      if (step) yield step;
      afterSeq = receipt.seq;
    }
  }
}

function failedStep(receipt: Receipt, label: RowLabel = {}): FailedStep | undefined {
  const { seq, step, outcome, code, failureType, requestId } = receipt;
  if (!needsAttention(outcome)) return undefined;
  const cause = code ?? failureType;
  return {
    user: seq + 1,
    ...label,
    step,
    outcome,
    ...(cause !== undefined && { code: cause }),
    ...(requestId !== undefined && { requestId }),
    whatToDo: remedyFor(receipt, outcome),
  };
}

async function* csvOf(steps: AsyncIterable<FailedStep>): AsyncGenerator<string> {
  yield stringify([COLUMNS]);
  for await (const { user, reference, line, step, outcome, code, requestId, whatToDo } of steps)
    yield stringify([[user, reference, line, step, outcome, code, requestId, whatToDo].map(cellOf)], {
      escape_formulas: true,
    });
}

function cellOf(value: string | number | undefined): string | number | undefined {
  return typeof value === 'string' ? printable(value) : value;
}
