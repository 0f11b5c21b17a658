import { SecretSearch } from './secret-search';
import type { Span } from './secret-search';

/** Replaces a secret that was found in something a provider sent. */
export const SCRUBBED = '[secret]';
/** Replaces a secret in a prepared request that is shown. */
export const MASK = '****';

/** Names of headers that usually carry keys, including keys that are not configured here. */
export const SECRET_HEADER = /auth|cookie|key|secret|signature|token/i;

/** Separates the texts of a value that are searched as one; has no meaning in any encoding. */
const BETWEEN = '\u0000';

/** Removes known secrets from received data, in every common encoding. */
export class Scrubber {
  readonly #secrets: readonly string[];
  readonly #base: Scrubber | undefined;
  #search: SecretSearch | undefined;

  constructor(secrets: readonly string[], base?: Scrubber) {
    this.#secrets = [...new Set(secrets)].filter((secret) => secret !== '');
    this.#base = base;
  }

  /** Returns a scrubber that also removes these secrets. */
  with(secrets: readonly string[]): Scrubber {
    return new Scrubber(secrets, this);
  }

  /** Returns the text without secrets. */
  text(text: string): string {
    return this.#base ? this.#withoutOwn(this.#base.text(text)) : this.#withoutOwn(text);
  }

  /**
   * Returns the parsed JSON value without secrets: in keys, strings and numbers, and if a secret is split among several
   * of them. A number that is a secret becomes a string.
   */
  value(value: unknown): unknown {
    return this.#valueWithoutOwn(this.#base ? this.#base.value(value) : value);
  }

  /**
   * Returns the value parsed from this JSON text, without secrets. Most texts contain none, which one search of the
   * text proves.
   */
  parsed(text: string, value: unknown): unknown {
    const rest = this.#base ? this.#base.parsed(text, value) : value;
    return this.#spansIn(text).length === 0 ? rest : this.#valueWithoutOwn(rest);
  }

  #withoutOwn(text: string): string {
    const spans = this.#spansIn(text);
    return spans.length === 0 ? text : withoutSpans(text, spans);
  }

  #valueWithoutOwn(value: unknown): unknown {
    const leaves: string[] = [];
    gatherLeaves(value, leaves);
    const text = leaves.join(BETWEEN);
    const spans = this.#spansIn(text);
    if (spans.length === 0) return value;
    const cleaned = cleanedLeaves(leaves, spans);
    let next = 0;
    return rebuilt(value, () => cleaned[next++] ?? '');
  }

  #spansIn(text: string): Span[] {
    this.#search ??= new SecretSearch(this.#secrets);
    return this.#search.spansIn(text);
  }
}

function withoutSpans(text: string, spans: readonly Span[]): string {
  let cleaned = '';
  let from = 0;
  for (const [start, end] of spans) {
    cleaned += text.slice(from, start) + SCRUBBED;
    from = end;
  }
  return cleaned + text.slice(from);
}

/** Collects keys, strings and numbers in the order of the JSON text. */
function gatherLeaves(value: unknown, into: string[]): void {
  if (typeof value === 'string') into.push(value);
  else if (typeof value === 'number' || typeof value === 'bigint') into.push(String(value));
  else if (Array.isArray(value)) for (const entry of value) gatherLeaves(entry, into);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, entry] of Object.entries(value)) {
      into.push(key);
      gatherLeaves(entry, into);
    }
  }
}

/** Returns the same value with its leaves replaced in order. */
function rebuilt(value: unknown, next: () => string): unknown {
  if (typeof value === 'string') return next();
  if (typeof value === 'number' || typeof value === 'bigint') {
    const text = next();
    return text === String(value) ? value : text;
  }
  if (Array.isArray(value)) return value.map((entry) => rebuilt(entry, next));
  if (typeof value !== 'object' || value === null) return value;
  // fromEntries creates own properties, even for a key named __proto__.
  return Object.fromEntries(Object.entries(value).map(([, entry]) => [next(), rebuilt(entry, next)] as const));
}

/** Returns the leaves without these spans, which are positions in the joined text; separators belong to no leaf. */
function cleanedLeaves(leaves: readonly string[], spans: readonly Span[]): string[] {
  let start = 0;
  let first = 0;
  return leaves.map((leaf) => {
    const end = start + leaf.length;
    while (first < spans.length && (spans[first]?.[1] ?? 0) <= start) first += 1;
    const own: Span[] = [];
    for (let at = first; at < spans.length; at += 1) {
      const [from, to] = spans[at] ?? [end, end];
      if (from >= end) break;
      own.push([Math.max(0, from - start), Math.min(leaf.length, to - start)]);
    }
    start = end + BETWEEN.length;
    return own.length === 0 ? leaf : withoutSpans(leaf, own);
  });
}

const CODE = /^[A-Za-z0-9_.-]{1,64}$/;
/** Includes the characters of base64, but cannot start with a slash as a path does. */
const ID = /^[A-Za-z0-9_.+=-][A-Za-z0-9_.+/=-]{0,127}$/;

/**
 * Returns a provider's code or type if it is safe in a failure: a number or a short plain word. Anything else is
 * omitted, so that no prose, URL or markup gets into a history.
 */
export function safeCode(value: unknown, scrubber: Scrubber): string | undefined {
  return safeWord(value, CODE, scrubber);
}

/** Returns a provider's request ID or confirmation token if it is safe in a failure or a receipt. */
export function safeId(value: unknown, scrubber: Scrubber): string | undefined {
  return safeWord(value, ID, scrubber);
}

function safeWord(value: unknown, form: RegExp, scrubber: Scrubber): string | undefined {
  if (typeof value !== 'string' && !Number.isFinite(value)) return undefined;
  const word = String(value);
  if (!form.test(word)) return word === SCRUBBED ? SCRUBBED : undefined;
  return scrubber.text(word) === word ? word : SCRUBBED;
}
