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
