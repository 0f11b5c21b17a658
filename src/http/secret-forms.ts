import { layersOf } from './decode-layers';

/** Letters and digits of ASCII, which is what encodings, line breaks and quotes leave of a text, whatever they add. */
export type SymbolText = string;

/** One way in which a secret may be in a text, as the letters and digits of it in lower case. */
export interface SecretForm {
  symbols: SymbolText;
  /** So many symbols in a row prove that they are the secret's. */
  enough: number;
  /** The text itself, where the symbols are those of the text: what is around them there belongs to the secret too. */
  literal?: { text: string; places: readonly number[] };
  /** The symbols at both ends depend on what is next to the secret: one more to each side holds bits of it. */
  blurred?: boolean;
}

/** Fewer symbols than this occur in other texts too. */
export const MIN_SYMBOLS = 8;
/** A piece of this many characters of a secret is as secret as the whole. */
const WINDOW = 12;
/** Escapes may be escaped again so many times. */
export const MOST_LAYERS = 6;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * Returns the ways in which a secret may be echoed that no decoding of the text brings to light: as it is, backwards, and
 * its bytes in hex, decimal or octal, in base64 and in base32 at each place that it can have inside a longer text.
 * Empty for a secret with too few letters and digits.
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

/** All but the last character too. */
function enoughPlain(length: number): number {
  return Math.max(MIN_SYMBOLS, Math.min(WINDOW, length - 1));
}

/** What a window of the secret comes to in an encoding, without the characters at its seams. */
function enoughOf(symbols: SymbolText, characters: number): number {
  const each = symbols.length / characters;
  return Math.max(MIN_SYMBOLS, Math.floor(Math.min(WINDOW, characters - 1) * each) - 2);
}

/** Only the characters that depend on nothing but the secret; those at the seams depend on its neighbours too. */
function base64At(bytes: Buffer, offset: number): SymbolText {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  return symbolsOf(encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6)));
}

function base32At(bytes: Buffer, offset: number): SymbolText {
  let symbols = '';
  let gathered = 0;
  let bits = (offset * 8) % 5;
  // The first character is one of the secret's alone only where it begins with the secret.
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
