import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { codeOf } from './figures';
import { html } from './markup';
import type { Markup } from './markup';
import { remedyFor } from 'temporal-http-tasks/internal/attention/failed-steps';
import type { ReportData } from './report-data';
import { LOOKS, isOutcome } from './standings';
import { count, counted } from './words';

const MOST_CHARACTERS = 120;

const HEAD = ['User', 'Step', 'Outcome', 'Code', 'Request ID', 'What to do'] as const;

/** A step that needs attention. */
type OpenStep = Receipt & { outcome: Outcome };

/** Lists the users who need attention: the step, the provider's response, and what to do. */
export function peopleSection(data: ReportData): Markup {
  const { users, needsPerson, sweep } = data;
  if (users.users === 0) {
    const orNotFound = needsPerson.includes('notFound') && ', was not found';
    return html`<section id="people" class="card"><h2>Users who need attention</h2>
<p class="note">None: no step failed${orNotFound} or is unknown.</p></section>
`;
  }
  const receipts = users.receipts.filter(
    (receipt): receipt is OpenStep =>
      receipt.outcome !== undefined && isOutcome(receipt.outcome) && needsPerson.includes(receipt.outcome),
  );
  const subjects = subjectsBySeq(users.receipts);
  const named = new Set(receipts.map(({ seq }) => seq)).size;
  const what = needsPerson.includes('notFound') ? 'failed, is unknown or was not found' : 'failed or is unknown';
  const more =
    users.users > named &&
    html`<p class="note strong">These are the first ${count(named)}; ${count(users.users - named)} more are in
<code>http-tasks receipts ${quoted(sweep.sweepId)} --csv --out receipts.csv</code>.</p>`;
  return html`<section id="people" class="card"><h2>Users who need attention</h2>
<p class="note">${counted(users.users, 'user')} with a step that ${what}. ${howToGoOn(data)}</p>
<p class="note">Users are not named. Each has its number in this sweep and a keyed hash of its ID, then its reference and
its line in the source, if known. <code>http-tasks receipts ID</code> finds the receipts of an ID.</p>
${more}
<table class="people"><thead><tr>${HEAD.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead><tbody>
${receipts.map((receipt) => personRow(receipt, receipt.subject || (subjects.get(receipt.seq) ?? ''), data))}</tbody></table>
</section>
`;
}

/** Returns each user's subject, for steps that have none of their own. */
function subjectsBySeq(receipts: readonly Receipt[]): Map<number, string> {
  return new Map(
    [...receipts]
      .reverse()
      .filter(({ subject }) => subject !== '')
      .map(({ seq, subject }) => [seq, subject]),
  );
}

function howToGoOn({ sweep, users: { receipts } }: ReportData): Markup {
  const id = quoted(sweep.sweepId);
  const redrive = sweep.readable
    ? html`<code>http-tasks sweep redrive ${id}</code> retries those that failed or are unknown, once the cause is fixed`
    : html`The IDs of this sweep are destroyed, so they can only be retried from their source, with a new sweep`;
  const notFound =
    receipts.some(({ outcome }) => outcome === 'notFound') &&
    '; users who were not found need the right ID or environment, and a new sweep';
  return html`${redrive}${notFound}.`;
}

function personRow(
  receipt: OpenStep,
  subject: string,
  { labels, planned }: Pick<ReportData, 'labels' | 'planned'>,
): Markup {
  const { reference, line } = labels.get(receipt.seq) ?? {};
  const system = planned.systemOf(receipt);
  const { seq, step, outcome, requestId = '', token } = receipt;
  const user = [
    html`${count(seq + 1)} <code class="subject">${subject}</code>`,
    reference !== undefined && html` ${reference}`,
    line !== undefined && html` <span class="note">line ${count(line)}</span>`,
  ];
  const cells = [
    html`${system !== '' && html`${system} `}<code>${step}</code>`,
    html`<span class="mark ${outcome}">${LOOKS[outcome].name}</span>`,
    html`<code>${cut(codeOf(receipt))}</code>`,
    html`<code>${cut(requestId)}</code>${token !== undefined && html` token <code>${cut(token)}</code>`}`,
    remedyFor(receipt, outcome),
  ];
  const [first, ...others] = HEAD;
  return html`<tr><th scope="row" data-label="${first}">${user}</th>${cells.map(
    (cell, index) => html`<td data-label="${others[index]}">${cell}</td>`,
  )}</tr>
`;
}

/** Shortens a text; the CSV has all of it. */
function cut(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
