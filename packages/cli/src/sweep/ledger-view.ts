import { headWords, readHeadFacts } from '@temporal-http-tasks/evidence/internal/head-facts';
import type { ChunkPlan } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { needsAttention, readFailedSteps } from 'temporal-http-tasks/internal/attention/failed-steps';
import type { FailedStep } from 'temporal-http-tasks/internal/attention/failed-steps';
import type { SweepSummary } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import { outcomeCounts } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import type { SweepRow } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { stringify } from 'csv-stringify/sync';
import { withWorkersLedger } from '../ledger/open-ledger';
import { count, inWords, localTime, pauseWords } from '../terminal/words';
import type { ExitCode, Io } from '../program/io';
import { paint, print, printJson, printLines, printable, say } from '../terminal/output';
import { checkOutputFile, writeOutputFile } from '../terminal/output-file';
import type { OutputFile } from '../terminal/output-file';
import { printTable } from '../terminal/table';
import { printSweep, sayNextSteps, toDocument } from './sweep-report';
import type { SweepNotes } from './sweep-report';
import { withInterruption } from '../terminal/interruption';

const SHOWN = 50;

const COLUMNS = ['user', 'reference', 'line', 'step', 'outcome', 'code', 'request_id', 'what_to_do', 'account'];

/**
 * Returns what the ledger has about a sweep; undefined when it does not have the sweep, or no ledger is configured
 * here.
 */
export async function sweepInLedger(io: Io, sweepId: string): Promise<SweepResult | undefined> {
  try {
    return await withWorkersLedger(io, async ({ ledger }) => {
      const row = await ledger.sweeps.read(sweepId);
      return row && readResult(ledger.sweeps, row);
    });
  } catch (error) {
    if (error instanceof SettingsError) return undefined;
    throw error;
  }
}

/** Returns the notes on a sweep; none when the ledger cannot be read, since they are only additional information. */
export async function notesInLedger(io: Io, sweepId: string): Promise<SweepNotes> {
  return withWorkersLedger(io, async ({ ledger }) => notesOf(await ledger.sweeps.read(sweepId))).catch(() => ({}));
}

function notesOf(row: SweepRow | undefined): SweepNotes {
  if (!row) return {};
  const { report, plan, readable } = row;
  return {
    ...(report && { report }),
    ...(plan !== undefined && { dryRun: isDryRun({ plan }) }),
    ...(!readable && { released: true }),
  };
}

function isDryRun({ plan = '{}' }: { plan?: string | undefined }): boolean {
  return (JSON.parse(plan) as Partial<ChunkPlan>).dryRun === true;
}

/** Returns a sweep in the form of its workflow's result. */
export async function readResult(sweeps: SweepLedger, row: SweepRow): Promise<SweepResult> {
  const { sweepId, status, pausedBecause, duplicates, rejected, merkleRoot, redriveOf, about } = row;
  return {
    sweepId,
    status,
    ...(pausedBecause !== undefined && { pausedBecause }),
    counts: outcomeCounts(await sweeps.count(sweepId)),
    duplicates,
    rejected,
    ...(merkleRoot !== undefined && { merkleRoot }),
    ...(redriveOf !== undefined && { redriveOf }),
    ...(about?.dueAt !== undefined && { dueAt: about.dueAt }),
  };
}

/** Prints the latest sweeps of the ledger. */
export async function listSweeps(io: Io, { limit, json }: { limit: number; json: boolean }): Promise<ExitCode> {
  const sweeps = await withWorkersLedger(io, ({ ledger }) => ledger.sweeps.list({ limit }));
  if (json) printJson(io, sweeps);
  else if (sweeps.length === 0) say(io, 'The ledger has no sweeps.');
  else {
    const rows = sweeps.map(({ sweepId, status, pausedBecause, total, createdAt, endedAt, readable, plan }) => [
      sweepId,
      paint(
        io,
        status === 'completed' ? 'green' : 'yellow',
        inWords(status) + (pausedBecause === undefined ? '' : ` (${pauseWords(pausedBecause)})`),
      ) +
        (isDryRun({ plan }) ? '\ndry run' : '') +
        (readable && endedAt !== undefined ? '\nIDs readable' : ''),
      count(total),
      localTime(createdAt),
      endedAt === undefined ? '' : localTime(endedAt),
    ]);
    printTable(io, ['Sweep', 'Status', 'Users', 'Started', 'Ended'], rows);
  }
  return 0;
}

