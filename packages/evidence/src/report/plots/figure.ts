import type { Config, Spec } from 'vega';
import { html, Markup, escapeHtml } from '../markup';
import type { Insertable } from '../markup';

/** Colours are names of the page's style, so that one drawing serves light, dark and paper. */
const STYLE: Config = {
  axis: {
    labelColor: 'var(--soft)',
    titleColor: 'var(--soft)',
    domainColor: 'var(--line)',
    tickColor: 'var(--line)',
    gridColor: 'var(--line)',
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 400,
  },
};

/** Widths of each plot, in pixels: for screens and paper, and for phones. The page shows the one that fits. */
export const WIDTHS = { wide: 960, narrow: 340 } as const;

/** Maximum number of rows of a table on paper; a longer table would fill pages with what the plot shows. */
const MOST_ROWS_ON_PAPER = 20;

/** A plot, and the same numbers as a table. */
export interface PlotFigure {
  /** The figure's ID within the page. */
  id: string;
  title: string;
  /** A line or two below the title. */
  note?: Insertable;
  description: string;
  draw: (width: number) => Drawing['spec'];
  table: NumbersTable;
  /** Shown below the plot. */
  legend?: Markup;
}

/** The numbers of a plot. */
export interface NumbersTable {
  head: readonly string[];
  /** The first cell of each names the row. */
  rows: readonly (readonly (string | number)[])[];
}

/** Draws a figure in both widths, with its numbers in a table that can be opened. */
export async function plotFigure({
  id,
  title,
  note,
  description,
  draw: specOf,
  table,
  legend,
}: PlotFigure): Promise<Markup> {
  const [wide, narrow] = await Promise.all(
    (['wide', 'narrow'] as const).map((size) => draw({ spec: specOf(WIDTHS[size]), description }, size)),
  );
  return html`<figure id="${id}" class="card">
<figcaption><h2>${title}</h2>${note !== undefined && html`<p class="note">${note}</p>`}</figcaption>
${wide}
${narrow}
${legend}<details class="${table.rows.length > MOST_ROWS_ON_PAPER && 'long-table'}">
<summary>The numbers</summary>${numbersTable(table)}</details>
</figure>
`;
}

/** Returns a figure for which there is nothing to draw. */
export function emptyFigure({ id, title }: Pick<PlotFigure, 'id' | 'title'>, why: string): Markup {
  return html`<section id="${id}" class="card"><h2>${title}</h2><p class="note">${why}</p></section>
`;
}

function numbersTable({ head, rows }: NumbersTable): Markup {
  const cellOf = (cell: string | number): Markup =>
    html`<td${typeof cell === 'number' && html` class="number"`}>${shown(cell)}</td>`;
  const lines = rows.map(
    ([first, ...rest]) => html`<tr><th scope="row">${first}</th>${rest.map(cellOf)}</tr>
`,
  );
  return html`<div class="scroll" tabindex="0" role="group" aria-label="The numbers">
<table class="numbers"><thead><tr>${head.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead><tbody>
${lines}</tbody></table></div>`;
}

function shown(cell: string | number): string {
  return typeof cell === 'number' ? cell.toLocaleString('en-US') : cell;
}

/** A drawing before it is rendered: data for the plotting library, and a description for screen readers. */
interface Drawing {
  spec: Spec;
  description: string;
}

/** Renders a drawing without a browser, as inline SVG without scripts, styles or addresses. */
async function draw({ spec, description }: Drawing, className: string): Promise<Markup> {
  // Only reports load it.
  const { Error: onlyErrors, View, parse } = await import('vega');
  const view = new View(parse(spec, STYLE), { renderer: 'none', logLevel: onlyErrors });
  try {
    return new Markup(inline(await view.toSVG(), description, className));
  } finally {
    view.finalize();
  }
}

/** Inline SVG within HTML needs no namespaces. */
function inline(svg: string, description: string, className: string): string {
  const [root = '', width = '0', height = '0'] = /^<svg [^>]*width="([\d.]+)" height="([\d.]+)"[^>]*>/.exec(svg) ?? [];
  if (root === '') throw new Error('The plotting library did not return SVG.');
  const attributes = `class="plot ${className}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  return `<svg ${attributes} role="img" aria-label="${escapeHtml(description)}">${withoutRoles(svg.slice(root.length))}`;
}

/** An image has one description; roles of its parts would be images without one. */
function withoutRoles(svg: string): string {
  return svg.replace(/<[^<>]*>/g, (tag) => tag.replace(/ (?:role|aria-[a-z]+)="[^"]*"/g, ''));
}
