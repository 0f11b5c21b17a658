import { SecretSearch } from './secret-search';
import type { Span } from './secret-search';

/** Stands where a secret was found in something a provider sent. */
export const SCRUBBED = '[secret]';
/** Stands where a secret would be in a prepared request that is shown. */
export const MASK = '****';

/** Names of headers in which keys stand that nobody told us of. */
export const SECRET_HEADER = /auth|cookie|key|secret|signature|token/i;

/** Between the texts of a value that are searched as one: what has no meaning in any encoding. */
const BETWEEN = '\u0000';

/** Removes known secrets from what came back, in whichever common encoding they are in it. */
export class Scrubber {
  readonly #secrets: readonly string[];
  readonly #base: Scrubber | undefined;
  #search: SecretSearch | undefined;

  constructor(secrets: readonly string[], base?: Scrubber) {
    this.#secrets = [...new Set(secrets)].filter((secret) => secret !== '');
    this.#base = base;
  }

  /** A scrubber that removes these secrets too. */
  with(secrets: readonly string[]): Scrubber {
    return new Scrubber(secrets, this);
  }

  /** The text without any secret. */
  text(text: string): string {
    return this.#base ? this.#withoutOwn(this.#base.text(text)) : this.#withoutOwn(text);
  }

  /**
   * The parsed JSON value without any secret: in keys, texts and numbers, and where it is split among several of them. A
   * number that is one becomes a text.
   */
  value(value: unknown): unknown {
    return this.#valueWithoutOwn(this.#base ? this.#base.value(value) : value);
  }

  /** The value that was parsed from this JSON text, without any secret. Most texts contain none, which one search proves. */
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

/** Keys, texts and numbers, in the order of the JSON text. */
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

/** The same value made of other leaves, which are taken in the same order. */
function rebuilt(value: unknown, next: () => string): unknown {
  if (typeof value === 'string') return next();
  if (typeof value === 'number' || typeof value === 'bigint') {
    const text = next();
    return text === String(value) ? value : text;
  }
  if (Array.isArray(value)) return value.map((entry) => rebuilt(entry, next));
  if (typeof value !== 'object' || value === null) return value;
  // fromEntries makes own properties, also of a key called __proto__.
  return Object.fromEntries(Object.entries(value).map(([, entry]) => [next(), rebuilt(entry, next)] as const));
}

/** The leaves without these spans of all of them together; what is between two leaves belongs to neither. */
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
