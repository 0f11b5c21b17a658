import type { Client } from '@temporalio/client';
import { bulkWords } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { print, printJson, printable, say } from '../terminal/output';
import { failingTasks } from '../temporal/pollers';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { count, counted, inWords, localTime, timeAgo } from '../terminal/words';
import { notesInLedger, sweepInLedger } from './ledger-view';
import { readRunningChunks, troubleOf, withRunningChunks } from './watch';
import { limitLines, limitsDocument, readLimits } from './sweep-limits';
import { printSweep, sayNextSteps, toDocument } from './sweep-report';
import { describeSweep, queryProgress, resultOfSweep, unknownSweep } from './sweep-run';
import { deferredText, doneBeforeBulk } from './watch-display';

/** The state of a sweep as the workflow or the ledger reports it. */
export interface SweepStatus {
  sweep: SweepResult & Partial<SweepProgress>;
  /** The source of the state: the ledger if the workflow could not be queried. */
  readFrom: 'workflow' | 'ledger';
  /** Why the workflow could not be queried. */
  note?: string;
}

/** Prints the state of a sweep. */
export async function showStatus(
  io: Io,
  sweepId: string,
  options: TemporalOptions & { json?: boolean },
): Promise<ExitCode> {
  const { sweep, readFrom, note } = await withTemporal(io, options, (client) => readSweepStatus(io, client, sweepId));
  const limits = await readLimits(io, sweepId);
  if (note !== undefined) say(io, note);
  const notes = await notesInLedger(io, sweepId);
  if (options.json) {
    // `file:` and the name of the file, or `query:NAME` and the like.
    const source = notes.report?.source === undefined ? {} : { source: notes.report.source };
    printJson(io, { ...toDocument(sweep, notes), ...source, ...more(sweep), ...limitsDocument(limits), readFrom });
    return 0;
  }
  printSweep(io, sweep, notes);
  printMore(io, sweep);
  for (const line of limitLines(limits)) print(io, line);
  sayNextSteps(io, sweep, notes);
  return 0;
}

/**
 * Returns the state of a sweep, from its workflow, or else from the ledger: when no worker responds, when the run ended
 * without a result, and when Temporal no longer has it.
 *
 * @throws CommandFailure when neither has the sweep.
 */
export async function readSweepStatus(io: Io, client: Client, sweepId: string): Promise<SweepStatus> {
  const description = await describeSweep(client, sweepId);
  if (!description)
    return fromLedger(
      io,
      sweepId,
      'Temporal has no run of this sweep, or no longer has it; this comes from the ledger.',
      unknownSweep(sweepId),
    );
  const handle = client.workflow.getHandle(sweepId, description.runId);
  if (description.status.name !== 'RUNNING') {
    return resultOfSweep(io, client, handle).then(
      (sweep) => ({ sweep, readFrom: 'workflow' }),
      (error: unknown) => fromLedger(io, sweepId, endedBadly(error), asFailure(error)),
    );
  }
  try {
    const progress = await queryProgress(client, client.workflow.getHandle(sweepId));
    const trouble = troubleOf(description);
    return {
      sweep: withRunningChunks(progress, await readRunningChunks(client, description)),
      readFrom: 'workflow',
      ...(trouble !== undefined && { note: printable(trouble) }),
    };
  } catch {
    const why = await failingTasks(client, handle).catch(() => undefined);
    const problem =
      why === undefined
        ? `No worker responds for the sweep ${sweepId}; Temporal keeps it until a worker is available (http-tasks worker)`
        : printable(`The sweep ${sweepId} makes no progress: ${why}`);
    return fromLedger(
      io,
      sweepId,
      `${problem}; this comes from the ledger.`,
      new CommandFailure('NoWorker', `${problem}.`),
    );
  }
}

async function fromLedger(io: Io, sweepId: string, note: string, otherwise: unknown): Promise<SweepStatus> {
  const sweep = await sweepInLedger(io, sweepId);
  if (sweep) return { sweep, readFrom: 'ledger', note };
  throw otherwise;
}

function endedBadly(error: unknown): string {
  const why = error instanceof Error ? error.message : String(error);
  return `The workflow of this sweep has ended without a result; its last state in the ledger is shown. ${why}`;
}

/** Returns an earlier refusal as a failure: it is not a refusal of this command. */
function asFailure(error: unknown): unknown {
  return error instanceof Refusal ? new CommandFailure('RunEnded', error.message) : error;
}

function more({
  phase,
  round,
  underWay,
  waitingForBulk,
  waitingForPerson,
  nextTryAt,
  startedAt,
  approvedBy,
  approvalSigned,
  toSign,
  redriveOf,
  compensationTask,
  counts,
  dueAt,
}: SweepStatus['sweep']): object {
  const doneSoFar = waitingForBulk === undefined ? undefined : doneBeforeBulk({ counts, waitingForBulk });
  return {
    phase,
    round,
    underWay,
    doneBeforeBulk: doneSoFar,
    waitingForBulk,
    waitingForPerson,
    nextTryAt,
    startedAt,
    approvedBy,
    approvalVerified: approvedBy === undefined ? undefined : approvalSigned === true,
    toSign,
    redriveOf,
    compensationTask,
    dueAt,
  };
}

function printMore(
  io: Io,
  {
    phase,
    round,
    underWay,
    waitingForBulk,
    nextTryAt,
    startedAt,
    approvedBy,
    counts,
    titles,
    ...rest
  }: SweepStatus['sweep'],
): void {
  if (startedAt !== undefined) print(io, `Started: ${localTime(startedAt)} (${timeAgo(startedAt)})`);
  if (approvedBy !== undefined)
    print(io, `Approved by: ${printable(approvedBy)} (${rest.approvalSigned ? 'signed' : 'not verified'})`);
  if (rest.toSign)
    print(io, `Signed by: ${printable(rest.toSign.signedBy.join(', ')) || 'none'} (${rest.toSign.signatures} needed)`);
  if (phase === undefined || phase === 'ended') return;
  const words = bulkWords(titles);
  const details = [
    (round ?? 1) > 0 && `round ${round ?? 1}`,
    underWay !== undefined &&
      underWay > 0 &&
      `${counted(underWay, 'chunk or child workflow', 'chunks or child workflows')} in progress`,
    waitingForBulk !== undefined &&
      waitingForBulk > 0 &&
      `${count(doneBeforeBulk({ counts, waitingForBulk }))} of ${count(counts.total)} users ${words.done}, ` +
        `${count(waitingForBulk)} ${words.waiting}`,
    counts.pending > 0 && nextTryAt !== undefined && deferredText({ counts, waitingForBulk, nextTryAt }),
  ];
  // The status says it.
  if (phase === 'waitingForApproval') return;
  const more = details.filter(Boolean).join(', ');
  print(io, `Phase: ${inWords(phase)}${more === '' ? '' : ` (${more})`}`);
}
