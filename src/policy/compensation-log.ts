import type { CompensationLine, StepResult } from './offboard-result';

/**
 * Reasons of a skip that was chosen or that leaves nothing to do; they need no line in the log. The ID that a user lacks, or
 * the mode that was chosen, may have a provider's own name.
 */
const NOTHING_TO_DO = /^(?:no(?:[A-Z]\w*)?Id|\w+Mode|noItems|dryRun|excluded|needsUserId|byPerson)$/;

/** Returns what a person can do after a task; undefined for a task that is not known. */
export type RemedyOf = (task: string) => string | undefined;

/**
 * The log of a run that did not complete: one line for each step that was done (it cannot be undone; what a person can
 * do), was not done, or is unknown.
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
      return `Done and cannot be undone. ${remedy}`.trim();
    case 'alreadyGone':
      return 'Nothing to do: it was gone before this run.';
    case 'held':
      return 'Not done: a legal hold forbids it. Run again after the hold is lifted.';
    case 'notFound':
      return 'Not done: the provider does not know it. Check the id and the environment; run again with the right one.';
    case 'unknown':
      return 'It was sent and its result is not known. Look at the provider, quoting the request id, before anything is sent again; running again looks first.';
    case 'failed':
      return `Not done. ${failure?.message ?? (reason === 'deadline' ? 'The deadline passed.' : '')} Run again when the cause is mended.`.replace(
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
