import type { OffboardProgress } from './queries';

/** The markdown that the Temporal UI shows for a run. It names steps, outcomes and request ids, never a user. */
export function describeProgress(progress: OffboardProgress, input: { dryRun?: boolean; reason: { code: string } }): string {
  const title = `### Off-boarding ${progress.status}${input.dryRun ? ' (dry run: nothing is changed)' : ''}`;
  // A list and no table: the UI shows tables without any space between their columns.
  const lines = progress.steps.map(({ step, outcome, reason, requestId, token, failure }) => {
    const evidence = [requestId, token, failure?.code ?? failure?.type, reason].filter(Boolean).join(', ');
    return `- ${step}: **${outcome}**${evidence ? ` (${evidence})` : ''}`;
  });
  const list = lines.length > 0 ? lines.join('\n') : 'No step has ended yet.';
  const log = progress.compensations.map(({ step, outcome, remedy }) => `- **${step}** (${outcome}): ${remedy}`);
  const parts = [title, `Reason: ${input.reason.code}`, list, ...(log.length > 0 ? ['#### What is left for a person', log.join('\n')] : [])];
  return parts.join('\n\n');
}
