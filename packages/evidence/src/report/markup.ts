/** Text that is HTML already. Everything else is escaped on its way into a page. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What may stand in a template: text is escaped, lists are joined, `undefined` and `false` leave nothing. */
export type Insertable = string | number | Markup | undefined | false | readonly Insertable[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters without a look of their own, which steer the text around them, and those that HTML does not allow. */
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}\ufdd0-\ufdef\ufffe\uffff]/gu;

/** Text of providers or users as it may be shown: what would steer the page instead is made visible. */
export function visible(text: string): string {
  return text.replace(UNSEEN, '\ufffd');
}

/** Text as it stands between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** A piece of a page; whatever is inserted is escaped unless it is a {@link Markup} itself. */
export function html(strings: TemplateStringsArray, ...values: readonly Insertable[]): Markup {
  return new Markup(strings.map((text, index) => text + rendered(values[index])).join(''));
}

function rendered(value: Insertable): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(rendered).join('');
  return escapeHtml(String(value));
}
