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

/** A drawing before it is rendered: data for the plotting library, and a description for screen readers. */
export interface Drawing {
  spec: Spec;
  description: string;
}

/** Renders a drawing without a browser, as inline SVG without scripts, styles or addresses. */
export async function draw({ spec, description }: Drawing, className: string): Promise<Markup> {
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
  return `<svg ${attributes} role="img" aria-label="${escapeHtml(description)}">${svg.slice(root.length)}`;
}
