import { joinColumns, MANY_ROWS, MOST_REJECTED_TOLD } from '../policy/snapshot-report';
import type { RejectedRow, SnapshotReport } from '../policy/snapshot-report';
import { SourceError } from './source';
import type { BadRow, GoodRow, Source, SourcePosition } from './source';

/** How many bad rows are tolerated: a count, or a share of all rows in percent. */
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
  /** Where to continue, together with what had been counted and found there. */
  after?: { position: SourcePosition; counts: RowCounts; report?: SnapshotReport | undefined } | undefined;
  /**
   * How many bad rows are looked for before a source with too many is refused, so that the refusal names more than the
   * first. No good row is returned meanwhile.
   * @default those that are reported by line
   */
  lookFor?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** More rows cannot be users than is tolerated; no user is offboarded from this source. */
export class TooManyBadRowsError extends SourceError {
  constructor(
    readonly counts: RowCounts,
    /** The first ones, without values. */
    readonly first: readonly RejectedRow[],
    allowed: string,
    advice = 'Correct them, or tolerate them with --bad-rows (badRows in an input).',
  ) {
    const lines = first.slice(0, MOST_NAMED).map(({ line, problem }) => `line ${line}: ${problem}`);
    const more = counts.bad - lines.length;
    super(
      'source',
      `${counts.bad} of ${counts.bad + counts.good} rows read cannot be users, and ${allowed}. ${lines.join('; ')}${more > 0 ? `; and ${more} more` : ''}. ${advice}`,
    );
  }
}

/** In the message of a refusal. */
const MOST_NAMED = 5;

/** Reads a source and lets only good rows through; it ends well only when the source is worth a sweep. */
export class CheckedRows {
  readonly #source: Source;
  readonly #options: CheckOptions;
  readonly #first: RejectedRow[];
  readonly #frequent = new FrequentIds();
  #counts: RowCounts;

  constructor(source: Source, options: CheckOptions = {}) {
    this.#source = source;
    this.#options = options;
    this.#counts = options.after?.counts ?? { good: 0, bad: 0 };
    this.#first = [...(options.after?.report?.rejectedRows ?? [])];
  }

  /** Rows so far, those counted before `after` too. */
  get counts(): Readonly<RowCounts> {
    return this.#counts;
  }

  /** What is known of the source so far, as far as its rows alone tell it. */
  get report(): Omit<SnapshotReport, 'sharedIds'> {
    const before = this.#options.after?.report;
    const columns = joinColumns(before?.columns, this.#source.columns);
    return {
      ...(columns !== undefined && { columns }),
      rejectedRows: [...this.#first],
      idsInManyRows: Math.max(this.#frequent.count, before?.idsInManyRows ?? 0),
    };
  }

  /**
   * The good rows. Rejects with {@link TooManyBadRowsError} beyond the tolerance, which for a share can be told only at the
   * end; and with SourceError for a source that has bad rows only, and for a file or list without any row.
   */
  async *rows(): AsyncGenerator<GoodRow, void, undefined> {
    const { after, signal, onBadRow } = this.#options;
    for await (const row of this.#source.rows({ after: after?.position, signal })) {
      if (row.user !== undefined) {
        this.#counts = { ...this.#counts, good: this.#counts.good + 1 };
        this.#frequent.add(row);
        if (!this.#isBeyondCount) yield row;
        continue;
      }
      this.#counts = { ...this.#counts, bad: this.#counts.bad + 1 };
      if (this.#first.length < MOST_REJECTED_TOLD) this.#first.push({ line: row.line, problem: row.problem });
      await onBadRow?.(row);
      if (this.#isBeyondCount && this.#counts.bad >= (this.#options.lookFor ?? MOST_REJECTED_TOLD)) break;
    }
    this.#refuse();
  }

  get #isBeyondCount(): boolean {
    const tolerance = this.#options.tolerance ?? { count: 0 };
    return 'count' in tolerance && this.#counts.bad > tolerance.count;
  }

  #refuse(): void {
    const { tolerance = { count: 0 } } = this.#options;
    const { good, bad } = this.#counts;
    if ('count' in tolerance && this.#isBeyondCount) {
      throw new TooManyBadRowsError(
        this.#counts,
        this.#first,
        tolerance.count === 0 ? 'none is tolerated' : `${tolerance.count} are tolerated`,
      );
    }
    if ('percent' in tolerance && bad * 100 > tolerance.percent * (good + bad)) {
      throw new TooManyBadRowsError(this.#counts, this.#first, `${tolerance.percent} % are tolerated`);
    }
    if (good > 0) return;
    if (bad > 0)
      throw new TooManyBadRowsError(
        this.#counts,
        this.#first,
        'without a single user there is nothing to do',
        'Correct the source.',
      );
    if (this.#source.refusesEmpty) {
      throw new SourceError(
        'source',
        `${this.#source.describe()} has no user. Nothing is deleted: an empty source never means all users.`,
      );
    }
  }
}

/** IDs that are followed at a time; any that more than this share of the rows has is found. */
const MOST_FOLLOWED = 1_000;

/**
 * Counts the IDs that stand in many rows, in bounded memory (Misra and Gries): an ID that is not among the followed ones
 * takes one off from each of them. So it may miss an ID in a large source, and never reports one that is not in many rows.
 */
class FrequentIds {
  readonly #counts = new Map<string, number>();
  readonly #many = new Set<string>();

  get count(): number {
    return this.#many.size;
  }

  add({ user }: GoodRow): void {
    const { plaidUserId, plaidUserToken, batchUserId } = user;
    const ids = [plaidUserId, plaidUserToken].filter((id) => id !== undefined).map((id) => `plaid ${id}`);
    for (const id of batchUserId === undefined ? ids : [...ids, `batch ${batchUserId}`]) this.#addId(id);
  }

  #addId(id: string): void {
    const count = this.#counts.get(id);
    if (count !== undefined) {
      this.#counts.set(id, count + 1);
      if (count + 1 > MANY_ROWS && this.#many.size < MOST_FOLLOWED) this.#many.add(id);
    } else if (this.#counts.size < MOST_FOLLOWED) this.#counts.set(id, 1);
    else {
      for (const [followed, times] of this.#counts) {
        if (times === 1) this.#counts.delete(followed);
        else this.#counts.set(followed, times - 1);
      }
    }
  }
}
