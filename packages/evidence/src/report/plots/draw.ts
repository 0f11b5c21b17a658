import type { Config, Spec } from 'vega';
import { Markup, escapeHtml } from '../markup';

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

/** A drawing before it is drawn: data for the plotting library, and its words for those who do not see it. */
export interface Drawing {
  spec: Spec;
  description: string;
}

/** Draws without a browser; what comes out is inline SVG without scripts, styles or addresses. */
export async function draw({ spec, description }: Drawing, className: string): Promise<Markup> {
  // Only reports pay for loading it.
  const { Error: onlyErrors, View, parse } = await import('vega');
  const view = new View(parse(spec, STYLE), { renderer: 'none', logLevel: onlyErrors });
  try {
    return new Markup(inline(await view.toSVG(), description, className));
  } finally {
    view.finalize();
  }
}

/** Within HTML the name spaces of a file of its own are not needed. */
function inline(svg: string, description: string, className: string): string {
  const [root = '', width = '0', height = '0'] = /^<svg [^>]*width="([\d.]+)" height="([\d.]+)"[^>]*>/.exec(svg) ?? [];
  if (root === '') throw new Error('The plotting library has drawn something else than SVG.');
  const attributes = `class="plot ${className}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  return `<svg ${attributes} role="img" aria-label="${escapeHtml(description)}">${svg.slice(root.length)}`;
}
