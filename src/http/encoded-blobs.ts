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
