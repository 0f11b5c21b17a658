import type { ReceiptGroup } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { finalOutcomeGroups } from './figures';
import type { ReportData } from './report-data';
import { count, counted, listed } from './words';

/** The numbers that a reader wants first. */
export interface Headline {
  gone: number;
  /** Everything else is done, and a provider has accepted the deletion: it is not known to be carried out. */
  accepted: number;
  needPerson: number;
  leftAlone: number;
  unfinished: number;
}

/** Adds up the users by standing. */
export function headlineOf({ counts, users }: ReportData): Headline {
  return {
    gone: counts.removed + counts.alreadyGone,
    accepted: counts.accepted,
    needPerson: users.users,
    leftAlone: counts.skipped + counts.held,
    unfinished: counts.pending + counts.open + counts.waitingForBulk,
  };
}

/** Returns the whole report in a sentence. */
export function mainSentence(data: ReportData): string {
  const { total } = data.counts;
  if (total === 0)
    return data.sweep.snapshotComplete ? 'This sweep has no users.' : 'No user of this sweep is known yet.';
  if (isDryRun(data)) return `This was a dry run over ${counted(total, 'user')}: nothing was deleted.`;
  const { gone, accepted, needPerson } = headlineOf(data);
  const deletedText =
    gone === total ? allGone(total) : `${count(gone)} of ${counted(total, 'user')} ${is(gone)} deleted`;
  const all = [
    ...(gone > 0 || accepted === 0 ? [deletedText] : []),
    ...(accepted > 0 ? [acceptedWords(data, gone > 0)] : []),
  ].join('; ');
  const need =
    needPerson === 0 ? 'none needs attention' : `${count(needPerson)} ${needPerson === 1 ? 'needs' : 'need'} attention`;
  return `${all}; ${need}.`;
}

function allGone(total: number): string {
  return total === 1 ? 'The one user is deleted' : `All ${counted(total, 'user')} are deleted`;
}

/** A deletion that was accepted is not known to be done, and must not be quoted as such. */
function acceptedWords(data: ReportData, isFurther: boolean): string {
  const { accepted, total } = data.counts;
  const systems = acceptingSystems(data);
  const removed = systemsWith(data, ['removed', 'alreadyGone']).filter((system) => !systems.includes(system));
  const who = isFurther
    ? `${count(accepted)} more`
    : accepted === total
      ? allUsers(total)
      : `${count(accepted)} of ${counted(total, 'user')}`;
  const [system = 'a provider'] = systems;
  // Of several systems not every user is known to all.
  if (systems.length > 1 || removed.length > 1)
    return `For ${who} the last that is known is that ${listedOr(systems)} accepted the deletion`;
  return removed.length > 0
    ? `${capitalized(who)} ${is(accepted)} removed from ${removed[0]}, and ${system} has accepted the deletion`
    : `${system} has accepted the deletion of ${who}`;
}

/** The systems that accepted a deletion for later, in the order of the steps. */
export function acceptingSystems(data: ReportData): string[] {
  return systemsWith(data, ['accepted']);
}

function systemsWith(
  { summary: { groups }, planned }: ReportData,
  outcomes: readonly Outcome[],
  isMeant: (group: ReceiptGroup) => boolean = () => true,
): string[] {
  const found = finalOutcomeGroups(groups).filter((group) => outcomes.includes(group.outcome) && isMeant(group));
  found.sort((one, other) => planned.compare(one.step, other.step));
  return [...new Set(found.map((group) => planned.systemOf(group)).filter(Boolean))];
}

function listedOr(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? 'a provider') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function allUsers(total: number): string {
  return total === 1 ? 'the one user' : `all ${counted(total, 'user')}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Returns what the main sentence leaves out. */
export function furtherSentences(data: ReportData): string[] {
  const { counts, sweep, needsPerson, planned } = data;
  const { unfinished } = headlineOf(data);
  const isFollowed = (group: ReceiptGroup): boolean => planned.isFollowed(group);
  const silent = systemsWith(data, ['accepted'], (group) => !isFollowed(group)).map(
    (system) => `${system} carries out what it has accepted later, and does not report when.`,
  );
  const followed = systemsWith(data, ['accepted'], isFollowed).map(
    (system) =>
      `What ${system} has accepted was not done when the sweep ended; its receipts have the request to ask about.`,
  );
  const alone = listed([
    ...(counts.skipped > 0 ? [`${count(counts.skipped)} skipped`] : []),
    ...(counts.held > 0 ? [`${count(counts.held)} on legal hold`] : []),
  ]);
  const notFound =
    counts.notFound > 0 &&
    !needsPerson.includes('notFound') &&
    `${count(counts.notFound)} ${was(counts.notFound)} not found, which the input of this sweep allows.`;
  const open =
    unfinished > 0 &&
    `${counted(unfinished, 'user')} ${is(unfinished)} not finished${sweep.endedAt === undefined ? ' yet' : ''}.`;
  const rejected =
    sweep.rejected > 0 &&
    `${counted(sweep.rejected, 'row')} of the source ${was(sweep.rejected)} invalid and left out: check the source.`;
  return [
    ...(counts.accepted > 0 ? [...silent, ...followed] : []),
    alone !== '' && !isDryRun(data) && `Left out on purpose: ${alone}.`,
    notFound,
    open,
    rejected,
  ].filter((sentence): sentence is string => sentence !== false);
}

/** Returns whether the sweep was a dry run. Of one without a plan, nothing was done and a step reports a dry run. */
export function isDryRun({ sweep: { plan }, summary: { groups } }: ReportData): boolean {
  if (plan !== undefined) return (JSON.parse(plan) as { dryRun?: boolean }).dryRun === true;
  const finalOutcomes = groups.filter(({ phase }) => phase === 'settled');
  return (
    finalOutcomes.some(({ reason }) => reason === 'dryRun') &&
    finalOutcomes.every(({ outcome }) => outcome !== 'removed' && outcome !== 'accepted')
  );
}

function is(number: number): string {
  return number === 1 ? 'is' : 'are';
}

function was(number: number): string {
  return number === 1 ? 'was' : 'were';
}
