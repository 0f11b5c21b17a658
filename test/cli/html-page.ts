import { parse } from 'parse5';
import type { DefaultTreeAdapterMap, ParserError } from 'parse5';

type Node = DefaultTreeAdapterMap['node'];
type Element = DefaultTreeAdapterMap['element'];

/** A page as a browser would read it. */
export interface HtmlPage {
  /** Where it is not well-formed, by the rules of the HTML standard. */
  errors: string[];
  elements: Element[];
  /** The text of the element with this id, or of the whole page. */
  text(id?: string): string;
  /** The rows of the table in the element with this id, cell by cell, its head first. */
  table(id: string): string[][];
}

/** Parses a page strictly. */
export function parsePage(html: string): HtmlPage {
  const errors: string[] = [];
  const onParseError = ({ code, startLine }: ParserError) => errors.push(`line ${startLine}: ${code}`);
  const document = parse(html, { sourceCodeLocationInfo: true, onParseError });
  const elements = [...walk(document)].filter((node): node is Element => 'tagName' in node);
  const byId = (id: string): Element => {
    const found = elements.find((element) => attribute(element, 'id') === id);
    if (!found) throw new Error(`The page has no element #${id}.`);
    return found;
  };
  return {
    errors,
    elements,
    text: (id) => textOf(id === undefined ? document : byId(id)),
    table: (id) => {
      const rows = [...walk(byId(id))].filter((node): node is Element => 'tagName' in node && node.tagName === 'tr');
      return rows.map((row) => row.childNodes.filter((node) => 'tagName' in node).map(textOf));
    },
  };
}

/** The value of an attribute; undefined when it has none. */
export function attribute(element: Element, name: string): string | undefined {
  return element.attrs.find((one) => one.name === name)?.value;
}

/** An element or text and everything in it, in order. */
function* walk(node: Node): Generator<Node> {
  yield node;
  if ('childNodes' in node) for (const child of node.childNodes) yield* walk(child);
}

function textOf(node: Node): string {
  return [...walk(node)]
    .map((one) => ('value' in one ? one.value : ''))
    .join('')
    .replace(/\s+/g, ' ')
    .trim();
}
