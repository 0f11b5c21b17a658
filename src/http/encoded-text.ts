/** A text with its escapes decoded once, and where each character came from. */
interface DecodedText {
  text: string;
  /** Returns where the character at this position of the decoded text begins in the original text. */
  startOf: (place: number) => number;
  /** Returns where the character at this position of the decoded text ends in the original text. */
  endOf: (place: number) => number;
}

/**
 * Percent-encoding; escapes of JSON, JavaScript and shells; HTML entities; letters and digits in other forms, such as
 * full-width ones. Each decodes to one UTF-16 unit, or to two for code points above 0xffff.
 */
const ESCAPE =
  /%u[0-9a-f]{4}|%[0-9a-f]{2}|\\u\{[0-9a-f]{1,6}\}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[0-7]{3}|\\[^]|&#x[0-9a-f]{1,6};?|&#[0-9]{1,7};?|&[a-z]{2,16};|&(?:amp|lt|gt|quot)|[\u2460-\u24ff\uff01-\uff5e]|\ud835[\udc00-\udfff]/gi;

/** A byte in quoted-printable, or a line break that is not part of the text. */
const QUOTED_PRINTABLE = /=(?:[0-9a-f]{2}|[ \t]*\r?\n)/gi;

/** Whether a character beyond ASCII is one of those that {@link decodeOnce} replaces by a letter or digit. */
export function isOtherForm(code: number): boolean {
  return (code >= 0x2460 && code <= 0x24ff) || code === 0xd835 || (code >= 0xff01 && code <= 0xff5e);
}

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
  return decoded(text, ESCAPE, meaningOf);
}

/**
 * Like {@link decodeOnce}, for quoted-printable only: a name and its value (`key=abc`) look the same, so it must not be
 * decoded together with anything else.
 */
export function decodeQuotedPrintable(text: string): DecodedText | undefined {
  return decoded(text, QUOTED_PRINTABLE, (escape) =>
    /[\r\n]/.test(escape) ? '' : String.fromCharCode(Number.parseInt(escape.slice(1), 16)),
  );
}

function decoded(
  text: string,
  escapes: RegExp,
  meaning: (escape: string) => string | undefined,
): DecodedText | undefined {
  /**
   * For each escape: its position in the decoded text, its position in the original, its original length, its decoded
   * length.
   */
  const places: number[] = [];
  let shrunk = 0;
  const result = text.replace(escapes, (escape: string, at: number) => {
    const meant = meaning(escape);
    if (meant === undefined) return escape;
    places.push(at - shrunk, at, escape.length, meant.length);
    shrunk += escape.length - meant.length;
    return meant;
  });
  if (places.length === 0) return undefined;
  return {
    text: result,
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
    case '\\':
      return afterBackslash(escape, second);
    default:
      return escape.normalize('NFKC');
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
 * bytes in hex, decimal or octal, base64 and base32 at each offset within a longer text, and its UTF-16 in hex and
 * base64. Big-endian UTF-16 has the same symbols at another offset. Empty for a secret with too few letters and digits.
 */
export function formsOfSecret(secret: string): SecretForm[] {
  const bytes = Buffer.from(secret, 'utf8');
  const wide = Buffer.from(secret, 'utf16le');
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
    encoded(wide.toString('hex')),
    encoded([...bytes].map((byte) => `0x${byte.toString(16)}`).join('')),
    encoded([...bytes].join('')),
    encoded([...bytes].map((byte) => byte.toString(8).padStart(3, '0')).join('')),
    ...[0, 1, 2].flatMap((offset) => [bytes, wide].map((units) => encoded(base64At(units, offset), true))),
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
