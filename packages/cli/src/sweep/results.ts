import { UnknownSweepError } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-errors';
import type { SweepSummary } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import type { ExitCode, Io } from '../io';
import { withWorkersLedger } from '../open-ledger';
import { printJson, printLines } from '../output';
import { printTable } from '../table';
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

const BAD: readonly string[] = ['failed', 'unknown', 'notFound'];

/** Prints what became of the users of a sweep, as the ledger has it. */
export async function showResults(io: Io, sweepId: string, { json = false }: { json?: boolean }): Promise<ExitCode> {
  return withWorkersLedger<ExitCode>(io, async ({ ledger: { sweeps } }) => {
    const row = await sweeps.read(sweepId);
    if (!row) throw new UnknownSweepError(sweepId);
    const result = await readResult(sweeps, row);
    const failures = failuresIn(await sweeps.summarise({ sweepId }));
    const { redriveOf } = result;
    if (json) {
      printJson(io, { ...toDocument(result, row.report), ...(redriveOf !== undefined && { redriveOf }), failures });
      return 0;
    }
    printSweep(io, result, row.report);
    printFailures(io, failures);
    sayNextSteps(io, result);
    return 0;
  });
}

/** The last words on steps that did not go well, the most frequent first. */
function failuresIn({ groups }: SweepSummary): FailureLine[] {
  return groups
    .filter(({ phase, outcome }) => phase === 'settled' && BAD.includes(outcome))
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
