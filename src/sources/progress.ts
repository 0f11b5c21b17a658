import { crc32 } from 'node:zlib';
import type { SourcePosition } from './source';
import { SourceError } from './source';

const POSITION = /^(\d{1,15})-([0-9a-f]{8})$/;

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

  /**
   * Records the next row and returns its position, or undefined if it was processed before.
   *
   * @throws SourceError when the rows processed before have changed.
   */
  pass(content: string | Uint8Array): SourcePosition | undefined {
    this.#count += 1;
    this.#sum = crc32(content, this.#sum);
    if (this.#count > this.#doneCount) return this.#position();
    if (this.#count === this.#doneCount && this.#hexSum() !== this.#doneSum) this.#refuseChanged();
    return undefined;
  }

  /** Must be called at the end. @throws SourceError when the source has fewer rows than were processed before. */
  end(): void {
    if (this.#count < this.#doneCount) this.#refuseChanged();
  }

  #position(): SourcePosition {
    return `${this.#count}-${this.#hexSum()}`;
  }

  #hexSum(): string {
    return this.#sum.toString(16).padStart(8, '0');
  }

  #refuseChanged(): never {
    throw new SourceError(
      this.#field,
      `the first ${this.#doneCount} rows differ from those that were read before, so reading cannot continue after them. Start again; the order of a source must stay the same while it is read.`,
    );
  }
}
