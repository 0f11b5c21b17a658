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

/** Adds up how the users stand. */
export function headlineOf({ counts, users }: ReportData): Headline {
  return {
    gone: counts.removed + counts.alreadyGone,
    accepted: counts.accepted,
    needPerson: users.users,
    leftAlone: counts.skipped + counts.held,
    unfinished: counts.pending + counts.open + counts.waitingForBulk,
  };
}

/** The whole report in a sentence. */
export function mainSentence(data: ReportData): string {
  const { total } = data.counts;
  if (total === 0)
    return data.sweep.snapshotComplete ? 'This sweep has no users.' : 'No user of this sweep is known yet.';
  if (isDryRun(data)) return `This was a dry run over ${counted(total, 'user')}: nothing was deleted.`;
  const { gone, accepted, needPerson } = headlineOf(data);
  const goneWords = gone === total ? allGone(total) : `${count(gone)} of ${counted(total, 'user')} ${is(gone)} gone`;
  const all = [
    ...(gone > 0 || accepted === 0 ? [goneWords] : []),
    ...(accepted > 0 ? [acceptedWords(data, gone > 0)] : []),
  ].join('; ');
  const need =
    needPerson === 0 ? 'nobody needs a person' : `${count(needPerson)} ${needPerson === 1 ? 'needs' : 'need'} a person`;
  return `${all}; ${need}.`;
}

function allGone(total: number): string {
  return total === 1 ? 'The one user is gone' : `All ${counted(total, 'user')} are gone`;
}

/** A deletion that was accepted is not known to be done, and must not be quoted as such. */
function acceptedWords({ counts: { accepted, total }, summary: { groups } }: ReportData, isFurther: boolean): string {
  const removed = groups.some(
    ({ phase, service, outcome }) =>
      phase === 'settled' && service === 'plaid' && (outcome === 'removed' || outcome === 'alreadyGone'),
  );
  const who = isFurther
    ? `${count(accepted)} more`
    : accepted === total
      ? allUsers(total)
      : `${count(accepted)} of ${counted(total, 'user')}`;
  return removed
    ? `${capitalized(who)} ${is(accepted)} removed from Plaid, and Batch has accepted the deletion`
    : `Batch has accepted the deletion of ${who}`;
}

function allUsers(total: number): string {
  return total === 1 ? 'the one user' : `all ${counted(total, 'user')}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What the main sentence leaves open. */
export function furtherSentences(data: ReportData): string[] {
  const { counts, sweep, needsPerson } = data;
  const { unfinished } = headlineOf(data);
  const accepted = counts.accepted > 0 && 'Batch carries out what it has accepted later, and does not report when.';
  const alone = listed([
    ...(counts.skipped > 0 ? [`${count(counts.skipped)} skipped`] : []),
    ...(counts.held > 0 ? [`${count(counts.held)} on legal hold`] : []),
  ]);
  const notFound =
    counts.notFound > 0 &&
    !needsPerson.includes('notFound') &&
    `${count(counts.notFound)} ${was(counts.notFound)} not found, which the input of this sweep calls fine.`;
  const open =
    unfinished > 0 &&
    `${counted(unfinished, 'user')} ${is(unfinished)} not finished${sweep.endedAt === undefined ? ' yet' : ''}.`;
  const rejected =
    sweep.rejected > 0 &&
    `${counted(sweep.rejected, 'row')} of the source could not be ${sweep.rejected === 1 ? 'a user' : 'users'} and ${was(sweep.rejected)} left out: look at the source.`;
  return [
    accepted,
    alone !== '' && !isDryRun(data) && `Left alone on purpose: ${alone}.`,
    notFound,
    open,
    rejected,
  ].filter((sentence): sentence is string => sentence !== false);
}

/** In a dry run nothing was done, and some step says so. */
export function isDryRun({ summary: { groups } }: ReportData): boolean {
  const lastWords = groups.filter(({ phase }) => phase === 'settled');
  return (
    lastWords.some(({ reason }) => reason === 'dryRun') &&
    lastWords.every(({ outcome }) => outcome !== 'removed' && outcome !== 'accepted')
  );
}

function is(number: number): string {
  return number === 1 ? 'is' : 'are';
}

function was(number: number): string {
  return number === 1 ? 'was' : 'were';
}
