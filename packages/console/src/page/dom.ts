/** Options of an element besides its children. */
export interface ElementOptions {
  class?: string;
  text?: string;
  attributes?: Readonly<Record<string, string | undefined>>;
  on?: Readonly<Record<string, (event: Event) => void>>;
}

/** A child, or nothing. */
export type Child = Node | string | undefined | false;

/** Creates an element. Texts stay text: nothing of a provider or a document becomes markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: ElementOptions = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (options.class !== undefined) made.className = options.class;
  if (options.text !== undefined) made.textContent = options.text;
  for (const [name, value] of Object.entries(options.attributes ?? {}))
    if (value !== undefined) made.setAttribute(name, value);
  for (const [name, listener] of Object.entries(options.on ?? {})) made.addEventListener(name, listener);
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** Replaces the element's children. */
export function fill(target: Element, ...children: Child[]): void {
  target.replaceChildren(...children.filter((child) => child !== undefined && child !== false));
}

/** A link to another site, or the text alone if it is not a web address. */
export function outsideLink(url: string, text: string): Node {
  if (!/^https?:\/\//.test(url)) return document.createTextNode(text);
  return element('a', { text, attributes: { href: url, target: '_blank', rel: 'noopener noreferrer' } });
}

/** A button that does something. */
export function button(
  text: string,
  onClick: () => void,
  options: { class?: string; attributes?: Readonly<Record<string, string | undefined>> } = {},
): HTMLButtonElement {
  const attributes = { type: 'button', ...options.attributes };
  return element('button', { text, attributes, class: options.class ?? '', on: { click: onClick } });
}

/**
 * A button that copies the text of an element; without a clipboard, which needs HTTPS, it selects the text.
 *
 * @param text What is copied, if the element shows it in another form. @default its text
 */
export function copyButton(source: HTMLElement, what: string, text?: string): HTMLButtonElement {
  const copy = button('Copy', () => void copyText(), { class: 'quiet', attributes: { 'aria-label': `Copy ${what}` } });
  const copyText = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text ?? source.textContent);
      copy.textContent = 'Copied';
    } catch {
      window.getSelection()?.selectAllChildren(source);
      copy.textContent = 'Selected';
    }
    window.setTimeout(() => (copy.textContent = 'Copy'), 1_500);
  };
  return copy;
}

/** Creates a disclosure that can be opened. */
export function details(summary: string, ...children: Child[]): HTMLDetailsElement {
  return element('details', {}, element('summary', { text: summary }), ...children);
}

/** Number of columns from which a table is a list of its rows in narrow windows. */
const MANY_COLUMNS = 4;

/** Creates the cells of a row; each is labelled for tables of many columns in narrow windows. */
export function cellsOf(head: readonly string[], cells: readonly Child[]): HTMLElement[] {
  return cells.map((cell, index) => element('td', { attributes: { 'data-label': head[index] } }, cell));
}

/** Creates a table with a caption for screen readers. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly Child[])[]): HTMLElement {
  const headRow = element('tr', {}, ...head.map((text) => element('th', { text, attributes: { scope: 'col' } })));
  const bodyRows = rows.map((cells) => element('tr', {}, ...cellsOf(head, cells)));
  return element(
    'div',
    { class: 'table', attributes: { tabindex: '0', role: 'group', 'aria-label': caption } },
    element(
      'table',
      { class: head.length < MANY_COLUMNS ? '' : 'many-columns' },
      element('caption', { text: caption }),
      element('thead', {}, headRow),
      element('tbody', {}, ...bodyRows),
    ),
  );
}

let lastId = 0;

/** Returns an ID that is unique on the page. */
export function freshId(name: string): string {
  lastId += 1;
  return `${name}-${lastId}`;
}
