import type { OffboardProgress } from './queries';

/** The markdown that the Temporal UI shows for a run. It names steps, outcomes and request ids, never a user. */
export function describeProgress(progress: OffboardProgress, input: { dryRun?: boolean; reason: { code: string } }): string {
  const title = `### Off-boarding ${progress.status}${input.dryRun ? ' (dry run: nothing is changed)' : ''}`;
  const rows = progress.steps.map(({ step, outcome, reason, requestId, token, failure }) => {
    const evidence = [requestId, token, failure?.code ?? failure?.type, reason].filter(Boolean).join(', ');
    return `| ${step} | **${outcome}** | ${evidence} |`;
  });
  const table = rows.length > 0 ? ['| step | outcome | evidence |', '|---|---|---|', ...rows].join('\n') : 'No step has ended yet.';
  const log = progress.compensations.map(({ step, outcome, remedy }) => `- **${step}** (${outcome}): ${remedy}`);
  const parts = [title, `Reason: ${input.reason.code}`, table, ...(log.length > 0 ? ['#### What is left for a person', log.join('\n')] : [])];
  return parts.join('\n\n');
}
