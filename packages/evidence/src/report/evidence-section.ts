import type { ReceiptGroup } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import { finalOutcomeGroups } from './figures';
import { html } from './markup';
import type { Markup } from './markup';
import type { ReportData } from './report-data';
import { LOOKS } from './standings';
import { count, counted, inWords, listed, moment, percent } from './words';

/** Lists the questions of auditors of deletions, with this sweep's facts. */
export function evidenceSection(data: ReportData): Markup {
  const { sweep, counts, summary } = data;
  const response = (question: string, ...words: readonly (string | Markup)[]): Markup =>
    html`<tr><th scope="row">${question}</th><td>${words.map((word) => html`<p>${word}</p>`)}</td></tr>
`;
  const run = sweep.claimedBy !== undefined && html`, run <code>${sweep.claimedBy}</code>`;
  const until = sweep.endedAt === undefined ? 'now; it has not ended' : moment(sweep.endedAt);
  return html`<section id="evidence" class="card"><h2>What the receipts say</h2>
<p class="note">What auditors of deletions usually ask, with facts from the ledger. This report is not legal advice.</p>
<table class="questions"><tbody>
${response(
  'Who did it?',
  html`The workflow <code>${sweep.sweepId}</code>${run}. Who asked, why, and who approved is above, as it was given;
who started the workflow is in its history in Temporal.`,
)}${response('When?', `${moment(sweep.createdAt)} to ${until}. Every receipt has its own time.`)}${response(
    'About whom?',
    `${counted(counts.total, 'user')}, each under a keyed hash (HMAC-SHA-256) of the ID at each system. The ` +
      'receipts and this report contain no ID; with the key, the receipts of an ID can be found.',
    sweep.readable
      ? 'The IDs of users who need attention, or are not finished, are still stored, encrypted under a key of this sweep.'
      : 'The IDs of this sweep can no longer be read: their key is destroyed.',
  )}${[
    response('In which systems, and by which method?', methodsTable(data)),
    response('With which receipt of the provider?', proofInWords(summary.groups)),
    response('With what outcome?', outcomesInWords(data)),
    response('With which exceptions?', ...exceptions(data)),
  ]}</tbody></table>
</section>
`;
}

function methodsTable({ summary: { groups }, planned }: ReportData): Markup | string {
  const methods = new Map<string, ReceiptGroup>();
  for (const group of finalOutcomeGroups(groups).filter(({ outcome }) => outcome !== 'skipped' && outcome !== 'held')) {
    const { service, environment, keySlot, task } = group;
    const key = JSON.stringify([service, environment, keySlot, task]);
    methods.set(key, { ...group, receipts: (methods.get(key)?.receipts ?? 0) + group.receipts });
  }
  if (methods.size === 0) return 'No system was called.';
  const rows = [...methods.values()].map(({ service, environment, keySlot, task, receipts }) => {
    const known = planned.taskWords(task);
    const key = keySlot === undefined ? '' : `, key ${keySlot}`;
    const route = known?.route !== undefined && html`: <code>${known.route}</code>`;
    const method = html`<code>${task}</code>${known && html`<br>${known.summary}${route}`}`;
    return html`<tr><th scope="row">${planned.titleOf(service)}, ${environment}${key}</th>
<td>${method}</td><td class="number">${count(receipts)}</td></tr>
`;
  });
  const head = ['System', 'Method', 'Receipts'].map((title) => html`<th scope="col">${title}</th>`);
  return html`<table class="numbers"><thead><tr>${head}</tr></thead><tbody>
${rows}</tbody></table>`;
}

function proofInWords(groups: readonly ReceiptGroup[]): string {
  const done = finalOutcomeGroups(groups).filter(({ outcome }) => outcome === 'removed' || outcome === 'accepted');
  const all = done.reduce((sum, { receipts }) => sum + receipts, 0);
  if (all === 0) return 'Nothing was removed or accepted.';
  const proven = done.reduce((sum, { withProof }) => sum + withProof, 0);
  return (
    `${count(proven)} of ${counted(all, 'receipt')} that report removed or accepted (${percent(proven, all)}) have ` +
    'the provider’s request ID or token, which its support can look up. A removal without one was confirmed by a ' +
    'follow-up read.'
  );
}

function outcomesInWords({ counts }: ReportData): string {
  const all = (
    ['removed', 'alreadyGone', 'accepted', 'skipped', 'held', 'notFound', 'unknown', 'failed'] as const
  ).filter((outcome) => counts[outcome] > 0);
  return all.length === 0
    ? 'None yet.'
    : `Users by their worst step: ${listed(all.map((outcome) => `${LOOKS[outcome].name} ${count(counts[outcome])}`))}.`;
}

function exceptions({ summary: { groups }, sweep }: ReportData): string[] {
  const finalOutcomes = finalOutcomeGroups(groups);
  const reasons = (wanted: string): string => {
    const found = new Map<string, number>();
    for (const { reason = 'no reason given', receipts, outcome } of finalOutcomes) {
      if (outcome === wanted) found.set(reason, (found.get(reason) ?? 0) + receipts);
    }
    return listed([...found].map(([reason, receipts]) => `${inWords(reason)} (${count(receipts)})`));
  };
  const sum = (wanted: string): number =>
    finalOutcomes.filter(({ outcome }) => outcome === wanted).reduce((total, { receipts }) => total + receipts, 0);
  const attempts = groups
    .filter(({ phase }) => phase === 'outcome')
    .reduce((total, { receipts }) => total + receipts, 0);
  const rows = [
    sum('skipped') > 0 && `${counted(sum('skipped'), 'step')} skipped: ${reasons('skipped')}.`,
    sum('held') > 0 && `${counted(sum('held'), 'step')} on legal hold.`,
    ...(['failed', 'unknown', 'notFound'] as const).map(
      (outcome) => sum(outcome) > 0 && `${counted(sum(outcome), 'step')} ${LOOKS[outcome].name}.`,
    ),
    attempts > 0 && `${counted(attempts, 'receipt')} of attempts that were repeated later.`,
    sweep.rejected > 0 &&
      `${counted(sweep.rejected, 'row')} of the source rejected, ${count(sweep.duplicates)} left out as duplicates.`,
  ].filter((row): row is string => row !== false);
  return rows.length === 0 ? ['None.'] : rows;
}
