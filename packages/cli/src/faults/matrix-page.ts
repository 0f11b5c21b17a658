import { CALLS, FLOWS, POLICIES, WHENS } from '@temporal-http-tasks/testing/internal/oracle/cell';
import type { Flow } from '@temporal-http-tasks/testing/internal/oracle/cell';
import { Markup, html } from '@temporal-http-tasks/evidence/internal/report/markup';
import { page } from '@temporal-http-tasks/evidence/internal/report/page';
import { count } from '@temporal-http-tasks/evidence/internal/report/words';
import { MARKS } from '@temporal-http-tasks/testing/internal/faults/results';
import type { FaultResults, MatrixRow } from '@temporal-http-tasks/testing/internal/faults/results';

const SQUARE = 11;
const GAP = 2;

/** Colours are names of the page's style. */
const FILLS: Readonly<Record<string, string>> = {
  [MARKS.gone]: 'var(--removed)',
  [MARKS.reported]: 'var(--notFound)',
  [MARKS.wrong]: 'var(--bad)',
};

const WORDS: Readonly<Record<string, string>> = {
  [MARKS.gone]: 'the user is deleted',
  [MARKS.reported]: 'the user is not deleted, and the report is correct',
  [MARKS.wrong]: 'something is wrong',
  [MARKS.none]: 'there is no such cell',
};

const MATRIX_STYLE = `
.matrix{width:auto;overflow-wrap:normal}
.matrix th,.matrix td{padding:3px 14px 3px 0;white-space:nowrap}
.matrix thead th{font-size:.82rem}
.matrix svg{display:block}
`;

/** Returns the matrix as one self-contained HTML page with a square for each cell. */
export function matrixPage(results: FaultResults): string {
  const { cells, combinations, failed, seed } = results;
  const all = cells + combinations;
  const correct = failed.length === 0 ? 'All' : `${count(all - failed.length)} of ${count(all)}`;
  return page(
    'Every fault at every call',
    [
      html`<header>
<p class="eyebrow">temporal-http-tasks · reliability</p>
<h1>Every fault at every call</h1>
<p class="sentence">${correct} offboardings ended correctly.</p>
<p class="further">${count(cells)} cells, and ${count(combinations)} combinations of faults drawn from seed ${seed},
judged by the state of the providers.</p>
${tiles(results)}
${legend()}</header>
`,
      ...FLOWS.map((flow) =>
        flowSection(
          flow,
          results.matrix.filter((row) => row.flow === flow),
        ),
      ),
      failedSection(results),
    ],
    MATRIX_STYLE,
  );
}

function tiles({ numbers, failed }: FaultResults): Markup {
  const tile = (
    name: string,
    number: number,
  ): Markup => html`<div class="tile ${number > 0 ? 'bad' : 'good'}"><dt>${name}</dt><dd>${count(number)}</dd></div>
`;
  return html`<dl class="tiles">
${[
  tile('users lost', numbers.usersLost),
  tile('wrongly deleted', numbers.wronglyDeleted + numbers.bystandersTouched),
  tile('calls unrecorded', numbers.unrecordedCalls),
  tile('wrong', failed.length),
]}</dl>`;
}

function legend(): Markup {
  const entry = (mark: string): Markup => html`<div><dt>${squares(mark, 1)}</dt><dd>${WORDS[mark]}</dd></div>
`;
  return html`<dl class="legend">
${[MARKS.gone, MARKS.reported, MARKS.wrong].map(entry)}</dl>
<p class="note">Six squares for each call: once, twice and always from left to right;
above with onFailure “continue”, below with “stop”.</p>
`;
}

function flowSection(flow: Flow, rows: readonly MatrixRow[]): Markup {
  if (rows.length === 0) return html``;
  const calls = CALLS[flow].filter((call) => rows.some((row) => row.call === call));
  const faults = [...new Set(rows.map(({ fault }) => fault))];
  const cell = (fault: string, call: string): Markup | undefined => {
    const row = rows.find((one) => one.fault === fault && one.call === call);
    return row && squares(row.marks, WHENS.length, `${call}, ${fault}: ${inWords(row.marks)}`);
  };
  return html`<section class="card">
<h2>${flow === 'sweep' ? 'A sweep' : 'A single run'}</h2>
<div class="scroll"><table class="matrix">
<thead><tr><th scope="col">Fault</th>${calls.map((call) => html`<th scope="col">${call}</th>`)}</tr></thead>
<tbody>
${faults.map(
  (fault) => html`<tr><th scope="row">${fault}</th>${calls.map((call) => html`<td>${cell(fault, call)}</td>`)}</tr>
`,
)}</tbody>
</table></div>
</section>
`;
}

/** The cells of one call and fault; the marks are ordered by time and then by policy. */
function squares(marks: string, columns: number, words?: string): Markup {
  const lines = Math.ceil(marks.length / columns);
  const [width, height] = [columns, lines].map((squaresIn) => squaresIn * (SQUARE + GAP) - GAP);
  const shapes = [...marks].map((mark, index) => {
    const [x, y] = [Math.floor(index / lines), index % lines].map((place) => place * (SQUARE + GAP));
    return FILLS[mark] === undefined
      ? ''
      : `<rect x="${x}" y="${y}" width="${SQUARE}" height="${SQUARE}" rx="2" fill="${FILLS[mark]}"/>`;
  });
  const label = words === undefined ? html` aria-hidden="true"` : html` role="img" aria-label="${words}"`;
  const title = words !== undefined && html`<title>${words}</title>`;
  const size = html`width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return html`<svg ${size}${label}>${title}${new Markup(shapes.join(''))}</svg>`;
}

function inWords(marks: string): string {
  const times = WHENS.flatMap((when) => POLICIES.map((policy) => `${when}, ${policy}`));
  return [...marks]
    .flatMap((mark, index) => (mark === MARKS.none ? [] : [`${times[index]}: ${WORDS[mark]}`]))
    .join('; ');
}

function failedSection({ failed }: FaultResults): Markup {
  if (failed.length === 0) return html``;
  return html`<section class="card">
<h2>Not as they must be</h2>
<table>
<thead><tr><th scope="col">What</th><th scope="col">Expected</th><th scope="col">Got</th></tr></thead>
<tbody>
${failed.map(
  ({
    call,
    fault,
    when,
    policy,
    expected,
    got,
  }) => html`<tr><th scope="row">${call}, ${fault}, ${when}, ${policy}</th><td>${expected}</td><td>${got}</td></tr>
`,
)}</tbody>
</table>
</section>
`;
}
