import type { SourceColumns } from '../policy/snapshot-report';
import { USER_COLUMNS } from '../policy/source-spec';
import type { ColumnNames, UserColumn } from '../policy/source-spec';
import { CsvReader } from './csv-records';
import { fileBytes } from './file-bytes';
import type { Cells } from './header';
import { JsonlReader } from './jsonl-records';
import { MAX_RECORD_BYTES, RecordSplitter, UnsplittableError } from './record-splitter';
import type { RawRecord, RecordFormat } from './record-splitter';
import { SourceError } from './source';
import type { CellRules } from './to-user';

/** The formats of a user file. */
export type FileFormat = 'csv' | 'jsonl';

/** What one record says: its known cells, or why nobody can tell. */
export type FileRecord<Column extends string = UserColumn> =
  { cells: Cells<Column>; problem?: never } | { problem: string; cells?: never };

/** Understands the records of one format; undefined for one that is no row. Keeps what it learns on the way. */
export interface RecordReader<Column extends string = UserColumn> extends RecordFormat {
  readonly rules: CellRules;
  /** The columns that were found so far; undefined before any. */
  readonly report: SourceColumns | undefined;
  /** @throws SourceError when the file as a whole is no file of users. */
  read(record: RawRecord): FileRecord<Column> | undefined;
  /**
   * Called at the end of the file.
   * @throws SourceError when what is known only then says that the file is wrong.
   */
  finish?(): void;
}

/** What there is to know of a file before it is read. */
export interface UserFile {
  path: string;
  /** For `open`. */
  flags: string | number;
  format: FileFormat;
  columns: ColumnNames;
  /** Columns that are left out on purpose. @default none */
  ignoreColumns?: readonly string[] | undefined;
  /** Whether other columns are ignored whatever their names are. @default false */
  lenient?: boolean | undefined;
}

/** The reader for a format. */
export function readerFor({ format, columns, ignoreColumns, lenient }: Omit<UserFile, 'path' | 'flags'>): RecordReader {
  const rules = { known: USER_COLUMNS, renames: columns, ignore: ignoreColumns, lenient, field: 'file' };
  return format === 'csv' ? new CsvReader(rules) : new JsonlReader(rules);
}

/** The records of a file, some at a time. Ids stand as they are; whether a row can be a user is not looked at. */
export async function* fileRecords<Column extends string = UserColumn>(
  file: Pick<UserFile, 'path' | 'flags'>,
  reader: RecordReader<Column>,
  signal?: AbortSignal,
): AsyncGenerator<(FileRecord<Column> & Pick<RawRecord, 'line' | 'bytes'>)[], void, undefined> {
  const splitter = new RecordSplitter(reader);
  try {
    for await (const chunk of fileBytes(file.path, file.flags)) {
      signal?.throwIfAborted();
      yield readAll(splitter.push(chunk), reader);
    }
    yield readAll(splitter.end(), reader);
    reader.finish?.();
  } catch (error) {
    throw error instanceof UnsplittableError ? new SourceError('file', error.message) : error;
  }
}

function readAll<Column extends string>(
  records: Iterable<RawRecord>,
  reader: RecordReader<Column>,
): (FileRecord<Column> & Pick<RawRecord, 'line' | 'bytes'>)[] {
  const rows: (FileRecord<Column> & Pick<RawRecord, 'line' | 'bytes'>)[] = [];
  // One by one: the first record of a CSV file decides how the next ones are cut.
  for (const record of records) {
    const { line, bytes } = record;
    // The first record of a CSV file is asked about even when it is too long: it would have been the head.
    const read = reader.read(record);
    if (read !== undefined) rows.push({ ...(record.tooLong ? TOO_LONG : read), line, bytes });
  }
  return rows;
}

const TOO_LONG = { problem: `the row has more than ${MAX_RECORD_BYTES / 1024 / 1024} MiB` };
