import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepSummary } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import type { ExitCode, Io } from '../io';
import { withWorkersLedger } from '../open-ledger';
import { printJson, printLines } from '../output';
import type { OutputFile } from '../output-file';
import { printTable } from '../table';
import { needsAttention, showFailedUsers } from './failed-users';
import { readResult } from './ledger-view';
import { count } from './reading-report';
import { printSweep, sayNextSteps, toDocument } from './sweep-report';

/** Steps that ended in the same way. */
export interface FailureLine {
  step: string;
  outcome: string;
  /** `Task.*`. */
  type?: string;
  status?: number;
  /** The provider's own. */
  code?: string;
  reason?: string;
  /** How many receipts say so; a step that ended differently for different Items has several. */
  receipts: number;
}

/** What `sweep results` was asked for. */
export interface ResultsOptions {
  json?: boolean;
  /** Lists the users with failed steps. */
  failed?: boolean;
  /** Receives that list as CSV. */
  file?: OutputFile | undefined;
}

/** Prints what became of the users of a sweep, as the ledger has it. */
export async function showResults(io: Io, sweepId: string, options: ResultsOptions): Promise<ExitCode> {
  const { json = false, failed = false, file } = options;
  return withWorkersLedger<ExitCode>(io, async ({ ledger: { sweeps } }) => {
    const row = await sweeps.read(sweepId);
    if (!row) throw new UnknownSweepError(sweepId);
    const result = await readResult(sweeps, row);
    const failures = failuresIn(await sweeps.summarise({ sweepId }));
    const { redriveOf } = result;
    const whole = { ...toDocument(result, row.report), ...(redriveOf !== undefined && { redriveOf }), failures };
    if (failed) {
      await showFailedUsers(io, sweeps, { sweepId, json: json ? whole : undefined, file });
      return 0;
    }
    if (json) {
      printJson(io, whole);
      return 0;
    }
    printSweep(io, result, row.report);
    printFailures(io, failures);
    sayNextSteps(io, result);
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
  printLines(io, '\nWhat did not go well, by step');
  const rows = failures.map(({ step, outcome, type = '', status, code, reason, receipts }) => [
    step,
    outcome,
    type,
    code ?? reason ?? String(status ?? ''),
    count(receipts),
  ]);
  printTable(io, ['Step', 'Outcome', 'Failure', 'Code or reason', 'Receipts'], rows);
}
