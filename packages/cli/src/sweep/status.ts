import type { Client } from '@temporalio/client';
import { bulkWords } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { CommandFailure, Refusal } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { print, printJson, printable, say } from '../terminal/output';
import { failingTasks } from '../temporal/pollers';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { inWords, localTime, timeAgo } from '../terminal/for-people';
import { reportInLedger, sweepInLedger } from './ledger-view';
import { readRunningChunks, troubleOf, withRunningChunks } from './watch';
import { count } from './reading-report';
import { limitLines, limitsDocument, readLimits } from './sweep-limits';
import { printSweep, sayNextSteps, toDocument } from './sweep-report';
import { describeSweep, queryProgress, resultOfSweep, unknownSweep } from './sweep-run';
import { deferredText, doneAtPlaid } from './watch-display';

/** A sweep as somebody knows it. */
export interface SweepStanding {
  sweep: SweepResult & Partial<SweepProgress>;
  /** Who told: the ledger when the workflow could not be asked. */
  readFrom: 'workflow' | 'ledger';
  /** Why the workflow could not. */
  note?: string;
}

/** Prints how a sweep stands. */
export async function showStatus(
  io: Io,
  sweepId: string,
  options: TemporalOptions & { json?: boolean },
): Promise<ExitCode> {
  const { sweep, readFrom, note } = await withTemporal(io, options, (client) => readStanding(io, client, sweepId));
  const limits = await readLimits(io, sweepId);
  if (note !== undefined) say(io, note);
  const report = await reportInLedger(io, sweepId);
  if (options.json) {
    printJson(io, { ...toDocument(sweep, report), ...more(sweep), ...limitsDocument(limits), readFrom });
    return 0;
  }
  printSweep(io, sweep, report);
  printMore(io, sweep);
  for (const line of limitLines(limits)) print(io, line);
  sayNextSteps(io, sweep);
  return 0;
}

/**
 * How a sweep stands, from its workflow, or else from the ledger: when no worker answers, when the run ended without a
 * result, and when Temporal has forgotten it.
 *
 * @throws CommandFailure when nobody knows it.
 */
export async function readStanding(io: Io, client: Client, sweepId: string): Promise<SweepStanding> {
  const description = await describeSweep(client, sweepId);
  if (!description)
    return fromLedger(
      io,
      sweepId,
      'Temporal has no run of this sweep (any more); this is what the ledger knows.',
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
    const nobody =
      why === undefined
        ? `No worker answers for the sweep ${sweepId}, which Temporal keeps until one is there (http-tasks worker)`
        : printable(`The sweep ${sweepId} does not come along: ${why}`);
    return fromLedger(
      io,
      sweepId,
      `${nobody}; this is what the ledger knows.`,
      new CommandFailure('NoWorker', `${nobody}.`),
    );
  }
}

async function fromLedger(io: Io, sweepId: string, note: string, otherwise: unknown): Promise<SweepStanding> {
  const sweep = await sweepInLedger(io, sweepId);
  if (sweep) return { sweep, readFrom: 'ledger', note };
  throw otherwise;
}

function endedBadly(error: unknown): string {
  return `${error instanceof Error ? error.message : String(error)} This is what the ledger knows.`;
}

/** A refusal of long ago is no refusal of this command. */
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
}: SweepStanding['sweep']): object {
  const doneSofar = waitingForBulk === undefined ? undefined : doneAtPlaid({ counts, waitingForBulk });
  return {
    phase,
    round,
    underWay,
    doneAtPlaid: doneSofar,
    waitingForBulk,
    waitingForPerson,
    nextTryAt,
    startedAt,
    approvedBy,
    approvalVerified: approvedBy === undefined ? undefined : approvalSigned === true,
    toSign,
    redriveOf,
    compensationTask,
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
  }: SweepStanding['sweep'],
): void {
  if (startedAt !== undefined) print(io, `Started: ${localTime(startedAt)} (${timeAgo(startedAt)})`);
  if (approvedBy !== undefined)
    print(io, `Approved by: ${printable(approvedBy)} (${rest.approvalSigned ? 'signed' : 'unverified'})`);
  if (rest.toSign)
    print(io, `Signed by: ${printable(rest.toSign.signedBy.join(', ')) || 'none'} (${rest.toSign.signatures} needed)`);
  if (phase === undefined || phase === 'ended') return;
  const words = bulkWords(titles);
  const details = [
    `round ${round ?? 1}`,
    underWay !== undefined && underWay > 0 && `${underWay} chunks or child workflows in progress`,
    waitingForBulk !== undefined &&
      waitingForBulk > 0 &&
      `${count(doneAtPlaid({ counts, waitingForBulk }))} of ${count(counts.total)} users ${words.done}, ${count(waitingForBulk)} ${words.waiting}`,
    counts.pending > 0 && nextTryAt !== undefined && deferredText({ counts, waitingForBulk, nextTryAt }),
  ];
  print(io, `Phase: ${inWords(phase)} (${details.filter(Boolean).join(', ')})`);
}
