import { OUTCOMES } from '../../policy/outcome';
import type { CheckedSweepInput } from '../../policy/sweep-input';
import type { SweepProgress } from '../../policy/sweep-result';

/** The markdown that the Temporal UI shows for a sweep. It holds numbers, never an id of a user. */
export function describeSweep(progress: SweepProgress, input: Pick<CheckedSweepInput, 'dryRun' | 'reason'>): string {
  const { counts, duplicates, rejected, merkleRoot, approvedBy } = progress;
  const title = `### Sweep ${progress.status}${input.dryRun ? ' (dry run: nothing is changed)' : ''}`;
  const rows = [
    `- **${counts.total - counts.pending} of ${counts.total}** users have their outcome`,
    ...OUTCOMES.filter((outcome) => counts[outcome] > 0).map((outcome) => `- ${outcome}: **${counts[outcome]}**`),
    ...(progress.waitingForBulk > 0 ? [`- done but for a bulk call at Batch: ${progress.waitingForBulk}`] : []),
    ...(duplicates > 0 ? [`- duplicate rows: ${duplicates}`] : []),
    ...(rejected > 0 ? [`- rows that cannot be users: ${rejected}`] : []),
  ];
  const facts = [
    `Reason: ${input.reason.code}`,
    doing(progress),
    ...(approvedBy === undefined ? [] : [`Approved by ${plain(approvedBy)} (a claim)`]),
    ...(merkleRoot === undefined ? [] : [`Receipts sealed under \`${merkleRoot}\``]),
  ];
  return [title, facts.join('  \n'), rows.join('\n')].join('\n\n');
}

function doing({ status, phase, pausedBecause, round, underWay, nextTryAt, counts }: SweepProgress): string {
  if (status === 'paused') {
    return `Paused because of **${pausedBecause ?? 'request'}**; ${underWay > 0 ? `${underWay} still hand back what they have not begun. ` : ''}${wayOn(pausedBecause)}`;
  }
  switch (phase) {
    case 'reading':
      return 'Reading the users into the ledger';
    case 'waitingForApproval':
      return `Waiting for the update \`approve\` with \`{"total": ${counts.total}, "by": "your name"}\``;
    case 'users':
      return `Round ${round}, ${underWay} under way`;
    case 'bulk':
      return `Round ${round}: bulk calls at Batch`;
    case 'waiting':
      return `Round ${round} is over; the next begins at ${nextTryAt ?? 'once'}`;
    case 'closing':
      return 'Sealing the receipts';
    case 'paused':
    case 'ended':
      return 'Ended';
  }
}

function wayOn(pausedBecause: string | undefined): string {
  if (pausedBecause === 'tolerance') return 'Look at what failed; then send the update `resume`, or cancel.';
  if (pausedBecause?.startsWith('Task.Unauthorized')) return 'Mend the key (a key from a file is read again); then send the update `resume`.';
  if (pausedBecause === 'stopped') return 'Every call that changes something is stopped; `http-tasks start` lifts that and resumes this sweep.';
  return 'Send the update `resume` to go on.';
}

/** What somebody typed must not become markup. */
function plain(text: string): string {
  return text.replace(/[\\`*_[\]<>#|&!]/g, (character) => `\\${character}`).replace(/\s+/g, ' ');
}
