import { bulkWords } from '../../policy/sweep-result';
import { OUTCOMES } from '../../policy/outcome';
import type { Outcome } from '../../policy/outcome';
import type { CheckedSweepInput } from '../../policy/sweep-input';
import type { SweepProgress, SweepStatus } from '../../policy/sweep-result';

/** Outcomes of users in words. What a provider accepted is not deleted yet. */
const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  removed: 'removed',
  accepted: 'removed, with deletions that a provider accepted but has not confirmed',
  alreadyGone: 'already gone',
  skipped: 'skipped',
  held: 'on hold',
  notFound: 'not found',
  failed: 'failed',
  unknown: 'unknown (sent; the result was lost)',
};

const STATUS_WORDS: Readonly<Record<SweepStatus, string>> = {
  running: 'running',
  waitingForApproval: 'waiting for approval',
  paused: 'paused',
  completed: 'completed',
  partial: 'partial: not every user is done',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** The markdown that the Temporal UI shows for a sweep. It contains numbers, never an ID of a user. */
export function describeSweep(progress: SweepProgress, input: Pick<CheckedSweepInput, 'dryRun' | 'reason'>): string {
  const { status, merkleRoot, approvedBy, deadline, dueAt } = progress;
  const title = `### Sweep ${STATUS_WORDS[status]}${input.dryRun ? ' (dry run: nothing is changed)' : ''}`;
  const facts = [
    `Reason: ${input.reason.code}`,
    doing(progress),
    ...(approvedBy === undefined
      ? []
      : [`Approved by ${plain(approvedBy)} (${progress.approvalSigned ? 'signed' : 'unverified'})`]),
    ...(dueAt === undefined ? [] : [`Due by ${dueAt}`]),
    ...(deadline === undefined ? [] : [`Gives up at ${deadline} at the latest`]),
    ...(merkleRoot === undefined ? [] : [`Receipts sealed under \`${merkleRoot}\``]),
  ];
  return [title, facts.join('  \n'), numbers(progress).join('\n')].join('\n\n');
}

/** As of the last chunk that returned; chunks take a minute or two. */
function numbers({
  counts,
  waitingForBulk,
  waitingForPerson = [],
  titles,
  duplicates,
  rejected,
}: SweepProgress): string[] {
  const words = bulkWords(titles);
  const left = counts.pending - waitingForBulk - waitingForPerson.reduce((sum, { users }) => sum + users, 0);
  return [
    `- **${counts.total - counts.pending} of ${counts.total}** users done`,
    ...(waitingForBulk > 0 ? [`- **${waitingForBulk}** ${words.done}, waiting for the ${words.calls}`] : []),
    ...waitingForPerson.map(
      ({ step, title, users }) => `- **${users}** waiting for a manual step: ${plain(title)} (\`${step}\`)`,
    ),
    ...(left > 0 ? [`- **${left}** not started, in progress or waiting for another try`] : []),
    ...OUTCOMES.filter((outcome) => counts[outcome] > 0).map(
      (outcome) => `- ${OUTCOME_WORDS[outcome]}: **${counts[outcome]}**`,
    ),
    ...(duplicates > 0 ? [`- duplicate rows: ${duplicates}`] : []),
    ...(rejected > 0 ? [`- rejected rows: **${rejected}**; those users are not offboarded`] : []),
  ];
}

function doing(progress: SweepProgress): string {
  const {
    status,
    phase,
    pausedBecause,
    round,
    underWay,
    nextTryAt,
    counts,
    waitingForBulk,
    waitingForPerson = [],
    approveUntil,
    cancelledBecause,
    deadline,
  } = progress;
  if (status === 'paused') {
    const handing = underWay > 0 ? `${parts(underWay)} still hand back users that they have not started. ` : '';
    return `Paused: **${pausedBecause ?? 'request'}**. ${handing}${wayOn(pausedBecause)}${deadline === undefined ? ' The pause does not count against the deadline.' : ''}`;
  }
  switch (phase) {
    case 'reading':
      return 'Reading the users into the ledger';
    case 'waitingForApproval':
      return `Waiting for the update \`approve\` with \`{"total": ${counts.total}, "by": "your name"}\`${approveUntil === undefined ? '' : `, until ${approveUntil}`}`;
    case 'users':
      return underWay > 0
        ? `Round ${round}: ${parts(underWay)} in progress`
        : `Round ${round}: looking for users to start with`;
    case 'bulk':
      return `Round ${round}: ${bulkWords(progress.titles).calls} for ${waitingForBulk} users`;
    case 'waiting':
      if (nextTryAt === undefined && waitingForPerson.length > 0)
        return `Round ${round} is over; ${counts.pending} users wait. Send the update \`completeStep\` when a step below is done`;
      return `Round ${round} is over; ${counts.pending} users are deferred, and the next round begins ${nextTryAt === undefined ? 'immediately' : `at ${nextTryAt}`}`;
    case 'closing':
      return 'Recording the last outcomes and sealing the receipts';
    case 'paused':
    case 'ended':
      return cancelledBecause === 'notApproved' ? 'Ended: not approved in time; no user was offboarded' : 'Ended';
  }
}

function parts(count: number): string {
  return count === 1 ? '1 chunk or child' : `${count} chunks or children`;
}

function wayOn(pausedBecause: string | undefined): string {
  if (pausedBecause === 'tolerance') return 'Check what failed, then send the `resume` update, or cancel.';
  if (pausedBecause?.startsWith('Task.Unauthorized'))
    return 'Fix the key (keys in files are re-read), then send the `resume` update.';
  if (pausedBecause?.startsWith('Task.NotAllowed'))
    return "The operator's policy (`http-tasks policy show` on the worker) forbids more for now. It resumes when the rule allows it.";
  if (pausedBecause === 'stopped')
    return 'Every call that changes something is stopped; `http-tasks start` lifts that and resumes this sweep.';
  return 'Send the `resume` update to continue.';
}

/** Escapes text from outside, so that it does not become markup. */
function plain(text: string): string {
  return text.replace(/[\\`*_[\]<>#|&!]/g, (character) => `\\${character}`).replace(/\s+/g, ' ');
}
