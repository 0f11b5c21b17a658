import type { ColumnNames } from '../policy/source-spec';
import { CsvReader } from './csv-records';
import { fileBytes } from './file-bytes';
import { JsonlReader } from './jsonl-records';
import { MAX_RECORD_BYTES, RecordSplitter, UnsplittableError } from './record-splitter';
import type { FileRecord, RawRecord, RecordReader } from './record-splitter';
import type { ColumnRules } from './header';
import { SourceError } from './source';
import { UserColumns } from './user-columns';

/** The formats of a user file. */
export type FileFormat = 'csv' | 'jsonl';

/** A user file to read. */
export interface UserFile {
  path: string;
  /** Flags of `open`. */
  flags: string | number;
  format: FileFormat;
  columns: ColumnNames;
  /** The columns of a user. @default those of the providers that come with the package */
  known?: UserColumns | undefined;
  /** Columns to ignore. @default none */
  ignoreColumns?: readonly string[] | undefined;
  /** Whether all other columns are ignored, whatever their names. @default false */
  lenient?: boolean | undefined;
}

/** Returns the rules for the columns of a source of users. */
export function rulesOf(
  columns: UserColumns,
  renames: ColumnNames,
): Pick<ColumnRules<string>, 'known' | 'renames' | 'resembles'> {
  return { known: columns.names, renames, resembles: (name) => columns.resembles(name) };
}

/** Returns the reader for a format. */
export function readerFor({
  format,
  columns,
  known = UserColumns.BASIC,
  ignoreColumns,
  lenient,
}: Omit<UserFile, 'path' | 'flags'>): RecordReader {
  const rules = { ...rulesOf(known, columns), ignore: ignoreColumns, lenient, field: 'file' };
  return format === 'csv' ? new CsvReader(rules) : new JsonlReader(rules);
}

/** Returns the records of a file in batches. IDs are unchanged, and whether a row is a valid user is not checked. */
export async function* fileRecords<Column extends string = string>(
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
  // One by one, because the first record of a CSV file decides how the next ones are split.
  for (const record of records) {
    const { line, bytes } = record;
    // Also for a record that is too long, because it may be the header of a CSV file.
    const read = reader.read(record);
    if (read !== undefined) rows.push({ ...(record.tooLong ? TOO_LONG : read), line, bytes });
  }
  return rows;
}

const TOO_LONG = { problem: `the row has more than ${MAX_RECORD_BYTES / 1024 / 1024} MiB` };
