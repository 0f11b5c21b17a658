import { formsOfSecret } from './secret-forms';

/** Stands where a secret was found in something a provider sent. */
export const SCRUBBED = '[secret]';
/** Stands where a secret would be in a prepared request that is shown. */
export const MASK = '****';

/** Names of headers in which keys stand that nobody told us of. */
export const SECRET_HEADER = /auth|cookie|key|secret|signature|token/i;

/** Shorter secrets count only where they stand alone, or a key named `k1` would eat holes into every answer. */
const MIN_FREE_STANDING_CHARACTERS = 8;

/** Removes known secrets from what came back. */
export class Scrubber {
  /** Every way in which a secret may stand in a text, with the pattern that removes it; longest first. */
  readonly #forms: readonly SecretForm[];
  #pattern: RegExp | undefined;

  constructor(secrets: readonly string[], base?: Scrubber) {
    const inherited = base === undefined ? [] : base.#forms;
    const forms = [...new Set(secrets)].filter((secret) => secret !== '').flatMap(patternsOf);
    this.#forms = [...inherited, ...forms].sort((a, b) => b.text.length - a.text.length);
  }

  /** A scrubber that removes these secrets too. */
  with(secrets: readonly string[]): Scrubber {
    return new Scrubber(secrets, this);
  }

  /** The text without any secret. */
  text(text: string): string {
    // Hardly any text holds a secret, and looking for one costs a small part of what the pattern would.
    if (!this.#mayHold(text)) return text;
    this.#pattern ??= new RegExp(this.#forms.map(({ pattern }) => pattern).join('|'), 'g');
    return text.replace(this.#pattern, SCRUBBED);
  }

  /** The parsed JSON value without any secret, in keys as well as in values. */
  value(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((entry) => this.value(entry));
    if (typeof value !== 'object' || value === null) return value;
    // fromEntries makes own properties, also of a key called __proto__.
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [this.text(key), this.value(entry)]));
  }

  /**
   * The value that was parsed from this JSON text, without any secret. Most answers hold none, which one search of the
   * text proves; only escapes (`\u0061`) could hide one from that search.
   */
  parsed(text: string, value: unknown): unknown {
    return text.includes('\\') || this.#mayHold(text) ? this.value(value) : value;
  }

  #mayHold(text: string): boolean {
    return this.#forms.some((form) => text.includes(form.text));
  }
}

interface SecretForm {
  text: string;
  /** Source of a regular expression. */
  pattern: string;
}

function patternsOf(secret: string): SecretForm[] {
  if (secret.length < MIN_FREE_STANDING_CHARACTERS) {
    return [{ text: secret, pattern: `(?<![A-Za-z0-9_])${escape(secret)}(?![A-Za-z0-9_])` }];
  }
  return formsOfSecret(secret).map((text) => ({ text, pattern: escape(text) }));
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

const CODE = /^[A-Za-z0-9_.-]{1,64}$/;
/** With the characters of base64, but never the beginning of a path. */
const ID = /^[A-Za-z0-9_.+=-][A-Za-z0-9_.+/=-]{0,127}$/;

/**
 * A provider's code or type, fit to stand in a failure: a number or a short plain word. Anything else is left out, so
 * that no prose, address or markup gets into a history.
 */
export function safeCode(value: unknown, scrubber: Scrubber): string | undefined {
  return safeWord(value, CODE, scrubber);
}

/** A provider's id of a request, or a token to quote, fit to stand in a failure or a receipt. */
export function safeId(value: unknown, scrubber: Scrubber): string | undefined {
  return safeWord(value, ID, scrubber);
}

function safeWord(value: unknown, form: RegExp, scrubber: Scrubber): string | undefined {
  if (typeof value !== 'string' && !Number.isFinite(value)) return undefined;
  const word = String(value);
  if (!form.test(word)) return word === SCRUBBED ? SCRUBBED : undefined;
  return scrubber.text(word) === word ? word : SCRUBBED;
}
