/** The columns of a source, by the names that the source gives them. */
export interface SourceColumns {
  used: readonly string[];
  ignored: readonly string[];
}

/** A row that cannot be a user, without any value of it. */
export interface RejectedRow {
  /** Where it begins, from 1: a line of a file, or the row's number. */
  line: number;
  /** Names the column and the rule that it breaks. */
  problem: string;
}

/** What is known of a sweep's source besides the numbers of its rows; it contains no ID. */
export interface SnapshotReport {
  /** Where the users come from: `file:` and the file's name without folders, or `query:NAME` and the like. @default unknown */
  source?: string;
  /** Absent for a list in the input and for a source that does not report them. */
  columns?: SourceColumns;
  /** The first {@link MOST_REJECTED_SHOWN} rows that cannot be users. */
  rejectedRows: readonly RejectedRow[];
  /** Rows that share an ID with an earlier row and differ from it in another ID. */
  sharedIds: number;
  /** IDs that more than {@link MANY_ROWS} rows have. */
  idsInManyRows: number;
}

/** Maximum number of rejected rows that are reported by line. */
export const MOST_REJECTED_SHOWN = 10;

/** An ID in more rows than this is reported. */
export const MANY_ROWS = 10;

/** Joins the columns that two readings of one source found. */
export function joinColumns(
  before: SourceColumns | undefined,
  now: SourceColumns | undefined,
): SourceColumns | undefined {
  if (before === undefined || now === undefined) return now ?? before;
  return {
    used: [...new Set([...before.used, ...now.used])],
    ignored: [...new Set([...before.ignored, ...now.ignored])],
  };
}

/** Returns what to check before users are deleted, in sentences. */
export function snapshotWarnings({
  sharedIds,
  idsInManyRows,
}: Pick<SnapshotReport, 'sharedIds' | 'idsInManyRows'>): string[] {
  const rows = sharedIds === 1 ? '1 row shares an ID' : `${sharedIds} rows share an ID`;
  const ids = idsInManyRows === 1 ? '1 ID is' : `${idsInManyRows} IDs are`;
  return [
    ...(sharedIds > 0
      ? [
          `${rows} with an earlier row and differ${sharedIds === 1 ? 's' : ''} from it in another ID. Check that these are IDs and not placeholders.`,
        ]
      : []),
    ...(idsInManyRows > 0
      ? [
          `${ids} in more than ${MANY_ROWS} rows. Check that ${idsInManyRows === 1 ? 'it is an ID and not a placeholder' : 'they are IDs and not placeholders'}.`,
        ]
      : []),
  ];
}
