import { codeFigures, finalOutcomeGroups, stepFigures, usersTally } from './figures';
import type { CodeFigures, StepFigures } from './figures';
import { html } from './markup';
import type { Markup } from './markup';
import { barRows } from './plots/bar-rows';
import type { BarRow } from './plots/bar-rows';
import { emptyFigure, plotFigure } from './plots/figure';
import type { NumbersTable } from './plots/figure';
import type { ReportData } from './report-data';
import { LOOKS, STANDINGS, present, sumOf } from './standings';
import type { Tally } from './standings';
import { count, counted, percent } from './words';

/** Draws the users by standing, each once, as a single bar. */
export async function usersPlot({ counts, summary }: ReportData): Promise<Markup> {
  const about = { id: 'users', title: 'Outcomes of the users' };
  const tally = usersTally(counts);
  const total = sumOf(tally);
  if (total === 0) return emptyFigure(about, 'The source has no users.');
  const words = present(tally).map(
    ([standing, number]) => `${LOOKS[standing].name} ${count(number)} (${percent(number, total)})`,
  );
  const row = { title: 'All users', note: count(total), tally };
  return plotFigure({
    ...about,
    note: 'Each user counts once, under the worst outcome of its steps.',
    description: `Bar of ${counted(total, 'user')}: ${words.join(', ')}.`,
    draw: (width) => barRows([row], width),
    table: {
      head: ['Outcome', 'Users', 'Share'],
      rows: present(tally).map(([standing, number]) => [LOOKS[standing].name, number, percent(number, total)]),
    },
    legend: legend(tally, summary),
  });
}

/** Explains the colours and words of all plots, with the numbers of users; only those that occur. */
function legend(users: Tally, { groups }: ReportData['summary']): Markup {
  const total = sumOf(users);
  const occurs = STANDINGS.filter(
    (standing) => (users[standing] ?? 0) > 0 || finalOutcomeGroups(groups).some(({ outcome }) => outcome === standing),
  );
  return html`<dl class="legend">
${occurs.map((standing) => {
  const number = users[standing] ?? 0;
  const share = number === 0 ? 'as a single step only' : `${count(number)}, ${percent(number, total)}`;
  const { name, meaning } = LOOKS[standing];
  return html`<div><dt><span class="swatch ${standing}"></span>${name} <span class="soft">${share}</span></dt>
<dd>${meaning}</dd></div>
`;
})}</dl>
`;
}

/** Draws the final outcomes of each step. */
export async function stepsPlot({ summary, needsPerson, planned }: ReportData): Promise<Markup> {
  const about = { id: 'steps', title: 'Outcomes by step' };
  const steps = stepFigures(summary.groups, planned);
  if (steps.length === 0) return emptyFigure(about, 'No step has ended.');
  const rows = steps.map(({ label, tally }): BarRow => {
    const bad = needsPerson.flatMap((outcome) =>
      (tally[outcome] ?? 0) > 0 ? [`${count(tally[outcome] ?? 0)} ${LOOKS[outcome].name}`] : [],
    );
    const all = sumOf(tally);
    const needing = needsPerson.reduce((sum, outcome) => sum + (tally[outcome] ?? 0), 0);
    return {
      title: label,
      note: [count(all), ...bad].join(' · '),
      shortNote: needing === 0 ? count(all) : `${count(all)} · ${count(needing)} to check`,
      tally,
    };
  });
  return plotFigure({
    ...about,
    note: 'The final outcome of each step, in shares. A step with different outcomes for several things of a user has one for each.',
    description:
      `Stacked bars of the outcomes of ${counted(steps.length, 'step')}: ` +
      `${steps.map(({ label, tally }) => `${label}: ${tallyInWords(tally)}`).join('; ')}.`,
    draw: (width) => barRows(rows, width),
    table: stepsTable(steps),
  });
}

function tallyInWords(tally: Tally): string {
  return present(tally)
    .map(([standing, number]) => `${LOOKS[standing].name} ${count(number)}`)
    .join(', ');
}

function stepsTable(steps: readonly StepFigures[]): NumbersTable {
  const columns = STANDINGS.filter((standing) => steps.some(({ tally }) => (tally[standing] ?? 0) > 0));
  return {
    head: ['System', 'Step', ...columns.map((standing) => LOOKS[standing].name), 'all'],
    rows: steps.map(({ system, step, tally }) => [
      system,
      step,
      ...columns.map((standing) => tally[standing] ?? 0),
      sumOf(tally),
    ]),
  };
}

/** Draws why steps need attention. */
export async function codesPlot({ summary, needsPerson, planned }: ReportData): Promise<Markup> {
  const about = { id: 'codes', title: 'Failures by provider code' };
  const { shown, others } = codeFigures(summary.groups, needsPerson, planned);
  if (shown.length === 0) {
    const any = finalOutcomeGroups(summary.groups).length > 0;
    return emptyFigure(about, any ? 'Nothing failed, and nothing is unknown.' : 'No step has ended.');
  }
  const most = shown[0]?.receipts ?? 1;
  const rows = shown.map((figures): BarRow => ({
    title: titleOf(figures),
    note: count(figures.receipts),
    tally: { [figures.outcome]: figures.receipts },
    outOf: most,
  }));
  return plotFigure({
    ...about,
    note:
      others > 0
        ? `The ${shown.length} most frequent; ${counted(others, 'more receipt')} with other codes.`
        : undefined,
    description:
      `Bars of ${counted(shown.length, 'code')}: ` +
      `${shown.map((figures) => `${titleOf(figures)}: ${count(figures.receipts)}`).join('; ')}.`,
    draw: (width) => barRows(rows, width),
    table: {
      head: ['Code', 'System', 'Step', 'Outcome', 'Receipts'],
      rows: shown.map(({ code, system, step, outcome, receipts }) => [
        code,
        system,
        step,
        LOOKS[outcome].name,
        receipts,
      ]),
    },
  });
}

function titleOf({ code, label }: CodeFigures): string {
  return `${code} · ${label}`;
}
