/** A text with its escapes decoded once, and where each character came from. */
interface DecodedText {
  text: string;
  /** Returns where the character at this position of the decoded text begins in the original text. */
  startOf: (place: number) => number;
  /** Returns where the character at this position of the decoded text ends in the original text. */
  endOf: (place: number) => number;
}

/**
 * Percent-encoding; escapes of JSON, JavaScript and shells; HTML entities; `=` in quoted-printable. Each decodes to one
 * UTF-16 unit, or to two for code points above 0xffff.
 */
const ESCAPE =
  /%u[0-9a-f]{4}|%[0-9a-f]{2}|\\u\{[0-9a-f]{1,6}\}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[0-7]{3}|\\[^]|&#x[0-9a-f]{1,6};?|&#[0-9]{1,7};?|&[a-z]{2,16};|&(?:amp|lt|gt|quot)|=3d/gi;

const CONTROLS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** HTML entities of ASCII characters, each with its character. */
const ENTITIES: Readonly<Record<string, string>> = {
  ...{ nbsp: ' ', newline: '\n', tab: '\t' },
  ...Object.fromEntries(
    "amp& apos' ast* bsol\\ colon: comma, commat@ dollar$ equals= excl! grave` gt> hat^ lbrace{ lbrack[ lcub{ lowbar_ lpar( lsqb["
      .concat(' lt< midast* num# percnt% period. plus+ quest? quot" rbrace} rbrack] rcub} rpar) rsqb]')
      .concat(' semi; sol/ verbar| vert|')
      .split(' ')
      .map((entity) => [entity.slice(0, -1), entity.slice(-1)]),
  ),
};

const MAX_CODE_POINT = 0x10ffff;

/** Returns the text with its escapes decoded once; undefined if it contains none. Runs in linear time. */
export function decodeOnce(text: string): DecodedText | undefined {
  /**
   * For each escape: its position in the decoded text, its position in the original, its original length, its decoded
   * length.
   */
  const places: number[] = [];
  let shrunk = 0;
  const decoded = text.replace(ESCAPE, (escape: string, at: number) => {
    const meaning = meaningOf(escape);
    if (meaning === undefined) return escape;
    places.push(at - shrunk, at, escape.length, meaning.length);
    shrunk += escape.length - meaning.length;
    return meaning;
  });
  if (places.length === 0) return undefined;
  return {
    text: decoded,
    startOf: (place) => sourceOf(places, place)[0],
    endOf: (place) => sourceOf(places, place)[1],
  };
}

/** Returns the text and the results of decoding it repeatedly, at most this many texts in total. */
function layersOf(text: string, most: number): string[] {
  const layers = [text];
  while (layers.length < most) {
    const next = decodeOnce(layers[layers.length - 1] ?? '');
    if (!next) break;
    layers.push(next.text);
  }
  return layers;
}

function sourceOf(places: readonly number[], place: number): [start: number, end: number] {
  let low = 0;
  let high = places.length / 4;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle * 4] ?? 0) <= place) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return [place, place + 1];
  const [decodedAt = 0, at = 0, length = 0, now = 0] = places.slice((low - 1) * 4, low * 4);
  if (place < decodedAt + now) return [at, at + length];
  const moved = place - decodedAt - now + at + length;
  return [moved, moved + 1];
}

function meaningOf(escape: string): string | undefined {
  const second = escape.charAt(1);
  switch (escape.charAt(0)) {
    case '%':
      return codePoint(escape.slice(second === 'u' || second === 'U' ? 2 : 1), 16);
    case '&':
      if (second !== '#') return ENTITIES[escape.slice(1).replace(';', '').toLowerCase()];
      return /^&#x/i.test(escape)
        ? codePoint(escape.slice(3).replace(';', ''), 16)
        : codePoint(escape.slice(2).replace(';', ''), 10);
    case '=':
      return '=';
    default:
      return afterBackslash(escape, second);
  }
}

