import { piecesOf } from './encoded-blobs';
import {
  decodeOnce,
  decodeQuotedPrintable,
  formsOfSecret,
  isOtherForm,
  MIN_SYMBOLS,
  MOST_LAYERS,
} from './encoded-text';
import type { SecretForm } from './encoded-text';

/** A range of a text; the end is exclusive. */
export type Span = readonly [start: number, end: number];

/** Maximum depth of nested encodings. */
const MOST_DEPTH = 4;
/** Maximum decoded characters per character of the text. A text that needs more was made to keep the search busy. */
const MOST_WORK_EACH = 6;
const LEAST_WORK = 100_000;
/** Maximum number of other characters between two symbols of a secret. */
const MOST_BETWEEN = 200;

/**
 * Maximum number of secrets in one encoded piece that are removed one by one; with more, the text between them is
 * removed too.
 */
const MOST_IN_PIECE = 16;

/** Kinds of characters below 128: 1 to 36 for letters and digits, ignoring case, and these constants for others. */
const OF_BLOB = 40;
const BEGINS_ESCAPE = 41;
const KINDS = kinds();
/** Minimum length of a run to decode: shorter runs cannot contain eight characters in base64. */
const MIN_RUN = 11;
const MIN_RUN_FOR_SHORT = 3;

/**
 * Random value per symbol for a rolling hash of the last eight symbols: shifting four bits per symbol removes older
 * ones.
 */
const GEAR = gears();

interface Gram {
  form: SecretForm;
  /** Position in the form at which the eight symbols begin. */
  offset: number;
}

/** A secret with too few letters and digits for the symbol search; it is searched literally. */
interface LiteralSecret {
  pattern: RegExp;
  isShort: boolean;
}

interface Work {
  left: number;
}

/**
 * Finds secrets in texts in linear time, whatever the number of secrets.
 *
 * A text is compared by its letters and digits only, in lower case, so that line breaks, quotes and other separators
 * hide nothing. Escapes are decoded repeatedly, and each result is searched. Data that looks like base64 or hex is
 * decoded and searched as well. Each character costs only one lookup of the hash of the last eight symbols; a hit is
 * then verified symbol by symbol.
 */
export class SecretSearch {
  readonly #grams = new Map<number, Gram[]>();
  readonly #literals: readonly LiteralSecret[];
  readonly #filter: Uint32Array;
  readonly #filterShift: number;
  readonly #minRun: number;
  readonly #mostBetween: number;

