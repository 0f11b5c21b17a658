import type { SourceColumns } from '../policy/snapshot-report';
import type { TargetUser } from '../policy/target-user';

/**
 * Where reading goes on. Opaque, and good only for the same source. It may hold data of the source, since an API's
 * cursor can well be an id: keep it where the ids are kept, never in a workflow's history.
 */
export type SourcePosition = string;

/** A row that is a user. */
export interface GoodRow {
  /** Given back as `after`, reading goes on behind this row. */
  position: SourcePosition;
  /** Where the row begins, from 1: a line of a file, or the row's number in a query, a list or all pages together. */
  line: number;
  user: TargetUser;
  problem?: never;
}

/** A row that cannot be a user. */
export interface BadRow {
  position: SourcePosition;
  line: number;
  /** Names the column and the rule that it breaks, never the value. */
  problem: string;
  /** The row as it came, cut short when it is huge; for a reject file only, since it holds ids. */
  raw?: Uint8Array;
  user?: never;
}

/** One row of a source. */
export type SourceRow = GoodRow | BadRow;

/** How a source is read. */
export interface RowsOptions {
  /** The position of the last row that is already done with. @default the beginning */
  after?: SourcePosition | undefined;
  /** Ends the reading early, also while it waits for an answer; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Who is to be off-boarded. Implement it for sources of your own. */
export interface Source {
  /** For example `csv`. */
  readonly kind: string;
  /**
   * Whether a source without any row is a mistake, as a file is, and not an answer, as that of a query is.
   * @default false
   */
  readonly refusesEmpty?: boolean;
  /** The columns that were found by the last reading; absent when it has none. */
  readonly columns?: SourceColumns | undefined;
  /** For logs and people: no id, no secret, no path beyond what was configured. */
  describe(): string;
  /**
   * Reads the rows in an order that is the same each time. Holds only a bounded part of the source in memory, reads no
   * further than it is asked to, and closes files and connections when it ends, fails, or its iterator's `return` is
   * called.
   *
   * Rejects with {@link SourceError} when the source itself is wrong, with {@link SourceUnavailableError} when a later
   * try can succeed, and with a task's own failure. It never ends early instead: a sweep over half of a source would
   * look complete.
   */
  rows(options?: RowsOptions): AsyncIterable<SourceRow>;
}

/** The source is wrong: trying again cannot help. The message says what to change, and holds no id and no secret. */
export class SourceError extends Error {
  override readonly name = 'SourceError';

  /** @param field The path in the source's description (`file`, `pages.itemsPath`) or a setting's name. */
  constructor(
    readonly field: string,
    message: string,
  ) {
    super(`${field}: ${message}`);
  }
}

/** The source cannot be read right now: trying again, from the last position, can succeed. */
export class SourceUnavailableError extends Error {
  override readonly name = 'SourceUnavailableError';
}
