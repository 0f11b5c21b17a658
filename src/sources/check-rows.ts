import { joinColumns, MANY_ROWS, MOST_REJECTED_SHOWN } from '../policy/snapshot-report';
import type { RejectedRow, SnapshotReport } from '../policy/snapshot-report';
import { rowGroupsOf, SourceError } from './source';
import { idsOf, NAMED_FIELDS } from '../policy/user-ids';
import type { TargetUser } from '../policy/target-reference';
import type { BadRow, GoodRow, Source, SourcePosition, SourceRow } from './source';

/** Maximum number of bad rows: a count, or a percentage of all rows. */
export type BadRowTolerance = { count: number } | { percent: number };

/** Rows counted so far, to be stored with the position. */
export interface RowCounts {
  good: number;
  bad: number;
}

/** Options for checking the rows of a source. */
export interface CheckOptions {
  /** See `SnapshotReport.source`. */
  name?: string | undefined;
  /** @default none */
  tolerance?: BadRowTolerance | undefined;
  /** Called for each bad row, for example to write it to a reject file. Reading waits for it. */
  onBadRow?: ((row: BadRow) => void | Promise<void>) | undefined;
  /** Where to continue, with the counts and the report up to there. */
  after?: { position: SourcePosition; counts: RowCounts; report?: SnapshotReport | undefined } | undefined;
  /**
   * Number of bad rows to collect before a source with too many is refused, so that the error names more than the
   * first. No good row is returned during this.
   * @default the number that is reported by line
   */
  lookFor?: number | undefined;
  /** Returns what is wrong with the IDs of a user that its providers do not take. @default nothing is */
  problemOf?: ((user: TargetUser) => string | undefined) | undefined;
  signal?: AbortSignal | undefined;
}

/** The source has more bad rows than tolerated, so no user is offboarded from it. */
export class TooManyBadRowsError extends SourceError {
  constructor(
    readonly counts: RowCounts,
    /** The first bad rows, without values. */
    readonly first: readonly RejectedRow[],
    allowed: string,
    advice = 'Correct them, or allow them with --bad-rows (badRows in an input).',
  ) {
    const lines = first.slice(0, MAX_NAMED).map(({ line, problem }) => `line ${line}: ${problem}`);
    const more = counts.bad - lines.length;
    super(
      'source',
      `${counts.bad} of ${counts.bad + counts.good} rows read cannot be users, and ${allowed}. ${lines.join('; ')}${more > 0 ? `; and ${more} more` : ''}. ${advice}`,
    );
  }
}

/** Maximum number of rows named in the error message. */
const MAX_NAMED = 5;

/** Reads a source and returns only its good rows. Succeeds only if the source is fit for a sweep. */
export class CheckedRows {
  readonly #source: Source;
  readonly #options: CheckOptions;
  readonly #first: RejectedRow[];
  readonly #frequent = new FrequentIds();
  readonly #counts: RowCounts;

  constructor(source: Source, options: CheckOptions = {}) {
    this.#source = source;
    this.#options = options;
    this.#counts = { good: 0, bad: 0, ...options.after?.counts };
    this.#first = [...(options.after?.report?.rejectedRows ?? [])];
  }

  /** Rows so far, including those counted before `after`. */
  get counts(): Readonly<RowCounts> {
    return this.#counts;
  }

