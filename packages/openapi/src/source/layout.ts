import { withEscapes } from '../schema/invisible';

/** Code before its lines are broken: texts, places where a line may break, and groups that break together. */
export type Layout =
  | string
  | readonly Layout[]
  | { group: Layout }
  | { indent: Layout }
  | typeof LINE
  | typeof SOFT_LINE
  | { ifBroken: string };

/** A blank, or a new line in a group that is broken. */
export const LINE = Symbol('line');
/** Nothing, or a new line in a group that is broken. */
export const SOFT_LINE = Symbol('soft line');

const WIDTH = 110;
const INDENT = '  ';

/** A list in brackets, on one line if it fits. */
export function bracketed(
  open: string,
  entries: readonly Layout[],
  close: string,
  { padded = false, separator = ',' } = {},
): Layout {
  if (entries.length === 0) return `${open}${close}`;
  const edge = padded ? LINE : SOFT_LINE;
  const inner = entries.flatMap((entry, place): Layout[] => (place === 0 ? [entry] : [separator, LINE, entry]));
  return { group: [open, { indent: [edge, ...inner] }, { ifBroken: separator }, edge, close] };
}

/** The call of a function or method. A single argument that is itself in brackets hugs the parentheses. */
export function called(callee: Layout, ...args: readonly Layout[]): Layout {
  const [only] = args;
  if (args.length === 1 && only !== undefined) return [callee, '(', only, ')'];
  return [callee, bracketed('(', args, ')')];
}

/** An object's properties, on one line if they fit. */
export function objectOf(entries: readonly (readonly [string, Layout])[]): Layout {
  return bracketed(
    '{',
    entries.map(([key, value]) => [`${propertyName(key)}: `, value]),
    '}',
    { padded: true },
  );
}

/** Code with its lines broken so that they fit, where they can. */
export function print(layout: Layout): string {
  const out: string[] = [];
  let column = 0;
  const write = (text: string): void => {
    out.push(text);
    const end = text.lastIndexOf('\n');
    column = end < 0 ? column + text.length : text.length - end - 1;
  };
  const walk = (node: Layout, depth: number, broken: boolean): void => {
    if (typeof node === 'string') write(node);
    else if (node === LINE || node === SOFT_LINE) {
      if (broken) write(`\n${INDENT.repeat(depth)}`);
      else if (node === LINE) write(' ');
    } else if (isList(node)) node.forEach((part) => walk(part, depth, broken));
    else if ('group' in node) walk(node.group, depth, flatWidth(node.group) > WIDTH - column);
    else if ('indent' in node) walk(node.indent, depth + 1, broken);
    else if (broken) write(node.ifBroken);
  };
  walk(layout, 0, true);
  return out.join('');
}

/** A text as a literal in single quotes. */
export function quoted(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  // A reader of the code has to see what is in it: directions of writing can be turned, and lines ended.
  return `'${withEscapes(escaped)}'`;
}

/** A property's name, in quotes where it is not an identifier. */
export function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

/** Any JSON-like value as a literal; regular expressions, too. What is undefined is left out. */
export function literal(value: unknown): Layout {
  if (typeof value === 'string') return quoted(value);
  if (value instanceof RegExp) return String(value);
  if (Array.isArray(value)) return bracketed('[', value.map(literal), ']');
  if (typeof value !== 'object' || value === null) return String(value);
  return objectOf(
    Object.entries(value).flatMap(([key, entry]) => (entry === undefined ? [] : [[key, literal(entry)] as const])),
  );
}

/** The width on one line; beyond the limit it does not matter how far. */
function flatWidth(layout: Layout): number {
  if (typeof layout === 'string') return layout.length;
  if (layout === LINE) return 1;
  if (layout === SOFT_LINE) return 0;
  if (isList(layout)) {
    let width = 0;
    for (const part of layout) if ((width += flatWidth(part)) > WIDTH) break;
    return width;
  }
  if ('group' in layout) return flatWidth(layout.group);
  return 'indent' in layout ? flatWidth(layout.indent) : 0;
}

function isList(layout: Exclude<Layout, string>): layout is readonly Layout[] {
  return Array.isArray(layout);
}
