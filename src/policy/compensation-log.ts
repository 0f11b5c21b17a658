import { httpRequest } from '../tasks/http-request';
import type { CompensationLine, StepResult } from './offboard-result';

/**
 * Reasons of a skip that was requested or that leaves nothing to do; such steps have no line in the log. The ID that a
 * user lacks, or the mode that was chosen, may be named by a provider.
 */
const NOTHING_TO_DO = /^(?:no(?:[A-Z]\w*)?Id|\w+Mode|noItems|dryRun|excluded|needsUserId|byPerson)$/;

/** Returns what can be done after a task; undefined for an unknown task. */
export type RemedyOf = (task: string) => string | undefined;

/**
 * Returns the log of a run that did not complete: one line for each step that was done (irreversible, with its remedy),
 * was not done, or is unknown.
 */
export function compensationLog(steps: readonly StepResult[], remedy: RemedyOf): CompensationLine[] {
  return steps
    .filter(({ outcome, reason }) => outcome !== 'skipped' || !NOTHING_TO_DO.test(reason ?? ''))
    .map((step) => ({
      step: step.step,
      outcome: step.outcome,
      remedy: remedyOf(step, remedy(step.task) ?? ''),
      evidence: evidenceOf(step),
    }));
}

function remedyOf({ outcome, failure, reason }: StepResult, remedy: string): string {
  switch (outcome) {
    case 'removed':
    case 'accepted':
      return `Done (irreversible). ${remedy}`.trim();
    case 'alreadyGone':
      return 'Nothing to do: it was deleted before this run.';
    case 'held':
      return 'Not done: a legal hold forbids it. Run again after the hold is lifted.';
    case 'notFound':
      return 'Not done: the provider does not know it. Check the ID and the environment, then run again.';
    case 'unknown':
      return 'It was sent and its result is unknown. Check with the provider, quoting the request ID, before you send it again. Running again reads first.';
    case 'failed':
      return `Not done. ${failure?.message ?? (reason === 'deadline' ? 'The deadline passed.' : '')} Fix the cause, then run again.`.replace(
        / {2,}/g,
        ' ',
      );
    case 'skipped':
      return `Not done (${reason ?? 'skipped'}). Run again to do it.`;
  }
}

function evidenceOf({ requestId, token, failure, items }: StepResult): string {
  const code = failure?.code ?? failure?.type;
  const facts = [
    requestId === undefined ? '' : `request_id=${requestId}`,
    token === undefined ? '' : `token=${token}`,
    items === undefined ? '' : `items=${items}`,
    code === undefined ? '' : `failure=${code}`,
  ];
  return facts.filter(Boolean).join(' ');
}

/** A string in a compensation task's input that equals this is replaced by the offboarding's log. */
const LOG_PLACEHOLDER = '{{offboarding}}';

/**
 * Returns the input of a compensation task with the log in it: in place of each placeholder or, for `http.request`
 * without one, as the field `offboarding` of an object body.
 */
export function fillCompensationInput(compensation: { task: string; input?: unknown }, log: unknown): unknown {
  let filled = false;
  const fill = (value: unknown): unknown => {
    if (value === LOG_PLACEHOLDER) {
      filled = true;
      return log;
    }
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
  };
  const input = fill(compensation.input ?? {});
  if (filled || compensation.task !== httpRequest.name) return input;
  const request = input as Record<string, unknown>;
  const body = request.body ?? {};
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? { ...request, body: { ...body, offboarding: log } }
    : request;
}

/** The steps of a run and its compensation log. */
interface EndOfRun {
  steps: readonly StepResult[];
  compensations: readonly CompensationLine[];
}

/** Facts in the ledger that correct the end of a run. */
interface LedgerCorrections {
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