function afterBackslash(escape: string, second: string): string | undefined {
  if (escape.length === 2) return CONTROLS[second] ?? second;
  if (second === 'u' || second === 'x' || second === 'U' || second === 'X')
    return codePoint(escape.slice(2).replace(/[{}]/g, ''), 16);
  return codePoint(escape.slice(1), 8);
}

function codePoint(digits: string, base: number): string | undefined {
  const code = Number.parseInt(digits, base);
  return code <= MAX_CODE_POINT ? String.fromCodePoint(code) : undefined;
}

/** ASCII letters and digits: what is left of a text after encodings, line breaks and quotes are ignored. */
type SymbolText = string;

/** One encoding of a secret, as its letters and digits in lower case. */
export interface SecretForm {
  symbols: SymbolText;
  /** How many consecutive symbols prove that they belong to the secret. */
  enough: number;
  /** The secret itself, if the symbols are its own characters: the other characters around them belong to it too. */
  literal?: { text: string; places: readonly number[] };
  /**
   * The symbols at both ends depend on the text next to the secret, so one more symbol on each side contains some of
   * its bits.
   */
  blurred?: boolean;
}

/** Minimum number of symbols of a form: shorter sequences occur in other texts too. */
export const MIN_SYMBOLS = 8;
/** How many consecutive characters of a secret are as secret as the whole. */
const WINDOW = 12;
/** Maximum number of nested levels of escaping. */
export const MOST_LAYERS = 6;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * Returns the forms in which a secret may be echoed that decoding the text does not reveal: as it is, reversed, its
 * bytes in hex, decimal or octal, and base64 and base32 at each offset within a longer text. Empty for a secret with
 * too few letters and digits.
 */
export function formsOfSecret(secret: string): SecretForm[] {
  const bytes = Buffer.from(secret, 'utf8');
  const plain = [...new Set([...layersOf(secret, MOST_LAYERS), bytes.toString('latin1')])].map(literalForm);
  const length = plain[0]?.symbols.length ?? 0;
  const encoded = (symbols: SymbolText, blurred = false): SecretForm => ({
    symbols,
    enough: enoughOf(symbols, secret.length),
    ...(blurred && { blurred }),
  });
  const forms = [
    ...plain,
    { ...encoded(symbolsOf([...secret].reverse().join(''))), enough: enoughPlain(length) },
    encoded(bytes.toString('hex')),
    encoded([...bytes].map((byte) => `0x${byte.toString(16)}`).join('')),
    encoded([...bytes].join('')),
    encoded([...bytes].map((byte) => byte.toString(8).padStart(3, '0')).join('')),
    ...[0, 1, 2].map((offset) => encoded(base64At(bytes, offset), true)),
    ...[0, 1, 2, 3, 4].map((offset) => encoded(base32At(bytes, offset), true)),
  ];
  return forms.filter(({ symbols, enough }) => symbols.length >= MIN_SYMBOLS && symbols.length >= enough);
}

function literalForm(text: string): SecretForm {
  const places = [...text.matchAll(/[A-Za-z0-9]/g)].map(({ index }) => index);
  const symbols = symbolsOf(text);
  return { symbols, enough: enoughPlain(symbols.length), literal: { text, places } };
}

function symbolsOf(text: string): SymbolText {
  return text.replace(/[^A-Za-z0-9]+/g, '').toLowerCase();
}

/** A secret without its last character counts too. */
function enoughPlain(length: number): number {
  return Math.max(MIN_SYMBOLS, Math.min(WINDOW, length - 1));
}

/** Returns how many symbols a window of the secret has in an encoding, without the characters at its edges. */
function enoughOf(symbols: SymbolText, characters: number): number {
  const each = symbols.length / characters;
  return Math.max(MIN_SYMBOLS, Math.floor(Math.min(WINDOW, characters - 1) * each) - 2);
}

/** Returns only the symbols that depend on the secret alone; those at the edges depend on the text next to it. */
function base64At(bytes: Buffer, offset: number): SymbolText {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  return symbolsOf(encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6)));
}

