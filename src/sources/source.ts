import type { SourceColumns } from '../policy/snapshot-report';
import type { TargetUser } from '../policy/target-reference';

/**
 * Where reading continues. Opaque, and valid only for the same source. It may contain data of the source, because an
 * API's cursor can be an ID: store it where the IDs are stored, never in a workflow's history.
 */
export type SourcePosition = string;

/** A row that is a valid user. */
export interface GoodRow {
  /** Passed as `after`, reading continues after this row. */
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
  /** Names the column and the rule that it violates, never the value. */
  problem: string;
  /** The original row, truncated if it is huge. Only for a reject file, because it contains IDs. */
  raw?: Uint8Array;
  user?: never;
}

/** One row of a source. */
export type SourceRow = GoodRow | BadRow;

/** Options for reading a source. */
export interface RowsOptions {
  /** The position of the last row that was processed. @default the beginning */
  after?: SourcePosition | undefined;
  /** Stops the reading, even while it waits for a response; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** A source of users to offboard. Implement it for your own sources. */
export interface Source {
  /** For example `csv`. */
  readonly kind: string;
  /**
   * Whether a source without rows is an error, as for a file, rather than a valid result, as for a query.
   * @default false
   */
  readonly refusesEmpty?: boolean;
  /** The columns found by the last reading, if any. */
  readonly columns?: SourceColumns | undefined;
  /** Returns a description for logs and messages, without IDs, secrets, or paths other than the configured one. */
  describe(): string;
  /**
   * Reads the rows, always in the same order. Uses bounded memory, reads no further than requested, and closes files
   * and connections when it ends, fails, or its iterator's `return` is called.
   *
   * Rejects with {@link SourceError} when the source is wrong, with {@link SourceUnavailableError} when a retry can
   * succeed, or with a task's own failure. It must never end early instead, because a sweep over half of a source would
   * look complete.
   */
  rows(options?: RowsOptions): AsyncIterable<SourceRow>;
}

/** A source of this package that has several rows at a time, which is faster than one by one. */
export interface GroupedSource extends Source {
  /** The rows of {@link Source.rows} in groups, each of which is read while it is iterated. */
  rowGroups(options?: RowsOptions): AsyncIterable<Iterable<SourceRow>>;
}

/** Returns the rows of any source in groups; one row at a time if the source has no groups. */
export async function* rowGroupsOf(source: Source, options: RowsOptions): AsyncGenerator<Iterable<SourceRow>> {
  if ('rowGroups' in source) yield* (source as GroupedSource).rowGroups(options);
  else for await (const row of source.rows(options)) yield [row];
}

/** The source is wrong; not retryable. The message says what to change, and contains no ID or secret. */
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

/** The source is temporarily unavailable. Retrying from the last position can succeed. */
export class SourceUnavailableError extends Error {
  override readonly name = 'SourceUnavailableError';
}
