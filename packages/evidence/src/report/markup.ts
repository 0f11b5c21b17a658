/** Text that is already HTML. Everything else is escaped when it is inserted into a page. */
export class Markup {
  constructor(readonly text: string) {}
}

/** A value that a template can contain: text is escaped, lists are joined, `undefined` and `false` are left out. */
export type Insertable = string | number | Markup | undefined | false | readonly Insertable[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Invisible characters that control the text around them, and characters that HTML does not allow. */
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}\ufdd0-\ufdef\ufffe\uffff]/gu;

/**
 * Returns text of providers or users in a form that is safe to show: characters that would control the page become
 * visible.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, '\ufffd');
}

/** Returns text in the form for use between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** Returns a piece of a page; inserted values are escaped unless they are {@link Markup}. */
export function html(strings: TemplateStringsArray, ...values: readonly Insertable[]): Markup {
  return new Markup(strings.map((text, index) => text + rendered(values[index])).join(''));
}

function rendered(value: Insertable): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(rendered).join('');
  return escapeHtml(String(value));
}
