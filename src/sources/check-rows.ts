import { SourceError } from './source';
import type { BadRow, GoodRow, Source, SourcePosition } from './source';

/** How many bad rows are put up with: a count, or a share of all rows in percent. */
export type BadRowTolerance = { count: number } | { percent: number };

/** Rows counted so far, to be kept beside the position. */
export interface RowCounts {
  good: number;
  bad: number;
}

/** How the rows of a source are checked. */
export interface CheckOptions {
  /** @default none */
  tolerance?: BadRowTolerance | undefined;
  /** Takes each bad row, for example into a reject file; reading waits for it. */
  onBadRow?: ((row: BadRow) => void | Promise<void>) | undefined;
  /** Where to go on, together with what had been counted there. */
  after?: { position: SourcePosition; counts: RowCounts } | undefined;
  signal?: AbortSignal | undefined;
}

/** More rows cannot be users than is tolerated; nobody may be off-boarded from this source. */
export class TooManyBadRowsError extends SourceError {
  constructor(
    readonly counts: RowCounts,
    /** The first ones, without values. */
    readonly first: readonly Pick<BadRow, 'line' | 'problem'>[],
    allowed: string,
  ) {
    const lines = first.map(({ line, problem }) => `line ${line}: ${problem}`).join('; ');
    super('source', `${counts.bad} of ${counts.bad + counts.good} rows read cannot be users, and ${allowed}. ${lines}.`);
  }
}

const MOST_TOLD = 3;

/** Reads a source and lets only good rows through; it ends well only when the source is worth a sweep. */
export class CheckedRows {
  readonly #source: Source;
  readonly #options: CheckOptions;
  readonly #first: Pick<BadRow, 'line' | 'problem'>[] = [];
  #counts: RowCounts;

  constructor(source: Source, options: CheckOptions = {}) {
    this.#source = source;
    this.#options = options;
    this.#counts = options.after?.counts ?? { good: 0, bad: 0 };
  }

  /** Rows so far, those counted before `after` too. */
  get counts(): Readonly<RowCounts> {
    return this.#counts;
  }

  /**
   * The good rows. Rejects with {@link TooManyBadRowsError} beyond the tolerance, which for a share can be told only
   * at the end, and with SourceError when there is no good row at all: an empty source never means everybody.
   */
  async *rows(): AsyncGenerator<GoodRow, void, undefined> {
    const { after, signal, onBadRow } = this.#options;
    for await (const row of this.#source.rows({ after: after?.position, signal })) {
      if (row.user !== undefined) {
        this.#counts = { ...this.#counts, good: this.#counts.good + 1 };
        yield row;
        continue;
      }
      this.#counts = { ...this.#counts, bad: this.#counts.bad + 1 };
      if (this.#first.length < MOST_TOLD) this.#first.push({ line: row.line, problem: row.problem });
      await onBadRow?.(row);
      this.#refuseBeyondCount();
    }
    this.#refuseAtEnd();
  }

  #refuseBeyondCount(): void {
    const tolerance = this.#options.tolerance ?? { count: 0 };
    if (!('count' in tolerance) || this.#counts.bad <= tolerance.count) return;
    throw new TooManyBadRowsError(this.#counts, this.#first, tolerance.count === 0 ? 'none is tolerated' : `${tolerance.count} are tolerated`);
  }

  #refuseAtEnd(): void {
    const { tolerance } = this.#options;
    const { good, bad } = this.#counts;
    if (tolerance && 'percent' in tolerance && bad * 100 > tolerance.percent * (good + bad)) {
      throw new TooManyBadRowsError(this.#counts, this.#first, `${tolerance.percent} % are tolerated`);
    }
    if (good === 0) {
      throw new SourceError('source', `${this.#source.describe()} holds no user. Nobody is off-boarded: an empty source never means everybody.`);
    }
  }
}
