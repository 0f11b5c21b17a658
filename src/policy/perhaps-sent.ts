import { compensationLog } from './compensation-log';
import type { CompensationLine, StepResult } from './offboard-result';

/** The steps of a run and its compensation log. */
export interface EndOfRun {
  steps: readonly StepResult[];
  compensations: readonly CompensationLine[];
}

/**
 * The end of a cancelled run with what the ledger knows better: a call of these steps has an intent and no outcome. Its
 * worker died, and the cancellation came before another worker could say so, so the run took it for never sent.
 */
export function asPerhapsSent<E extends EndOfRun>(end: E, perhapsSent: readonly string[]): E {
  const wrong = ({ step, outcome, reason }: StepResult): boolean => perhapsSent.includes(step) && outcome === 'skipped' && reason === 'cancelled';
  if (!end.steps.some(wrong)) return end;
  const steps = end.steps.map((step) => (wrong(step) ? { ...step, outcome: 'unknown' as const } : step));
  // The lines after those of the steps are not about steps.
  const more = end.compensations.slice(compensationLog(end.steps).length);
  return { ...end, steps, compensations: [...compensationLog(steps), ...more] };
}
