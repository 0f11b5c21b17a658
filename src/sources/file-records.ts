import { USER_COLUMNS } from '../policy/source-spec';
import type { ColumnNames, UserColumn } from '../policy/source-spec';
import { CsvReader } from './csv-records';
import { fileBytes } from './file-bytes';
import type { Cells } from './header';
import { JsonlReader } from './jsonl-records';
import { MAX_RECORD_BYTES, RecordSplitter, UnsplittableError } from './record-splitter';
import type { RawRecord } from './record-splitter';
import { SourceError } from './source';
import type { CellRules } from './to-user';

/** The formats of a user file. */
export type FileFormat = 'csv' | 'jsonl';

/** What one record says: its known cells, or why nobody can tell. */
export type FileRecord<Column extends string = UserColumn> = { cells: Cells<Column>; problem?: never } | { problem: string; cells?: never };

/** Understands the records of one format; undefined for one that is no row. Keeps what it learns on the way. */
export interface RecordReader<Column extends string = UserColumn> {
  /** Whether line breaks inside quotes belong to the record. */
  readonly quotes: boolean;
  readonly rules: CellRules;
  /** @throws SourceError when the file as a whole is no file of users. */
  read(record: RawRecord): FileRecord<Column> | undefined;
}

/** What there is to know of a file before it is read. */
export interface UserFile {
  path: string;
  /** For `open`. */
  flags: string | number;
  format: FileFormat;
  columns: ColumnNames;
}

/** The reader for a format. */
export function readerFor({ format, columns }: Pick<UserFile, 'format' | 'columns'>): RecordReader {
  return format === 'csv' ? new CsvReader(columns, USER_COLUMNS) : new JsonlReader(columns);
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
  } catch (error) {
    throw error instanceof UnsplittableError ? new SourceError('file', error.message) : error;
  }
}

function readAll<Column extends string>(
  records: readonly RawRecord[],
  reader: RecordReader<Column>,
): (FileRecord<Column> & Pick<RawRecord, 'line' | 'bytes'>)[] {
  return records.flatMap((record) => {
    const { line, bytes } = record;
    // The first record of a CSV file is asked about even when it is too long: it would have been the head.
    const read = reader.read(record);
    if (read === undefined) return [];
    return { ...(record.tooLong ? TOO_LONG : read), line, bytes };
  });
}

const TOO_LONG = { problem: `the row has more than ${MAX_RECORD_BYTES / 1024 / 1024} MiB` };
