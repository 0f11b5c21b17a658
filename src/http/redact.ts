import { formsOfSecret } from './secret-forms';

/** Stands where a secret was found in something a provider sent. */
export const SCRUBBED = '[secret]';
/** Stands where a secret would be in a prepared request that is shown. */
export const MASK = '****';

/** Shorter secrets count only where they stand alone, or a key named `k1` would eat holes into every answer. */
const MIN_FREE_STANDING_CHARACTERS = 8;

/** Removes known secrets from what came back. */
export class Scrubber {
  readonly #pattern: RegExp | undefined;

  constructor(secrets: readonly string[]) {
    const alternatives = [...new Set(secrets)]
      .filter((secret) => secret !== '')
      .sort((a, b) => b.length - a.length)
      .flatMap((secret) =>
        secret.length < MIN_FREE_STANDING_CHARACTERS
          ? [`(?<![A-Za-z0-9_])${escape(secret)}(?![A-Za-z0-9_])`]
          : formsOfSecret(secret).map(escape),
      );
    this.#pattern = alternatives.length === 0 ? undefined : new RegExp(alternatives.join('|'), 'g');
  }

  /** The text without any secret. */
  text(text: string): string {
    return this.#pattern === undefined ? text : text.replace(this.#pattern, SCRUBBED);
  }

  /** The parsed JSON value without any secret, in keys as well as in values. */
  value(value: unknown): unknown {
    if (this.#pattern === undefined) return value;
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
    if (this.#pattern === undefined) return value;
    if (!text.includes('\\') && text.search(this.#pattern) === -1) return value;
    return this.value(value);
  }
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
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const word = String(value);
  if (!form.test(word)) return word === SCRUBBED ? SCRUBBED : undefined;
  return scrubber.text(word) === word ? word : SCRUBBED;
}
