import { compensationLog } from './compensation-log';
import type { RemedyOf } from './compensation-log';
import type { CompensationLine, StepResult } from './offboard-result';

/** The steps of a run and its compensation log. */
export interface EndOfRun {
  steps: readonly StepResult[];
  compensations: readonly CompensationLine[];
}

/** Facts in the ledger that correct the end of a run. */
export interface LedgerCorrections {
  /** Steps with a call that has an intent and no outcome: it may have been sent. */
  perhapsSent: readonly string[];
  /** Positions of steps that no call in the ledger confirms, see `notBorneOut`. @default none */
  notBorneOut?: readonly number[];
}

/**
 * Returns the end of a run, corrected by the ledger: these steps become `unknown`.
 *
 * - Steps of a cancelled run with a call that has an intent and no outcome. Its worker died and the cancellation came
 *   before another worker could report it, so the run took it for never sent.
 * - Steps with a reported result that no call confirms.
 */
export function asRecorded<E extends EndOfRun>(
  end: E,
  { perhapsSent, notBorneOut = [] }: LedgerCorrections,
  remedyOf: RemedyOf,
): E {
  const wasSent = ({ step, outcome, reason }: StepResult): boolean =>
    perhapsSent.includes(step) && outcome === 'skipped' && reason === 'cancelled';
  const steps = end.steps.map((step, index): StepResult => {
    if (wasSent(step)) return { ...step, outcome: 'unknown' };
    return notBorneOut.includes(index)
      ? { step: step.step, task: step.task, outcome: 'unknown', reason: 'notInLedger' }
      : step;
  });
  if (steps.every((step, index) => step === end.steps[index])) return end;
  // The lines after those of the steps are not about steps.
  const more = end.compensations.slice(compensationLog(end.steps, remedyOf).length);
  return { ...end, steps, compensations: [...compensationLog(steps, remedyOf), ...more] };
}