/** Steps with the same kind of failure. */
export interface FailureLine {
  step: string;
  outcome: string;
  /** `Task.*`. */
  type?: string;
  status?: number;
  /** The provider's own code. */
  code?: string;
  reason?: string;
  /** Number of receipts; a step with different outcomes for different Items has several. */
  receipts: number;
}

/** The options of `sweep results`. */
export interface ResultsOptions {
  json?: boolean;
  /** List the users with failed steps. */
  failed?: boolean;
  /** The CSV file for that list. */
  file?: OutputFile | undefined;
}

/** Prints the outcomes of the users of a sweep, from the ledger. */
export async function showResults(io: Io, sweepId: string, options: ResultsOptions): Promise<ExitCode> {
  const { json = false, failed = false, file } = options;
  return withWorkersLedger<ExitCode>(io, async ({ ledger }) => {
    const { sweeps } = ledger;
    const row = await sweeps.read(sweepId);
    if (!row) throw new UnknownSweepError(sweepId);
    const head = await readHeadFacts(ledger, row);
    const result = await readResult(sweeps, row);
    const failures = failuresIn(await sweeps.summarise({ sweepId }));
    const { redriveOf } = result;
    const notes = notesOf(row);
    const whole = {
      ...toDocument(result, notes),
      ...(redriveOf !== undefined && { redriveOf }),
      failures,
      ...(head && { head }),
    };
    if (failed) {
      await showFailedUsers(io, sweeps, { sweepId, json: json ? whole : undefined, file });
      return 0;
    }
    if (json) {
      printJson(io, whole);
      return 0;
    }
    printSweep(io, result, notes);
    printFailures(io, failures);
    if (head) {
      printLines(io, '\nSealed');
      for (const [name, value] of headWords(head, localTime)) print(io, printable(`${`${name}:`.padEnd(15)}${value}`));
    }
    if (row.purgedAt !== undefined)
      print(io, `The receipts were purged at ${localTime(row.purgedAt)}; their hashes are still there.`);
    sayNextSteps(io, result, notes);
    return 0;
  });
}

/** Returns the final outcomes of steps that failed, the most frequent first. */
function failuresIn({ groups }: SweepSummary): FailureLine[] {
  return groups
    .filter(({ phase, outcome }) => phase === 'settled' && needsAttention(outcome))
    .map(({ step, outcome, failureType, status, code, reason, receipts }) => ({
      step,
      outcome,
      ...(failureType !== undefined && { type: failureType }),
      ...(status !== undefined && { status }),
      ...(code !== undefined && { code }),
      ...(reason !== undefined && { reason }),
      receipts,
    }));
}

function printFailures(io: Io, failures: readonly FailureLine[]): void {
  if (failures.length === 0) return;
  printLines(io, '\nProblems by step');
  const rows = failures.map(({ step, outcome, type = '', status, code, reason, receipts }) => [
    step,
    inWords(outcome),
    type,
    code ?? (reason === undefined ? String(status ?? '') : inWords(reason)),
    count(receipts),
  ]);
  printTable(io, ['Step', 'Outcome', 'Failure', 'Code or reason', 'Receipts'], rows);
}

/**
 * Prints the users of a sweep for whom a step failed, or writes all of them to a CSV file.
 *
 * @param asked.json The document of the whole sweep; printed with the users in `users`, or with `file`, without them.
 */
async function showFailedUsers(
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