  constructor(secrets: readonly string[]) {
    const forms = secrets.map((secret) => ({
      secret,
      forms: secret.length < MIN_SYMBOLS ? [] : formsOfSecret(secret),
    }));
    for (const form of forms.flatMap((one) => one.forms)) this.#add(form);
    this.#literals = forms
      .filter((one) => !one.forms.some(({ literal }) => literal))
      .map(({ secret }) => literalSecret(secret));
    this.#minRun = this.#literals.some(({ isShort }) => isShort) ? MIN_RUN_FOR_SHORT : MIN_RUN;
    this.#mostBetween = Math.max(MOST_BETWEEN, ...secrets.map(({ length }) => length));
    const bits = Math.max(10, Math.min(18, Math.ceil(Math.log2((this.#grams.size + 1) * 64))));
    this.#filterShift = 32 - bits;
    this.#filter = new Uint32Array(2 ** (bits - 5));
    for (const hash of this.#grams.keys()) {
      const place = hash >>> this.#filterShift;
      this.#filter[place >>> 5] = (this.#filter[place >>> 5] ?? 0) | (1 << (place & 31));
    }
  }

  /** Returns where secrets are in the text, in order and without overlaps. */
  spansIn(text: string): Span[] {
    if (this.#grams.size === 0 && this.#literals.length === 0) return [];
    return merged(this.#search(text, 0, { left: Math.max(LEAST_WORK, text.length * MOST_WORK_EACH) }));
  }

  /** Registers grams at such distances that every window of `enough` symbols contains one of them. */
  #add(form: SecretForm): void {
    const step = form.enough - MIN_SYMBOLS + 1;
    for (let offset = 0; offset + MIN_SYMBOLS <= form.symbols.length; offset += step) {
      let hash = 0;
      for (let place = offset; place < offset + MIN_SYMBOLS; place += 1)
        hash = (hash << 4) ^ gearOf(form.symbols.charCodeAt(place));
      const known = this.#grams.get(hash | 0) ?? [];
      known.push({ form, offset });
      this.#grams.set(hash | 0, known);
    }
  }

  #search(text: string, depth: number, work: Work): Span[] {
    let { spans, hasEscapes } = this.#searchLayer(text, depth, work);
    let toText = (span: Span): Span => span;
    let layer = text;
    if (hasEscapes) spans = [...spans, ...this.#searchQuotedPrintable(text, depth, work)];
    for (let layers = 1; hasEscapes && layers < MOST_LAYERS; layers += 1) {
      const decoded = decodeOnce(layer);
      if (!decoded) break;
      work.left -= decoded.text.length;
      if (work.left < 0) return [[0, text.length]];
      const outer = toText;
      toText = ([start, end]) => outer([decoded.startOf(start), decoded.endOf(end - 1)]);
      layer = decoded.text;
      const found = this.#searchLayer(layer, depth, work);
      const more = found.hasEscapes ? this.#searchQuotedPrintable(layer, depth, work) : [];
      spans = [...spans, ...[...found.spans, ...more].map(toText)];
      ({ hasEscapes } = found);
    }
    return spans;
  }

  #searchQuotedPrintable(text: string, depth: number, work: Work): Span[] {
    const decoded = depth < MOST_DEPTH ? decodeQuotedPrintable(text) : undefined;
    if (!decoded) return [];
    work.left -= decoded.text.length;
    if (work.left < 0) return [[0, text.length]];
    return this.#search(decoded.text, depth + 1, work).map(([start, end]): Span => [
      decoded.startOf(start),
      decoded.endOf(end - 1),
    ]);
  }

  #searchLayer(text: string, depth: number, work: Work): { spans: Span[]; hasEscapes: boolean } {
    const spans: Span[] = this.#literals.length === 0 ? [] : this.#searchLiterals(text);
    const filter = this.#filter;
    const shift = this.#filterShift;
    const minRun = this.#minRun;
    let hasEscapes = false;
    let hash = 0;
    let runStart = 0;
    for (let place = 0; place < text.length; place += 1) {
      const code = text.charCodeAt(place);
      const kind = code < 128 ? (KINDS[code] ?? 0) : isOtherForm(code) ? BEGINS_ESCAPE : 0;
      if (kind > 0 && kind < OF_BLOB) {
        hash = (hash << 4) ^ (GEAR[kind] ?? 0);
        const at = hash >>> shift;
        if (((filter[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0) this.#verify(text, place, hash, spans);
      } else if (kind !== OF_BLOB) {
        if (kind === BEGINS_ESCAPE) hasEscapes = true;
        if (place - runStart >= minRun) this.#searchBlob(text, [runStart, place], depth, work, spans);
        runStart = place + 1;
      }
    }
    if (text.length - runStart >= minRun) this.#searchBlob(text, [runStart, text.length], depth, work, spans);
    return { spans, hasEscapes };
  }

  /** Verifies the forms whose hash matches the eight symbols that end at this position. */
  #verify(text: string, place: number, hash: number, spans: Span[]): void {
    for (const { form, offset } of this.#grams.get(hash) ?? []) {
      const span = matchAround(text, place, form, { offset, mostBetween: this.#mostBetween });
      const last = spans.at(-1);
      if (span && !(last && last[0] === span[0] && last[1] === span[1])) spans.push(span);
    }
  }

  #searchBlob(text: string, [start, end]: Span, depth: number, work: Work, spans: Span[]): void {
    if (depth >= MOST_DEPTH) return;
    for (const piece of piecesOf(text, start, end, { whole: this.#minRun === MIN_RUN_FOR_SHORT })) {
      work.left -= piece.text.length;
      if (work.left < 0) {
        spans.push([start, end]);
        return;
      }
      const found = merged(this.#search(piece.text, depth + 1, work));
      const [first, last] = [found[0], found.at(-1)];
      if (!first || !last) continue;
      // Mapping a position back takes time linear in the text before it, so many finds are mapped as one range.
      for (const [from, to] of found.length > MOST_IN_PIECE ? [[first[0], last[1]] as const] : found)
        spans.push(piece.sourceOf(from, to));
    }
  }

  #searchLiterals(text: string): Span[] {
    return this.#literals.flatMap(({ pattern }) =>
      [...text.matchAll(pattern)].map(({ 0: found, index }): Span => [index, index + found.length]),
    );
  }
}

/**
 * Returns the longest run of the form's symbols around its gram that ends at this position; undefined if it is too
 * short.
 */
function matchAround(
  text: string,
  place: number,
  { symbols, enough, literal, blurred }: SecretForm,
  { offset, mostBetween }: { offset: number; mostBetween: number },
): Span | undefined {
  let first = offset + MIN_SYMBOLS;
  let start = place + 1;
  for (let at = place; first > 0 && at >= 0 && start - at <= mostBetween; at -= 1) {
    const symbol = symbolAt(text, at);
    if (symbol === 0) continue;
    if (symbol !== kindOf(symbols.charCodeAt(first - 1))) break;
    first -= 1;
    start = at;
  }
  if (first > offset) return undefined;
  let next = offset + MIN_SYMBOLS;
  let end = place + 1;
  for (let at = end; next < symbols.length && at < text.length && at - end <= mostBetween; at += 1) {
    const symbol = symbolAt(text, at);
    if (symbol === 0) continue;
    if (symbol !== kindOf(symbols.charCodeAt(next))) break;
    next += 1;
    end = at + 1;
  }
  if (next - first < enough) return undefined;
  if (blurred === true) return [isOfBlob(text, start - 1) ? start - 1 : start, isOfBlob(text, end) ? end + 1 : end];
  return literal ? withEdges(text, [start, end], literal, [first, next]) : [start, end];
}

/** Extends a match by the characters next to it that are not letters or digits but belong to the secret. */
function withEdges(
  text: string,
  [start, end]: Span,
  literal: NonNullable<SecretForm['literal']>,
  [first, next]: Span,
): Span {
  let from = start;
  for (
    let at = (literal.places[first] ?? 0) - 1;
    at >= 0 && from > 0 && text.charCodeAt(from - 1) === literal.text.charCodeAt(at);
    at -= 1
  )
    from -= 1;
  let to = end;
  for (
    let at = (literal.places[next - 1] ?? 0) + 1;
    at < literal.text.length && to < text.length && text.charCodeAt(to) === literal.text.charCodeAt(at);
    at += 1
  )
    to += 1;
  return [from, to];
}

function symbolAt(text: string, place: number): number {
  const kind = kindOf(text.charCodeAt(place));
  return kind < OF_BLOB ? kind : 0;
}

function isOfBlob(text: string, place: number): boolean {
  return place >= 0 && place < text.length && /[A-Za-z0-9+/_=-]/.test(text.charAt(place));
}

function kindOf(code: number): number {
  return code < 128 ? (KINDS[code] ?? 0) : 0;
}

function gearOf(code: number): number {
  return GEAR[kindOf(code)] ?? 0;
}

/**
 * A short secret counts only as a separate word. Otherwise a key named `k1` would be removed from inside other words.
 */
function literalSecret(secret: string): LiteralSecret {
  const isShort = secret.length < MIN_SYMBOLS;
  if (isShort)
    return {
      isShort,
      pattern: new RegExp(`(?<![A-Za-z0-9_])${escaped(secret)}(?![A-Za-z0-9_])`, secret.length < 4 ? 'g' : 'gi'),
    };
  const solid = secret.replace(/\s+/g, '');
  const source = solid === '' ? escaped(secret) : [...solid].map(escaped).join('\\s*');
  return { isShort, pattern: new RegExp(source, 'gi') };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

function merged(spans: Span[]): Span[] {
  if (spans.length < 2) return spans;
  const inOrder = [...spans].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const result: [number, number][] = [];
  for (const [start, end] of inOrder) {
    const last = result.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else result.push([start, end]);
  }
  return result;
}

function kinds(): Uint8Array {
  const table = new Uint8Array(128);
  const symbols = '0123456789abcdefghijklmnopqrstuvwxyz';
  for (let symbol = 0; symbol < symbols.length; symbol += 1) {
    table[symbols.charCodeAt(symbol)] = symbol + 1;
    table[symbols.charAt(symbol).toUpperCase().charCodeAt(0)] = symbol + 1;
  }
  for (const character of '+/-_\r\n') table[character.charCodeAt(0)] = OF_BLOB;
  for (const character of '%\\&=') table[character.charCodeAt(0)] = BEGINS_ESCAPE;
  return table;
}

/** Returns pseudorandom numbers, the same in every run. */
function gears(): Int32Array {
  const table = new Int32Array(OF_BLOB);
  let state = 0x9e3779b9;
  for (let symbol = 1; symbol < OF_BLOB; symbol += 1) {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) ^ (symbol * 0x27d4eb2f);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
    table[symbol] = state ^ (state >>> 16);
  }
  return table;
}
