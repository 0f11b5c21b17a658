import { crc32 } from 'node:zlib';
import type { SourcePosition } from './source';
import { SourceError } from './source';

const POSITION = /^(\d{1,15})-([0-9a-f]{8})$/;

const POLYNOMIAL = 0xedb88320;

/** The checksum of each byte, for {@link crcOf}. */
const CRC_OF_BYTE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 1 ? POLYNOMIAL ^ (sum >>> 1) : sum >>> 1;
  return sum;
});

/** The same as {@link crc32}, which takes longer than this for a short text of ASCII, because it makes a buffer of it. */
function crcOf(text: string, before: number): number {
  let sum = ~before;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) return crc32(text, before);
    sum = (CRC_OF_BYTE[(sum ^ code) & 0xff] ?? 0) ^ (sum >>> 8);
  }
  return ~sum >>> 0;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(byte: number): string {
  return HEX[byte & 0xff] ?? '';
}

/**
 * Counts the rows of a source that is always read from its beginning, and identifies those processed before. A position
 * is the count and a checksum of all rows up to it, because continuing in a source whose rows have changed could omit a
 * user.
 */
export class Progress {
  readonly #field: string;
  readonly #doneCount: number;
  readonly #doneSum: string;
  #count = 0;
  #sum = 0;

  /** @param field The field that names the source in error messages. */
  constructor(field: string, after: SourcePosition | undefined) {
    const given = after === undefined ? ['', '0', '00000000'] : POSITION.exec(after);
    if (given === null) throw new SourceError(field, 'the position to continue from does not belong to this source.');
    this.#field = field;
    this.#doneCount = Number(given[1]);
    this.#doneSum = given[2] ?? '';
  }

  /** Number of rows read, including those of earlier readings. */
  get count(): number {
    return this.#count;
  }

  /** The checksum of these rows. */
  get sum(): number {
    return this.#sum;
  }

  /**
   * Records the next row and returns its position, or undefined if it was processed before.
   *
   * @throws SourceError when the rows processed before have changed.
   */
  pass(content: string | Uint8Array): SourcePosition | undefined {
    return this.isNew(content) ? positionOf(this.#count, this.#sum) : undefined;
  }

  /** The same, without the text of the position, which {@link positionOf} makes of {@link count} and {@link sum}. */
  isNew(content: string | Uint8Array): boolean {
    this.#count += 1;
    this.#sum = typeof content === 'string' ? crcOf(content, this.#sum) : crc32(content, this.#sum);
    if (this.#count > this.#doneCount) return true;
    if (this.#count === this.#doneCount && hexSum(this.#sum) !== this.#doneSum) this.#refuseChanged();
    return false;
  }

  /** Must be called at the end. @throws SourceError when the source has fewer rows than were processed before. */
  end(): void {
    if (this.#count < this.#doneCount) this.#refuseChanged();
  }

  #refuseChanged(): never {
    throw new SourceError(
      this.#field,
      `the first ${this.#doneCount} rows differ from those that were read before, so reading cannot continue after them. Start again; the order of a source must stay the same while it is read.`,
    );
  }
}

/** Returns the position behind that many rows with this checksum. */
export function positionOf(count: number, sum: number): SourcePosition {
  return `${count}-${hexSum(sum)}`;
}

function hexSum(sum: number): string {
  return `${hexOf(sum >>> 24)}${hexOf(sum >>> 16)}${hexOf(sum >>> 8)}${hexOf(sum)}`;
}
