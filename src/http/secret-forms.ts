import { layersOf } from './decode-layers';

/** ASCII letters and digits: what is left of a text after encodings, line breaks and quotes are ignored. */
export type SymbolText = string;

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