function base32At(bytes: Buffer, offset: number): SymbolText {
  let symbols = '';
  let gathered = 0;
  let bits = (offset * 8) % 5;
  // The first symbol depends on the secret alone only if it starts at the secret's first bit.
  let isWhole = bits === 0;
  for (const byte of bytes) {
    gathered = ((gathered << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      if (isWhole) symbols += BASE32.charAt((gathered >> bits) & 31);
      isWhole = true;
    }
  }
  return symbols;
}

/** A readable piece of encoded data. */
interface BlobPiece {
  text: string;
  /** Returns the range of the encoded text that produced this range of the piece. */
  sourceOf: (start: number, end: number) => readonly [start: number, end: number];
}

/** Minimum length of a piece, in bytes. Shorter readable sequences occur by chance: one byte in three is readable. */
const MIN_PIECE = 8;
const MIN_HEX = 2 * MIN_PIECE;
/** Minimum lengths of data that may be a short secret as a whole. */
const MIN_WHOLE_BASE64 = 2;
const MIN_WHOLE_HEX = 3;

const OTHER = 255;
/** Values of the characters of base64 and base64url, and of hex digits. */
const BASE64 = valuesOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', '-_', 62);
const HEX = valuesOf('0123456789abcdef', 'ABCDEF', 10);
const READABLE = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte >= 32 && byte < 127) || byte === 9 || byte === 10 || byte === 13 ? 1 : 0,
);

/**
 * Returns the readable pieces of a range of the text, decoded as base64 and as hex. The range contains only characters
 * of base64 and line breaks. With `whole`, also returns the decoded range as a whole, however short.
 */
export function piecesOf(text: string, start: number, end: number, options: { whole: boolean }): readonly BlobPiece[] {
  const phases = readablePhases(text, start, end);
  if (phases === 0 && !options.whole) return NONE;
  const pieces: BlobPiece[] = [];
  for (let phase = 0; phase < 4; phase += 1) {
    if ((phases & (1 << phase)) !== 0) decode(text, start, end, { bits: 6, phase, values: BASE64 }, pieces);
  }
  for (let phase = 0; phase < 2; phase += 1) {
    if ((phases & MAY_BE_HEX) !== 0) decode(text, start, end, { bits: 4, phase, values: HEX }, pieces);
  }
  return options.whole ? [...pieces, ...wholeOf(text, start, end)] : pieces;
}

const NONE: readonly BlobPiece[] = [];
/** Follows the four bits for the offsets at which base64 may begin. */
const MAY_BE_HEX = 16;

/** Decodes the whole range, because a short secret is shorter than a piece but may be all of the data. */
function wholeOf(text: string, start: number, end: number): BlobPiece[] {
  const found: BlobPiece[] = [];
  decode(text, start, end, { bits: 6, phase: 0, values: BASE64, least: MIN_WHOLE_BASE64 }, found);
  if (end - start <= 2 * MIN_HEX)
    decode(text, start, end, { bits: 4, phase: 0, values: HEX, least: MIN_WHOLE_HEX }, found);
  return found.filter((piece) => {
    const [from, to] = piece.sourceOf(0, piece.text.length);
    return from === start && to >= end - 2;
  });
}

/** Number of consecutive readable bytes, for each offset at which base64 may begin. */
const rows = new Int32Array(4);

/**
 * Returns a bit for each base64 offset that gives enough consecutive readable bytes, and one if there are enough
 * consecutive hex digits. Reads each character once, because this runs for every ID in every response.
 */
function readablePhases(text: string, start: number, end: number): number {
  rows.fill(0);
  let phases = 0;
  let gathered = 0;
  let count = 0;
  let hexCount = 0;
  for (let place = start; place < end; place += 1) {
    const code = text.charCodeAt(place);
    const value = BASE64[code] ?? OTHER;
    if (value === OTHER) continue;
    gathered = ((gathered << 6) | value) & 0xfff;
    // If base64 begins at `phase`, this is its character `(count - phase) % 4`; the first of four completes no byte.
    phases |=
      rowAfter((count + 3) & 3, gathered >> 4) |
      rowAfter((count + 2) & 3, (gathered >> 2) & 255) |
      rowAfter((count + 1) & 3, gathered & 255);
    count += 1;
    hexCount = (HEX[code] ?? OTHER) === OTHER ? 0 : hexCount + 1;
    if (hexCount === MIN_HEX) phases |= MAY_BE_HEX;
  }
  return phases;
}