  /** What is known about the source so far from its rows alone. */
  get report(): Omit<SnapshotReport, 'sharedIds'> {
    const before = this.#options.after?.report;
    const columns = joinColumns(before?.columns, this.#source.columns);
    const source = this.#options.name ?? before?.source;
    return {
      ...(source !== undefined && { source }),
      ...(columns !== undefined && { columns }),
      rejectedRows: [...this.#first],
      idsInManyRows: Math.max(this.#frequent.count, before?.idsInManyRows ?? 0),
    };
  }

  /**
   * Returns the good rows. Rejects with {@link TooManyBadRowsError} beyond the tolerance, which for a percentage is
   * known only at the end, and for a source with only bad rows; and with SourceError for an empty file or list.
   */
  async *rows(): AsyncGenerator<GoodRow, void, undefined> {
    const { onBadRow } = this.#options;
    for await (const group of this.#read()) {
      for (const read of group) {
        const row = this.#counted(read);
        if (row.user === undefined) await onBadRow?.(row);
        else if (!this.#isBeyondCount) yield row;
        if (this.#isOver) break;
      }
      if (this.#isOver) break;
    }
    this.#refuse();
  }

  /** The same in groups, without `onBadRow`. A row is counted when the iterator of its group returns it. */
  async *groups(): AsyncGenerator<Iterable<GoodRow>, void, undefined> {
    for await (const group of this.#read()) {
      yield this.#goodOf(group);
      if (this.#isOver) break;
    }
    this.#refuse();
  }

  #read(): AsyncIterable<Iterable<SourceRow>> {
    const { after, signal } = this.#options;
    return rowGroupsOf(this.#source, { after: after?.position, signal });
  }

  *#goodOf(group: Iterable<SourceRow>): Generator<GoodRow, void, undefined> {
    for (const read of group) {
      const row = this.#counted(read);
      if (row.user !== undefined && !this.#isBeyondCount) yield row;
      if (this.#isOver) return;
    }
  }

  #counted(read: SourceRow): SourceRow {
    const row = this.#checked(read);
    if (row.user !== undefined) {
      this.#counts.good += 1;
      this.#frequent.add(row);
    } else {
      this.#counts.bad += 1;
      if (this.#first.length < MOST_REJECTED_SHOWN) this.#first.push({ line: row.line, problem: row.problem });
    }
    return row;
  }

  #checked(row: SourceRow): SourceRow {
    const problem = row.user && this.#options.problemOf?.(row.user);
    if (problem === undefined) return row;
    const { position, line, user } = row;
    return { position, line, problem, raw: Buffer.from(JSON.stringify(user)) };
  }

  get #isBeyondCount(): boolean {
    const tolerance = this.#options.tolerance ?? { count: 0 };
    return 'count' in tolerance && this.#counts.bad > tolerance.count;
  }

  /** Whether enough bad rows were found to refuse the source. */
  get #isOver(): boolean {
    return this.#isBeyondCount && this.#counts.bad >= (this.#options.lookFor ?? MOST_REJECTED_SHOWN);
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

/** Maximum number of tracked IDs. An ID that occurs in more than one of this many rows on average is always found. */
const MAX_TRACKED = 1_000;

/**
 * Counts IDs that occur in many rows, in bounded memory (Misra and Gries): an untracked ID decrements the count of
 * every tracked one. It may miss an ID in a large source, but never reports one that is not in many rows.
 */
class FrequentIds {
  /** By provider and account, which few rows change, so that no text is composed for each row. */
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #many = new Map<string, Set<string>>();
  #tracked = 0;
  /** Whether no tracked ID was counted more than once. */
  #areAllOne = true;
  #found = 0;

  get count(): number {
    return this.#found;
  }

  add({ user }: GoodRow): void {
    const { account } = user;
    if (user.ids === undefined) {
      for (const { field, provider } of NAMED_FIELDS) {
        const value = user[field];
        if (typeof value === 'string') this.#addId(placeOf(provider, account), value);
      }
      return;
    }
    for (const [provider, given] of Object.entries(idsOf(user))) {
      for (const [id, value] of Object.entries(given)) {
        if (NAMED_FIELDS.some((own) => own.provider === provider && own.id === id && 'thing' in own)) continue;
        for (const one of typeof value === 'string' ? [value] : value) this.#addId(placeOf(provider, account), one);
      }
    }
  }

  #addId(place: string, id: string): void {
    let counts = this.#counts.get(place);
    const count = counts?.get(id);
    if (count !== undefined) {
      counts?.set(id, count + 1);
      this.#areAllOne = false;
      if (count + 1 > MANY_ROWS) this.#note(place, id);
    } else if (this.#tracked < MAX_TRACKED) {
      if (counts === undefined) this.#counts.set(place, (counts = new Map<string, number>()));
      counts.set(id, 1);
      this.#tracked += 1;
    } else this.#decrement();
  }

  #note(place: string, id: string): void {
    const many = this.#many.get(place) ?? new Set();
    this.#many.set(place, many);
    if (this.#found >= MAX_TRACKED || many.has(id)) return;
    many.add(id);
    this.#found += 1;
  }

  #decrement(): void {
    // As in nearly every source, of which each user has one row.
    if (this.#areAllOne) {
      this.#counts.clear();
      this.#tracked = 0;
      return;
    }
    this.#areAllOne = true;
    for (const [place, counts] of this.#counts) {
      for (const [tracked, times] of counts) {
        if (times > 1) {
          counts.set(tracked, times - 1);
          if (times > 2) this.#areAllOne = false;
        } else if (counts.delete(tracked)) this.#tracked -= 1;
      }
      if (counts.size === 0) this.#counts.delete(place);
    }
  }
}

function placeOf(provider: string, account: string | undefined): string {
  return account === undefined || account === '' ? provider : `${provider} ${account}`;
}
