import type { Outcome } from '../policy/outcome';
import type { OffboardProgress } from './queries';

/** What a run is at, and when it gives up. */
export interface Doing {
  /** A call, or a wait and its end. */
  doing?: string | undefined;
  deadlineAtMs: number;
}

/** Done by the provider, or promised by it. */
const FOR_GOOD: readonly Outcome[] = ['removed', 'accepted'];

/**
 * The markdown that the Temporal UI shows for a run: what it is at, what is done and cannot be undone, and what is left
 * for a person. It names steps, outcomes and request ids, never a user.
 */
export function describeProgress(
  progress: OffboardProgress,
  input: { dryRun?: boolean; reason: { code: string } },
  { doing, deadlineAtMs }: Doing,
): string {
  const title = `### Off-boarding ${progress.status}${input.dryRun ? ' (dry run: nothing is changed)' : ''}`;
  const facts = [
    `Reason: ${input.reason.code}`,
    ...(doing === undefined ? [] : [doing]),
    ...(progress.status === 'running' ? [`Gives up at ${new Date(deadlineAtMs).toISOString()} at the latest`] : []),
  ];
  // A list and no table: the UI shows tables without any space between their columns.
  const lines = progress.steps.map(({ step, outcome, reason, requestId, token, failure }) => {
    const evidence = [requestId, token, failure?.code ?? failure?.type, reason].filter(Boolean).join(', ');
    return `- ${step}: **${outcome}**${evidence ? ` (${evidence})` : ''}${FOR_GOOD.includes(outcome) ? ', which cannot be undone' : ''}`;
  });
  const list = lines.length > 0 ? lines.join('\n') : 'No step has ended yet.';
  const log = progress.compensations.map(({ step, outcome, remedy }) => `- **${step}** (${outcome}): ${remedy}`);
  const todo = (progress.waiting ?? []).map(
    ({ step, title: what, instructions }) =>
      `**${step}**: ${what}\n\n${instructions}\n\nThen send the update \`completeStep\`: \`{"step": "${step}", "by": "…", "outcome": "removed"}\` (or \`skipped\`, \`failed\`).`,
  );
  const parts = [
    title,
    facts.join('  \n'),
    ...(todo.length > 0 ? ['#### Waiting for a person', ...todo] : []),
    list,
    ...(log.length > 0 ? ['#### What is left for a person', log.join('\n')] : []),
  ];
  return parts.join('\n\n');
}