/** Counts a byte of this phase; returns the phase's bit once there are enough in a row. */
function rowAfter(phase: number, byte: number): number {
  const row = READABLE[byte] === 1 ? (rows[phase] ?? 0) + 1 : 0;
  rows[phase] = row;
  return row >= MIN_PIECE ? 1 << phase : 0;
}

interface Decoding {
  bits: 4 | 6;
  /** How many characters to skip first: of the whole range for base64, of each run of digits for hex. */
  phase: number;
  values: Uint8Array;
  least?: number;
}

function decode(
  text: string,
  start: number,
  end: number,
  { bits, phase, values, least = MIN_PIECE }: Decoding,
  into: BlobPiece[],
): void {
  const per = bits === 6 ? 4 : 2;
  const bytes = Buffer.allocUnsafe(end - start);
  let length = 0;
  let gathered = 0;
  let count = -phase;
  let before = start;
  /** The character in which the first byte of the piece begins, and how many of its bits belong to the byte before. */
  let first = start;
  let unused = 0;
  const finish = (): void => {
    if (length >= least)
      into.push(new Piece(text, bytes.toString('latin1', 0, length), { first, unused, bits, values }));
    length = 0;
  };
  for (let place = start; place < end; place += 1) {
    const code = text.charCodeAt(place);
    const value = values[code] ?? OTHER;
    if (value === OTHER) {
      if (bits === 6 || code === 10 || code === 13) continue;
      finish();
      count = -phase;
      continue;
    }
    gathered = ((gathered << bits) | value) & 0xfff;
    const within = count & (per - 1);
    if (count >= 0 && within > 0) {
      const byte = (bits === 6 ? gathered >> (6 - 2 * within) : gathered) & 255;
      if (READABLE[byte] === 1) {
        if (length === 0) [first, unused] = [before, bits === 6 ? 2 * (within - 1) : 0];
        bytes[length] = byte;
        length += 1;
      } else if (length > 0) finish();
    }
    count += 1;
    before = place;
  }
  finish();
}

interface Origin {
  first: number;
  unused: number;
  bits: number;
  values: Uint8Array;
}

class Piece implements BlobPiece {
  readonly text: string;
  readonly #encoded: string;
  readonly #origin: Origin;

  constructor(encoded: string, text: string, origin: Origin) {
    this.#encoded = encoded;
    this.text = text;
    this.#origin = origin;
  }

  sourceOf(start: number, end: number): readonly [start: number, end: number] {
    const { unused, bits } = this.#origin;
    const from = this.#placeOf(Math.floor((unused + 8 * start) / bits));
    return [from, this.#placeOf(Math.floor((unused + 8 * end - 1) / bits)) + 1];
  }

  /** Skips line breaks, which are not characters of the encoding. */
  #placeOf(character: number): number {
    const { first, values } = this.#origin;
    let left = character;
    let place = first;
    while (place < this.#encoded.length) {
      if ((values[this.#encoded.charCodeAt(place)] ?? OTHER) !== OTHER) {
        if (left === 0) break;
        left -= 1;
      }
      place += 1;
    }
    return place;
  }
}

function valuesOf(alphabet: string, others: string, firstOfOthers: number): Uint8Array {
  const values = new Uint8Array(128).fill(OTHER);
  for (let value = 0; value < alphabet.length; value += 1) values[alphabet.charCodeAt(value)] = value;
  for (let place = 0; place < others.length; place += 1) values[others.charCodeAt(place)] = firstOfOthers + place;
  return values;
}
