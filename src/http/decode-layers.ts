/** A text with its escapes decoded once, and where each character came from. */
export interface DecodedText {
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

/** HTML entities of ASCII characters. */
const ENTITIES: Readonly<Record<string, string>> = {
  ...{
    amp: '&',
    apos: "'",
    ast: '*',
    bsol: '\\',
    colon: ':',
    comma: ',',
    commat: '@',
    dollar: '$',
    equals: '=',
    excl: '!',
  },
  ...{ grave: '`', gt: '>', hat: '^', lbrace: '{', lbrack: '[', lcub: '{', lowbar: '_', lpar: '(', lsqb: '[', lt: '<' },
  ...{
    midast: '*',
    nbsp: ' ',
    newline: '\n',
    num: '#',
    percnt: '%',
    period: '.',
    plus: '+',
    quest: '?',
    quot: '"',
    rbrace: '}',
  },
  ...{ rbrack: ']', rcub: '}', rpar: ')', rsqb: ']', semi: ';', sol: '/', tab: '\t', verbar: '|', vert: '|' },
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
export function layersOf(text: string, most: number): string[] {
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
