import { defineQuery } from '@temporalio/workflow';
import type { CompensationLine, OffboardResult, StepResult } from '../policy/offboard-result';
import type { Outcome, RunStatus } from '../policy/outcome';

/** The progress of an offboarding, in the shape of its result, with the status `running` until it has ended. */
export type OffboardProgress = Omit<OffboardResult, 'status'> & {
  status: RunStatus | 'running';
  /** ISO 8601: when the request is due; absent without a date. */
  dueAt?: string;
  /** Manual steps to do now and to report with the update `completeStep`; absent where the run has no such step. */
  waiting?: { step: string; title: string; instructions: string }[];
};

/** Returns the progress of the offboarding. */
export const progressQuery = defineQuery<OffboardProgress>('progress');

/** The steps that have ended. */
export const receiptsQuery = defineQuery<StepResult[]>('receipts');

/** The compensation log; empty while the run is in progress, and for a completed run. */
export const compensationsQuery = defineQuery<CompensationLine[]>('compensations');

/** What a run is doing, and when it gives up. */
export interface Doing {
  /** A call, or a wait and when it ends. */
  doing?: string | undefined;
  deadlineAtMs: number;
}

/** Outcomes that cannot be undone: done by the provider, or promised by it. */
const FOR_GOOD: readonly Outcome[] = ['removed', 'accepted'];

/**
 * Returns the markdown that the Temporal UI shows for a run: what it is doing, what is done and cannot be undone, and
 * what needs a person. It contains steps, outcomes and request IDs, never a user.
 */
export function describeProgress(
  progress: OffboardProgress,
  input: { dryRun?: boolean; reason: { code: string } },
  { doing, deadlineAtMs }: Doing,
): string {
  const title = `### Offboarding ${progress.status}${input.dryRun ? ' (dry run: nothing is changed)' : ''}`;
  const facts = [
    `Reason: ${input.reason.code}`,
    ...(doing === undefined ? [] : [doing]),
    ...(progress.dueAt === undefined ? [] : [`Due by ${progress.dueAt}`]),
    ...(progress.status === 'running' ? [`Gives up at ${new Date(deadlineAtMs).toISOString()} at the latest`] : []),
  ];
  // A list instead of a table: the UI shows tables without any space between their columns.
  const lines = progress.steps.map(({ step, outcome, reason, requestId, token, failure }) => {
    const evidence = [requestId, token, failure?.code ?? failure?.type, reason].filter(Boolean).join(', ');
    return `- ${step}: **${outcome}**${evidence ? ` (${evidence})` : ''}${FOR_GOOD.includes(outcome) ? ' (irreversible)' : ''}`;
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
    ...(todo.length > 0 ? ['#### Waiting for a manual step', ...todo] : []),
    list,
    ...(log.length > 0 ? ['#### Manual actions', log.join('\n')] : []),
  ];
  return parts.join('\n\n');
}
