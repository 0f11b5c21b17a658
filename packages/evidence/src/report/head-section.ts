import { html } from './markup';
import type { Markup } from './markup';
import type { ReportData } from './report-data';
import { acceptingSystems, furtherSentences, headlineOf, isDryRun, mainSentence } from './sentences';
import { count, duration, listed, moment, percent } from './words';

const STATUS_WORDS = {
  completed: 'completed',
  partial: 'partially completed',
  failed: 'failed',
  cancelled: 'cancelled',
  running: 'still running',
  paused: 'paused',
  waitingForApproval: 'waiting for approval',
} as const;

/** Summarizes the sweep: what it was and how it ended. */
export function headSection(data: ReportData): Markup {
  const { sweep } = data;
  return html`<header>
<p class="eyebrow">Offboarding sweep · report</p>
<h1>${sweep.sweepId}</h1>
<p class="status ${sweep.status}">${STATUS_WORDS[sweep.status]}${sweep.pausedBecause !== undefined && `: ${sweep.pausedBecause}`}</p>
<p class="sentence">${mainSentence(data)}</p>
${furtherSentences(data).map(
  (sentence) => html`<p class="further">${sentence}</p>
`,
)}${tiles(data)}
${asked(data)}
${facts(data)}
</header>
`;
}

function tiles(data: ReportData): Markup {
  const { total } = data.counts;
  const { gone, accepted, needPerson, leftAlone, unfinished } = headlineOf(data);
  const [system = 'a provider', ...others] = acceptingSystems(data);
  const acceptedBy = others.length > 0 ? 'providers' : system;
  const tile = (name: string, number: number, kind: string): Markup =>
    html`<div class="tile ${number > 0 && kind}"><dt>${name}</dt><dd>${count(number)}${
      total > 0 && html`<small>${percent(number, total)}</small>`
    }</dd></div>
`;
  const isDry = isDryRun(data);
  return html`<dl class="tiles">
${[
  !isDry && (gone > 0 || accepted === 0) && tile('deleted', gone, 'good'),
  accepted > 0 && tile(`accepted by ${acceptedBy}`, accepted, 'good'),
  tile('need attention', needPerson, 'bad'),
  tile(isDry ? 'read, not changed' : 'left out on purpose', isDry ? gone + leftAlone : leftAlone, 'calm'),
  tile('not finished', unfinished, 'calm'),
]}</dl>`;
}

function fact(name: string, value: string | Markup, kind = ''): Markup {
  return html`<div class="${kind}"><dt>${name}</dt><dd>${value}</dd></div>
`;
}

/** Where it was done and why, who asked, and who approved. */
function asked({ sweep, head, planned }: ReportData): Markup | false {
  const { reason = {} } = (sweep.plan === undefined ? {} : JSON.parse(sweep.plan)) as {
    reason?: { code?: string; note?: string };
  };
  const { requestedBy, receivedAt, dueAt, law = 'none' } = sweep.about ?? {};
  const claimed = sweep.approvedBy === undefined ? [] : [{ name: sweep.approvedBy, verified: false }];
  const approvers = (head?.approvedBy ?? claimed).map(
    ({ name, verified }) => `${name} (${verified ? 'signature verified' : 'not verified'})`,
  );
  const places = Object.entries(sweep.environments).map(
    ([service, environment]) => `${planned.titleOf(service)} ${environment}`,
  );
  // Heads of earlier versions do not have it.
  const { name: source } = (head?.source ?? {}) as { name?: string };
  const lines: [name: string, value: string | undefined][] = [
    ['Where', listed(places)],
    ['Why', [reason.code, reason.note].filter(Boolean).join(': ')],
    ['Requested by', requestedBy === undefined ? undefined : `${requestedBy} (not verified)`],
    ['Received', receivedAt],
    ['Due', dueAt === undefined ? undefined : `${moment(dueAt)}${law === 'none' ? '' : ` (${law.toUpperCase()})`}`],
    ['Approved by', listed(approvers)],
    ['Source', source],
    ['Columns of the source', sweep.report?.columns?.used.join(', ')],
  ];
  const given = lines.flatMap(([name, value = '']) =>
    value === '' ? [] : [fact(name, value, name === 'Why' ? 'long' : '')],
  );
  return given.length > 0 && html`<dl class="facts">${given}</dl>`;
}

function facts({ sweep, counts, summary, limits, madeAt, version }: ReportData): Markup {
  const ended = sweep.endedAt === undefined ? undefined : Date.parse(sweep.endedAt) - Date.parse(sweep.createdAt);
  const receipts = summary.groups.reduce((sum, group) => sum + group.receipts, 0);
  return html`<dl class="facts">
${[
  fact('Started', moment(sweep.createdAt)),
  fact('Ended', sweep.endedAt === undefined ? 'not yet' : moment(sweep.endedAt)),
  ended !== undefined && fact('Took', duration(ended)),
  fact('Users', count(counts.total)),
  fact('Duplicates in the source', count(sweep.duplicates)),
  fact('Rows rejected', count(sweep.rejected)),
  fact('Receipts', count(receipts)),
  limits.length > 0 && fact('Limits', limits.join('; '), 'long'),
  sweep.redriveOf !== undefined && fact('Redrive of', sweep.redriveOf),
  sweep.claimedBy !== undefined && fact('Run', html`<code>${sweep.claimedBy}</code>`, 'long'),
  fact('This report', `made ${moment(madeAt)} by temporal-http-tasks ${version}`, 'long'),
]}</dl>`;
}
